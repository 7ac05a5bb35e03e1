"""`ovt data head`: some rows of a version, kept or dropped: the first ones or a random draw, that meet a condition.

ovt data head charts --where "pass_rate < 0.5 AND grade = 8" --random
ovt data head charts --dropped wrong --stage verify --where "gold = '12'"
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ovt.core.errors import OvtError, RecipeError
from ovt.core.schema import PLACE, SPLITS, STAGES
from ovt.core.text import did_you_mean
from ovt.curate.sources.where import check_expression, columns_in, matches
from ovt.curate.versions.data import FLAT, TURNS, content
from ovt.curate.versions.read import Version, kept_in, reading, scan, scan_rows

ANY = "any"  # reason of --dropped


@dataclass(frozen=True)
class Pick:
    """Which rows to show.

    rows      how many; seed: drawn at random with this seed, else the first ones
    where     an SQL expression over their columns
    split     of kept rows: "sft" or "rl"
    dropped   of dropped ones: a reason, or "any"; stage: where they were dropped. Either one asks for dropped rows
    """

    rows: int = 5
    seed: int | None = None
    where: str | None = None
    split: str | None = None
    dropped: str | None = None
    stage: str | None = None


def head(version: Version, pick: Pick = Pick()) -> list[dict[str, Any]]:
    """Kept rows: flat columns, the texts of prompt and completion, image ids. Dropped ones: level, id, question_id,
    stage, reason and detail; of their question (null for what was left out at import) source, source_id, question,
    choices, gold, images and what its source keeps; of a sample its text and its verdict."""
    with reading(version):
        if pick.dropped is None and pick.stage is None:
            return chosen(kept_rows(version, pick.split), version, pick)
        if pick.split:
            raise RecipeError("dropped rows are in no split: leave out --split, or --dropped and --stage")
        return chosen(dropped_rows(version, pick.dropped or ANY, pick.stage), version, pick)


def chosen(table: pl.LazyFrame, version: Version, pick: Pick) -> list[dict[str, Any]]:
    """Some rows of a table: only these are read whole."""
    names = table.collect_schema().names()
    places: Sequence[int]
    if pick.where is None:
        count = table.select(pl.len()).collect().item()
        places = range(count)
    else:
        places = places_where(table, names, pick.where, version.ref)
    if pick.seed is None:
        places = places[: pick.rows]
    else:
        places = sorted(random.Random(pick.seed).sample(places, min(pick.rows, len(places))))
    rows = table.with_row_index(PLACE).filter(pl.col(PLACE).is_in(list(places))).drop(PLACE)
    return rows.collect().to_dicts()


def places_where(table: pl.LazyFrame, names: Sequence[str], where: str, ref: str) -> list[int]:
    """The row numbers that an expression holds for. RecipeError if it cannot be applied."""
    try:
        check_expression(where)
    except ValueError as error:
        raise RecipeError(f"--where: {error}") from None
    needed = [name for name in columns_in(where) if name in names]
    others = [pl.lit(None).alias(name) for name in names if name not in needed]  # for messages that list them
    found = table.select(*needed, pl.lit(0).alias("\0")).collect().drop("\0").with_columns(others)
    return matches(found, where, ref).arg_true().to_list()


def kept_rows(version: Version, split: str | None) -> pl.LazyFrame:
    if split not in (None, *SPLITS):
        raise RecipeError(f"{str(split)[:40]!a} is not a split: choose {' or '.join(SPLITS)}")
    rows = scan_rows(version.path, [*FLAT, *kept_in(version), *map(content, TURNS)])
    images = scan(version, "questions").select("question_id", "images")
    kept = rows.filter(pl.col("split") == split) if split else rows
    return kept.join(images, on="question_id", how="left", maintain_order="left")


def dropped_rows(version: Version, reason: str, stage: str | None) -> pl.LazyFrame:
    """The decisions to drop, of a stage and for a reason. OvtError naming the reasons there are if there is none."""
    if stage is not None and stage not in STAGES[:-1]:
        raise RecipeError(f"{stage[:40]!a} drops nothing: choose among {', '.join(STAGES[:-1])}")
    ends = scan(version, "decisions").filter(pl.col("decision") == "dropped").drop("decision")
    of_stage = ends if stage is None else ends.filter(pl.col("stage") == stage)
    wanted = of_stage if reason == ANY else of_stage.filter(pl.col("reason") == reason)
    if wanted.head(1).collect().is_empty():
        raise OvtError(f"{version.ref} has no row that was dropped {named(reason, stage)}; {there(of_stage, reason)}")
    asked = scan(version, "questions")
    said = scan(version, "samples").select("text", "model", "finish_reason", id="sample_id")
    judged = scan(version, "verdicts").select("outcome", "kind", "extracted", "explanation", id="sample_id")
    for table, key in ((asked, "question_id"), (said, "id"), (judged, "id")):
        wanted = wanted.join(table, on=key, how="left", maintain_order="left")
    return wanted


def named(reason: str, stage: str | None) -> str:
    return (
        " ".join([*([f"at {stage}"] if stage else []), *([f"as {reason[:40]!a}"] if reason != ANY else [])]) or "at all"
    )


def there(ends: pl.LazyFrame, reason: str) -> str:
    """The reasons of some decisions, and the nearest one."""
    counted = ends.group_by("reason").len().sort("len", "reason", descending=[True, False]).collect()
    counts = ", ".join(f"{name} {count:,}" for name, count in counted.head(10).iter_rows())
    return did_you_mean(reason, counted["reason"], f"reasons: {counts}" if counts else "there are none")
