"""Which of a question's correct samples are kept: the shortest, as in the paper, or another choice.

    sample_id                  question_id       text                  words
    1f0c2d3e4a5b6c7d-reason-3  1f0c2d3e4a5b6c7d  <think>\\nThe bar …  48

Length is measured in words of the whole response (runs without white space); ties go to the lower index.
"""

import hashlib
from typing import Literal

import polars as pl

from ovt.core.decisions import dropped
from ovt.core.section import Section
from ovt.core.text import count_words

Strategy = Literal["shortest_correct", "longest_correct", "median_correct", "random_correct", "all_correct"]


class SelectSection(Section):
    """What to keep of each question's correct samples: one, or with `all_correct` every one.

    Of an even number, `median_correct` takes the shorter of the two in the middle. `seed` is for `random_correct`,
    whose choice depends only on it and on the samples' ids.
    """

    strategy: Strategy = "shortest_correct"
    seed: int = 0


def draw(sample_id: str, seed: int) -> str:
    """A sample's random key, in hex: the lowest of a question's wins. The same on every machine and in every chunk."""
    return hashlib.sha256(f"{seed}:{sample_id}".encode()).hexdigest()


def rank_by(strategy: Strategy, seed: int) -> pl.Expr:
    """The sort key of a question's samples; ties keep the order of their indexes."""
    if strategy == "longest_correct":
        return -pl.col("words")
    if strategy == "random_correct":
        return pl.col("sample_id").map_elements(lambda sample_id: draw(sample_id, seed), return_dtype=pl.String)
    return pl.col("words")


def choose(samples: pl.DataFrame, section: SelectSection) -> pl.DataFrame:
    """The chosen sample of each question: question_id, row (its place in `samples`), taken (its words)."""
    place = (pl.len() - 1) // 2 if section.strategy == "median_correct" else pl.lit(0, pl.UInt32)
    return (
        samples.with_row_index("row")
        .with_columns(rank=rank_by(section.strategy, section.seed))
        .select("question_id", "row", "index", "words", "rank")
        .sort("question_id", "rank", "index")
        .filter(pl.int_range(pl.len(), dtype=pl.UInt32).over("question_id") == place.over("question_id"))
        .select("question_id", "row", taken="words")
    )


def run(samples: pl.DataFrame, section: SelectSection) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Correct samples -> (those selected, with their `words`; decisions on the others), in order."""
    counted = samples.lazy().with_columns(words=count_words("text")).collect()
    if section.strategy == "all_correct":
        return counted, dropped(counted.clear(), "sample", "select", "not_selected")
    chosen = choose(counted, section)
    others = (
        counted.drop("text")
        .with_row_index("row")
        .join(chosen, on="row", how="anti", maintain_order="left")
        .join(chosen.drop("row"), on="question_id", maintain_order="left")
    )
    detail = pl.format(f"{{}} words; {section.strategy} has {{}}", "words", "taken")
    return counted[chosen["row"].sort()], dropped(others, "sample", "select", "not_selected", detail)
