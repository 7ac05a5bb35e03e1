"""Which rows of a chunk come, go and change, and why: the pairs and kinds of `ovt data diff`, by the same functions.

status   is_sample  stage   reason
removed  false      filter  too_long
changed  true       null    null
"""

from dataclasses import dataclass
from typing import Any

import polars as pl

from ovt.curate.decide import Tables
from ovt.curate.reports.diff.changes import KINDS, classify
from ovt.curate.reports.diff.examples import FIELDS, SHOWN, pick
from ovt.curate.reports.diff.matching import MATCHES, pair_rows
from ovt.curate.reports.diff.tables import hashed
from ovt.curate.reports.show import TURNS
from ovt.curate.reports.what_if.chunks import Chunk
from ovt.curate.versions.stats import NEEDED

TOLD = ("split", *FIELDS, *TURNS)  # of the rows of an example
WHY = ("stage", "reason", "detail")
NOT_SAMPLED = {"stage": "reason", "reason": "not_sampled", "detail": None}  # reason.k leaves it out
ENDS = ("level", "id", "stage", "reason")


@dataclass(frozen=True)
class Compared:
    """A chunk before and after, without its texts.

    ends      DECISIONS after, the columns of ENDS
    rows      before and after: `split` and the columns that `stats.summarise` needs
    changes   one row per row of either side: status, is_KIND …, and stage and reason that leave it out of the other
    picked    some of `changes` to show, and as examples with their texts (see `diff.examples`)
    """

    ends: pl.DataFrame
    rows: tuple[pl.DataFrame, pl.DataFrame]
    changes: pl.DataFrame
    picked: pl.DataFrame
    examples: list[dict[str, Any]]


def compare_chunk(chunk: Chunk, after: Tables, limit: int) -> Compared:
    """A chunk as it was, and as it is decided now; `limit`: examples of each status at most."""
    told = trace(chunk, after)
    counted = ["status", *(f"is_{kind}" for kind in KINDS), *WHY[:2]]
    picked = pl.concat(pick(told.filter(pl.col("status") == status), limit) for status in SHOWN)
    return Compared(
        ends=after.decisions.select(ENDS),
        rows=(chunk.rows.select("split", *NEEDED), after.rows.select("split", *NEEDED)),
        changes=told.select(counted),
        picked=picked.select(counted),
        examples=[example(row, chunk.rows, after.rows) for row in picked.iter_rows(named=True)],
    )


def trace(chunk: Chunk, after: Tables) -> pl.DataFrame:
    """What becomes of each row, as `diff.changes.classify` tells it, with stage, reason and detail of those that come
    or go."""
    outcomes = chunk.verdicts.select("sample_id", "outcome", question=hashed("question_id")).join(
        after.verdicts.select("sample_id", outcome_b="outcome"), on="sample_id"
    )
    sides = [_side(rows) for rows in (chunk.rows, after.rows)]
    told = classify(pair_rows(*sides), *sides, outcomes, MATCHES.to_frame())
    parts = [told.filter(pl.col("status").is_in(["same", "changed"]))]
    for status, sample, decisions in (
        ("removed", "sample", after.decisions),
        ("added", "sample_b", chunk.decisions),
    ):
        parts.append(explain(told.filter(pl.col("status") == status), sample, decisions))
    return pl.concat(parts, how="diagonal").sort("row", "row_b", nulls_last=True)


def _side(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows as `pair_rows` takes them. Both sides have the same samples, so a sample's id says which reply it is."""
    return rows.with_row_index("row").select(
        "row", "split", "answer", "prompt", place="row", question=hashed("question_id"), sample="sample_id",
        reply=hashed("sample_id"), text="completion",
    )  # fmt: skip


def explain(gone: pl.DataFrame, sample: str, decisions: pl.DataFrame) -> pl.DataFrame:
    """`gone` (rows that one side has not) with stage, reason and detail of the decision there that left them out.

    It is the end of the question; where the question is kept there with other samples, the end of this one, whose id
    is in the column `sample`. decisions: those of the side that has not these rows.
    """
    ends = decisions.select("level", "id", *WHY)
    of_question, of_sample = (ends.filter(pl.col("level") == level).drop("level") for level in ("question", "sample"))
    of_question = of_question.with_columns(hashed("id"))
    told = gone.join(of_question, left_on="question", right_on="id", how="left", maintain_order="left")
    told = told.join(of_sample, left_on=sample, right_on="id", how="left", maintain_order="left", suffix="_of_sample")
    kept, lost = pl.col("stage") == "version", pl.col("reason_of_sample").is_null()
    columns = {
        name: pl.when(kept & lost)
        .then(pl.lit(left_out, pl.String))
        .when(kept)
        .then(f"{name}_of_sample")
        .otherwise(name)
        for name, left_out in NOT_SAMPLED.items()
    }
    return told.with_columns(**columns).select(*gone.columns, *WHY)


def example(row: dict[str, Any], before: pl.DataFrame, after: pl.DataFrame) -> dict[str, Any]:
    """A row of `trace` with its texts on both sides; `pieces` are added to those that are shown."""
    sides = [
        None if number is None else table.select(TOLD).row(number, named=True)
        for number, table in ((row["row"], before), (row["row_b"], after))
    ]
    return {
        "status": row["status"],
        "kinds": [kind for kind in KINDS if row[f"is_{kind}"]],
        **{name: row[name] for name in WHY},
        "question_id": next(side["question_id"] for side in sides if side),
        "a": sides[0],
        "b": sides[1],
    }
