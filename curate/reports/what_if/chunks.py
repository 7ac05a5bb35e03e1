"""A version read chunk by chunk, as its build wrote it, so that a million samples need the memory of a few chunks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from ovt.core.schema import SPLITS, STAGES
from ovt.curate.decide import CHUNK
from ovt.curate.reports.show import FLAT, TURNS, content
from ovt.curate.versions.ledger import TABLES
from ovt.curate.versions.read import Version, scan

AT_ONCE = 8  # chunks that are read together: a row group of the ledger holds more than one
UNASKED = STAGES[: STAGES.index("caption")]


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
    """The chunks in the order of the questions; what was left out before anybody was asked (`unasked`) is in none.

    A version whose tables have another order, such as one that was cut into other chunks, comes as one chunk.
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
    """The decisions on what was left out before any model was asked, at import or by dedup and decontam."""
    return scan(version, "decisions").filter(pl.col("stage").is_in(UNASKED)).collect()


def data_rows(version: Version, split: str) -> pl.LazyFrame:
    """The rows of a split, as `Chunk.rows` has them."""
    columns = [pl.lit(split).alias("split"), *FLAT, *map(content, TURNS)]
    return scan(version, split).select(columns).with_row_index("place")


def _starts(table: pl.LazyFrame, chunk_of: pl.DataFrame, count: int) -> list[int]:
    """The row with which each chunk begins, and the one after the last; none where the rows are in another order.

    What nobody was asked about is before the first chunk.
    """
    named = table.select("question_id").join(chunk_of.lazy(), on="question_id", how="left", maintain_order="left")
    chunks = named.select(pl.col("chunk").fill_null(-1)).collect()["chunk"]
    return chunks.search_sorted(pl.Series(range(count + 1), dtype=pl.Int64)).to_list() if chunks.is_sorted() else []


def _known(table: pl.LazyFrame, asked: pl.DataFrame) -> pl.LazyFrame:
    return table.join(asked.lazy(), on="question_id", how="semi", maintain_order="left")


def _span(starts: list[int], first: int, last: int) -> tuple[int, int]:
    """Where the chunks `first` … `last - 1` begin, and how many rows they have."""
    return starts[first], starts[last] - starts[first]


def _chunk(read: Mapping[str, pl.DataFrame]) -> Chunk:
    rows = pl.concat([read[split] for split in SPLITS])
    return Chunk(**{name: read[name] for name in TABLES}, rows=rows)
