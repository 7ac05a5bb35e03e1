"""A version read chunk by chunk, as its build wrote it, and how each chunk changes under new decisions.

So a million samples need the memory of a few chunks. Which rows are added, removed and changed, and why, is computed
by the functions of `ovt data diff`:

status   is_sample  stage   reason
removed  false      filter  too_long
changed  true       null    null
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ovt.core.schema import SPLITS, STAGES, kept_columns
from ovt.curate.decide import CHUNK, Tables
from ovt.curate.reports.diff.changes import KINDS, MATCHES, WHY, Ends, classify, trace
from ovt.curate.reports.diff.examples import FIELDS, SHOWN, pick
from ovt.curate.reports.diff.tables import hashed
from ovt.curate.versions.data import FLAT, TURNS, content
from ovt.curate.versions.ledger import TABLES
from ovt.curate.versions.profile import NEEDED
from ovt.curate.versions.read import Version, scan

AT_ONCE = 8  # chunks that are read together: a row group of the ledger holds more than one
UNASKED = STAGES[: STAGES.index("caption")]
TOLD = ("split", *FIELDS, *TURNS)  # of the rows of an example
ENDS = ("level", "id", "stage", "reason")


@dataclass(frozen=True)
class Chunk:
    """The tables of up to CHUNK questions: those of the ledger, and `rows`, the data without its images (the texts of
    the turns, the flat columns, `split`, and `place`, the row's number in it; sft before rl)."""

    questions: pl.DataFrame
    samples: pl.DataFrame
    verdicts: pl.DataFrame
    decisions: pl.DataFrame
    rows: pl.DataFrame


def read_chunks(version: Version) -> Iterator[Chunk]:
    """The chunks in question order; they exclude what was dropped before the stages that chunks go through (`unasked`).

    A version whose tables have another order, such as one built with other chunks, comes as one chunk.
    """
    dropped = unasked(version).select("question_id").lazy()
    named = scan(version, "questions").select("question_id")
    asked = named.join(dropped, on="question_id", how="anti", maintain_order="left").collect().with_row_index("place")
    chunk_of = asked.select("question_id", chunk=pl.col("place").cast(pl.Int64) // CHUNK)
    count = -(-len(asked) // CHUNK)
    tables = {name: scan(version, name) for name in TABLES} | {split: data_rows(version, split) for split in SPLITS}
    starts = {name: _starts(table, chunk_of, count) for name, table in tables.items()}
    if count == 0 or not all(starts.values()):
        yield _chunk({name: _known(table, asked).collect() for name, table in tables.items()})
        return
    for first in range(0, count, AT_ONCE):
        last = min(first + AT_ONCE, count)
        read = {name: table.slice(*_span(starts[name], first, last)).collect() for name, table in tables.items()}
        for number in range(first, last):
            spans = {name: _span(starts[name], number, number + 1) for name in tables}
            yield _chunk(
                {name: read[name].slice(start - starts[name][first], rows) for name, (start, rows) in spans.items()}
            )


def unasked(version: Version) -> pl.DataFrame:
    """The decisions on rows dropped at import, or by dedup, decontam and vision."""
    return scan(version, "decisions").filter(pl.col("stage").is_in(UNASKED)).collect()


def data_rows(version: Version, split: str) -> pl.LazyFrame:
    """The rows of a split, as `Chunk.rows` has them."""
    columns = [pl.lit(split).alias("split"), *FLAT, *map(content, TURNS)]
    return scan(version, split).select(columns).with_row_index("place")


def _starts(table: pl.LazyFrame, chunk_of: pl.DataFrame, count: int) -> list[int]:
    """The first row of each chunk, plus the end; empty if the rows are in another order.

    Rows dropped before (`unasked`) precede the first chunk.
    """
    named = table.select("question_id").join(chunk_of.lazy(), on="question_id", how="left", maintain_order="left")
    chunks = named.select(pl.col("chunk").fill_null(-1)).collect()["chunk"]
    return chunks.search_sorted(pl.Series(range(count + 1), dtype=pl.Int64)).to_list() if chunks.is_sorted() else []


def _known(table: pl.LazyFrame, asked: pl.DataFrame) -> pl.LazyFrame:
    return table.join(asked.lazy(), on="question_id", how="semi", maintain_order="left")


def _span(starts: list[int], first: int, last: int) -> tuple[int, int]:
    """The offset and the number of rows of the chunks `first` … `last - 1`."""
    return starts[first], starts[last] - starts[first]


def _chunk(read: Mapping[str, pl.DataFrame]) -> Chunk:
    rows = pl.concat([read[split] for split in SPLITS])
    return Chunk(**{name: read[name] for name in TABLES}, rows=rows)


@dataclass(frozen=True)
class Compared:
    """A chunk before and after, without its texts.

    ends      DECISIONS after, the columns of ENDS
    rows      before and after: `split` and the columns that `profile.summarise` needs
    kept      column, value, a, b: rows before and after by each value of the columns that sources keep
    changes   one row per row of either side: status, is_KIND …, and the stage and reason that exclude it from the other
    picked    the `changes` to show as examples, with their texts (see `diff.examples`)
    """

    ends: pl.DataFrame
    rows: tuple[pl.DataFrame, pl.DataFrame]
    kept: pl.DataFrame
    changes: pl.DataFrame
    picked: pl.DataFrame
    examples: list[dict[str, Any]]


def compare_chunk(chunk: Chunk, after: Tables, limit: int) -> Compared:
    """A chunk as it was, and as decided now; `limit`: maximum examples per status."""
    outcomes = chunk.verdicts.select("sample_id", "outcome", question=hashed("question_id")).join(
        after.verdicts.select("sample_id", outcome_b="outcome"), on="sample_id"
    )
    told = classify(_side(chunk.rows), _side(after.rows), outcomes, MATCHES.to_frame())
    ends = {"removed": _ends(after.decisions), "added": _ends(chunk.decisions)}
    told = trace(told, {status: lambda _, found=found: found for status, found in ends.items()})
    counted = ["status", *(f"is_{kind}" for kind in KINDS), *WHY[:2]]
    picked = pl.concat(pick(told.filter(pl.col("status") == status), limit) for status in SHOWN)
    return Compared(
        ends=after.decisions.select(ENDS),
        rows=(chunk.rows.select("split", *NEEDED), after.rows.select("split", *NEEDED)),
        kept=by_kept(chunk.questions, chunk.rows, after.rows),
        changes=told.select(counted),
        picked=picked.select(counted),
        examples=[example(row, chunk.rows, after.rows) for row in picked.iter_rows(named=True)],
    )


def by_kept(questions: pl.DataFrame, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """`Compared.kept` of a chunk: of its questions, and its rows before and after."""
    counted = [KEPT_ROWS.to_frame()]
    for name in kept_columns(questions.schema):
        values = questions.select("question_id", column=pl.lit(name), value=pl.col(name).cast(pl.String))
        for side, rows in (("a", before), ("b", after)):
            found = rows.select("question_id").join(values, on="question_id", maintain_order="left")
            counted.append(
                found.select("column", "value", **{one: pl.lit(int(one == side)) for one in "ab"}).cast(KEPT_ROWS)
            )
    return sum_kept(counted)


def sum_kept(counted: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """`Compared.kept` of several: most rows first."""
    summed = pl.concat(counted).group_by("column", "value", maintain_order=True).sum()
    most = pl.max_horizontal("a", "b")
    return summed.sort("column", most, "value", descending=[False, True, False])


KEPT_ROWS = pl.Schema({"column": pl.String, "value": pl.String, "a": pl.Int64, "b": pl.Int64})


def _side(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in the form `classify` expects. Both sides have the same samples, so a sample's id identifies its reply."""
    return rows.with_row_index("row").select(
        "row", "split", "answer", "prompt", place="row", question=hashed("question_id"), sample="sample_id",
        reply=hashed("sample_id"), text="completion",
    )  # fmt: skip


def _ends(decisions: pl.DataFrame) -> Ends:
    asked, said = (decisions.filter(pl.col("level") == level) for level in ("question", "sample"))
    return Ends(
        asked.select("decision", *WHY, question=hashed("id")),
        said.select(*WHY, question=hashed("question_id"), reply=hashed("id")),
    )


def example(row: dict[str, Any], before: pl.DataFrame, after: pl.DataFrame) -> dict[str, Any]:
    """A row of `trace` with its texts on both sides; `pieces` are added for the rows shown."""
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
