"""Rows of the decisions table: what happened to a question or a sample, and at which stage.

    level   id                         question_id       stage   decision  reason        detail
    sample  1f0c2d3e4a5b6c7d-reason-2  1f0c2d3e4a5b6c7d  select  dropped   not_selected  61 words; 48 were taken

`dropped` and `kept` take any table with `question_id` (and `sample_id` for samples) and keep its order.
"""

from typing import Literal

import polars as pl

from ovt.core.schema import DECISIONS

Level = Literal["question", "sample"]


def dropped(
    rows: pl.DataFrame, level: Level, stage: str, reason: pl.Expr | str, detail: pl.Expr | None = None
) -> pl.DataFrame:
    """One DECISIONS row per row of `rows`, dropped at `stage`; `reason` is a code, or an expression over `rows`."""
    return _decide(rows, level, stage, "dropped", reason, detail)


def kept(rows: pl.DataFrame, level: Level, reason: pl.Expr | str, detail: pl.Expr | None = None) -> pl.DataFrame:
    """One DECISIONS row per row of `rows`, kept for the version."""
    return _decide(rows, level, "version", "kept", reason, detail)


def settle(questions: pl.DataFrame, samples: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """Decisions on the questions that no stage dropped; with them, each question has exactly one.

    questions: all questions of the chunk; samples: those the filters kept; decisions: what the stages returned for
    the chunk. A question with a kept sample is kept for "sft"; if the filters dropped all its chosen samples, it is
    dropped there, for the reason of the last one; any other had replies, none of them correct: "rl".
    """
    ended = decisions.filter(pl.col("level") == "question")
    fallen = decisions.filter(pl.col("level") == "sample", pl.col("stage") == "filter").unique(
        "question_id", keep="last", maintain_order=True
    )
    left = questions.select("question_id").join(ended, on="question_id", how="anti", maintain_order="left")
    sft = left.join(samples, on="question_id", how="semi", maintain_order="left")
    rest = left.join(samples, on="question_id", how="anti", maintain_order="left")
    filtered = rest.join(fallen, on="question_id", maintain_order="left")
    rl = rest.join(fallen, on="question_id", how="anti", maintain_order="left")
    return pl.concat(
        [
            kept(sft, "question", "sft"),
            kept(rl, "question", "rl"),
            dropped(filtered, "question", "filter", pl.col("reason"), pl.col("detail")),
        ]
    )


def _decide(
    rows: pl.DataFrame, level: Level, stage: str, decision: str, reason: pl.Expr | str, detail: pl.Expr | None
) -> pl.DataFrame:
    return rows.select(
        pl.lit(level).alias("level"),
        pl.col("question_id" if level == "question" else "sample_id").alias("id"),
        pl.col("question_id"),
        pl.lit(stage).alias("stage"),
        pl.lit(decision).alias("decision"),
        (pl.lit(reason) if isinstance(reason, str) else reason).alias("reason"),
        (pl.lit(None, pl.String) if detail is None else detail).alias("detail"),
    ).match_to_schema(DECISIONS)
