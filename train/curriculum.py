"""Which questions of a version a stage of RL asks, and in which order.

    question_id       split  difficulty  pass_rate  left_out
    1f0c2d3e4a5b6c7d  sft    medium           0.5   null
    77aa01f0c2d3e4a5  rl     unsolved         0.0   difficulty

The paper's last recipe trains on the medium questions with the vision tower frozen, then on the hard ones: two stages,
each a run of its own (`[[rl]]` twice), the second from the model of the first.
"""

import random
from collections.abc import Collection
from math import ceil
from typing import Literal

import polars as pl
from pydantic import Field

from ovt.core.errors import OvtError
from ovt.core.section import Section


class QuestionsSection(Section):
    """Which questions are asked; both splits of a version hold images, prompts and answers.

    splits        "sft" (solved by the model that wrote the version) and "rl" (answered, but never right)
    difficulty    the version's buckets: easy, medium, hard, unsolved; empty: all
    sure          what becomes of questions that are sure to be answered alike every time, right or wrong, so that a
                  group of rollouts teaches nothing: "keep" them, leave them out by the version's "stored" pass rates,
                  or by the "rollouts" of the run that the model comes from (by the version's where it asked none)
    max_prompt_length   tokens, image tokens included; longer prompts are left out, and those that the model's context
                        has no room for beside a response of max_completion_length
    """

    splits: tuple[Literal["sft", "rl"], ...] = Field(("sft", "rl"), min_length=1)
    difficulty: list[str] = Field(default_factory=list)
    sure: Literal["keep", "stored", "rollouts"] = "keep"
    max_prompt_length: int = Field(6144, ge=1)


def mark(questions: pl.DataFrame, section: QuestionsSection) -> pl.DataFrame:
    """The table with `left_out`: why a question is not asked, null where it is.

    questions   question_id, difficulty, pass_rate, and reason (why it cannot be fed to the model, or null)
    """
    check_buckets(questions, section.difficulty)
    elsewhere = pl.lit(bool(section.difficulty)) & ~pl.col("difficulty").is_in(section.difficulty).fill_null(False)
    sure = pl.lit(section.sure != "keep") & pl.col("pass_rate").is_in([0.0, 1.0]).fill_null(False)
    repeated = pl.int_range(pl.len()).over("question_id") > 0
    why = (
        pl.when(pl.col("reason").is_not_null())
        .then(pl.col("reason"))
        .when(repeated)
        .then(pl.lit("repeated"))
        .when(elsewhere)
        .then(pl.lit("difficulty"))
        .when(sure)
        .then(pl.lit("sure"))
    )
    return questions.with_columns(why.alias("left_out"))


def check_buckets(questions: pl.DataFrame, wanted: Collection[str]) -> None:
    """OvtError for a bucket that no question is in."""
    there = dict(questions.drop_nulls("difficulty")["difficulty"].value_counts(sort=True).iter_rows())
    if missing := [name for name in wanted if name not in there]:
        known = ", ".join(f"{name} {count:,}" for name, count in there.items()) or "none"
        raise OvtError(f"no question is {missing[0]!r}: its version has {known}; choose among these in difficulty")


def update_rates(questions: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """The table with the pass rates that were measured (question_id, pass_rate) in place of those stored."""
    newer = rates.rename({"pass_rate": "newer"})
    joined = questions.join(newer, on="question_id", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("newer", "pass_rate").alias("pass_rate")).drop("newer")


def asked_in_order(count: int, places: int, seed: int) -> list[int]:
    """`places` picks among `count` questions: each once in an order drawn from the seed, then each once again, …"""
    drawn: list[int] = []
    for turn in range(ceil(places / count)):
        order = list(range(count))
        random.Random(f"{seed}-{turn}").shuffle(order)
        drawn += order
    return drawn[:places]


def describe_left_out(marked: pl.DataFrame) -> dict[str, int]:
    """How many questions were left out, by reason."""
    return dict(marked["left_out"].drop_nulls().value_counts(sort=True).iter_rows())
