"""The ledger of a build: what there was, what was said, what was decided, and the funnel that follows from it."""

import math
from pathlib import Path

import polars as pl

from ovt.core.parquet import TableFile
from ovt.core.schema import DECISIONS, FUNNEL, QUESTIONS, SAMPLES, SCREENS, STAGES, VERDICTS

TABLES = {"questions": QUESTIONS, "samples": SAMPLES, "verdicts": VERDICTS, "decisions": DECISIONS}

# Captions are "sample" decisions too, but they enter the work at another stage: the funnel counts them apart.
IS_CAPTION = (pl.col("level") == "sample") & pl.col("id").str.contains("-caption-", literal=True)
LEVEL = pl.when(IS_CAPTION).then(pl.lit("caption")).otherwise("level")
LEVELS = {
    "question": STAGES,
    "caption": ("caption", "version"),
    "sample": ("reason", "verify", "select", "filter", "version"),
}


class Ledger:
    """The four tables being written, a chunk at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._files = {table: TableFile(folder / f"{table}.parquet", schema) for table, schema in TABLES.items()}

    def append(self, **frames: pl.DataFrame) -> None:
        """Adds a chunk of each table, by table name."""
        for table, frame in frames.items():
            self._files[table].append(frame)

    def close(self) -> dict[str, int]:
        """Ends the files and gives the rows of each table."""
        for file in self._files.values():
            file.close()
        return {table: file.rows for table, file in self._files.items()}


def funnel(decisions: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """How many rows each stage got, dropped (by reason) and passed on: a table of the schema FUNNEL.

    One row per level ("question", "caption", "sample") and stage, in the order of the work; in each,
    `rows_in == rows_out + Σ dropped.rows`. The last stage, "version", tells what rows were kept as ("sft", "rl").
    """
    ended: dict[tuple[str, str], list[dict]] = {}
    for level, stage, reason, rows in _count_ends(decisions).iter_rows():
        ended.setdefault((level, stage), []).append({"reason": reason, "rows": rows})
    table = [row for level, stages in LEVELS.items() for row in _level_rows(level, stages, ended)]
    return pl.DataFrame(table, schema=FUNNEL)


def _count_ends(decisions: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    counted = (
        decisions.lazy().group_by(LEVEL.alias("level"), "stage", "reason").agg(pl.len().cast(pl.Int64).alias("rows"))
    )
    return counted.sort("rows", "reason", descending=[True, False]).collect()


def _level_rows(level: str, stages: tuple[str, ...], ended: dict[tuple[str, str], list[dict]]) -> list[dict]:
    rows_in = sum(end["rows"] for stage in stages for end in ended.get((level, stage), []))
    table = []
    for stage in stages if rows_in else ():
        ends = ended.get((level, stage), [])
        if stage in SCREENS and not ends:
            continue  # the recipe may not have it
        kept = stage == "version"
        rows_out = rows_in if kept else rows_in - sum(end["rows"] for end in ends)
        table.append(
            {
                "level": level,
                "stage": stage,
                "rows_in": rows_in,
                "rows_out": rows_out,
                "dropped": [] if kept else ends,
                "kept_as": ends if kept else [],
            }
        )
        rows_in = rows_out
    return table


def usage(samples: pl.DataFrame | pl.LazyFrame) -> list[dict]:
    """What the samples of each stage took: the fields of `manifest.Usage`, in the order of the stages."""
    grouped = (
        samples.lazy()
        .group_by("stage")
        .agg(
            pl.len().alias("samples"),
            pl.col("error").count().alias("failed"),
            pl.col("prompt_tokens", "completion_tokens").sum(),
            pl.col("cost_usd").drop_nulls(),
            (pl.col("cost_usd").is_null() & pl.col("error").is_null()).any().alias("unpriced"),
        )
    )
    rows = sorted(grouped.collect().to_dicts(), key=lambda row: STAGES.index(row["stage"]))
    # fsum: exact, so the order in which threads add up can't change the last digit.
    costs = [None if row.pop("unpriced") else math.fsum(row["cost_usd"]) for row in rows]
    return [row | {"cost_usd": cost} for row, cost in zip(rows, costs, strict=True)]
