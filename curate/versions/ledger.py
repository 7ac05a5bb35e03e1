"""The ledger of a build: what there was, what was said, what was decided, and the funnel that follows from it."""

import polars as pl


def funnel(decisions: pl.DataFrame) -> pl.DataFrame:
    """How many rows each stage got, dropped (by reason) and passed on, in the order of STAGES.

    One row per level ("question", "caption", "sample") and stage; `rows_in == rows_out + Σ dropped.rows` in each. At the
    last stage, "version", `kept_as` tells the kept rows by reason ("sft", "rl").
    Columns: level, stage, rows_in, rows_out: Int64; dropped, kept_as: List[Struct{reason: String, rows: Int64}].
    """
    raise NotImplementedError
