"""A Parquet file in batches of few rows and few bytes, whatever its pages unpack to (`core/pages.py`)."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.errors import OvtError
from ovt.core.pages import DENSITY, Chunk, read_chunks
from ovt.curate.sources.faults import MAX_CELL

if TYPE_CHECKING:
    import numpy as np

BATCH = 64  # rows
REPEATED = 8 * 2**20  # bytes of a value that is packed to almost nothing and may be repeated in every row
BATCH_BYTES = 3 * MAX_CELL  # that a batch may take at worst; a heavier row is a batch of its own


def read_batches(path: Path, names: list[str], last: int | None = None) -> Iterator[pa.RecordBatch]:
    """All rows (up to the one numbered `last`, if given), in batches of at most BATCH rows and about BATCH_BYTES.

    Raises OvtError if that is impossible: a page, or one row of a list column, unpacks to more than MAX_CELL.
    """
    with pq.ParquetFile(path, pre_buffer=False) as file:
        last = file.metadata.num_rows if last is None else last
        groups = _plan(path, file.metadata, names, last)
        for rows, alike in groupby(groups, key=lambda group: group[1]):
            yield from file.iter_batches(rows, row_groups=[group for group, _ in alike], columns=names)


def _plan(path: Path, metadata: pq.FileMetaData, names: Sequence[str], last: int) -> Iterator[tuple[int, int]]:
    """(row group, rows to read at once) of each row group up to the one with the last wanted row."""
    start = 0
    for group in range(metadata.num_row_groups):
        if start > last:
            return
        start += metadata.row_group(group).num_rows
        yield group, _rows_at_once(path, read_chunks(path, metadata, names, group), group)


def _rows_at_once(path: Path, chunks: Sequence[Chunk], group: int) -> int:
    for chunk in chunks:
        if chunk.repeated > max(REPEATED, DENSITY * chunk.packed):
            raise OvtError(
                f"{path}: column {chunk.column} may repeat values of {chunk.repeated:,} bytes that are packed into "
                f"{chunk.packed:,}: this does not look like data"
            )
    listed = [chunk for chunk in chunks if chunk.listed and chunk.at_most(1) > BATCH_BYTES]
    flat = [chunk for chunk in chunks if chunk not in listed]
    heaviest = sum(_heaviest_row(path, group, chunk) for chunk in listed)
    rows = max(1, min(BATCH, BATCH_BYTES // heaviest)) if heaviest else BATCH
    while rows > 1 and sum(chunk.at_most(rows) for chunk in flat) > BATCH_BYTES:
        rows //= 2
    return rows


def _heaviest_row(path: Path, group: int, chunk: Chunk) -> int:
    """The most bytes that one row of a list column takes, found without unpacking its values."""
    if not chunk.repeated and chunk.unpacked <= DENSITY * chunk.packed:
        return BATCH_BYTES  # these bytes lie in the file: one row at a time
    if chunk.delta or not chunk.repeated:
        raise OvtError(
            f"{path}: column {chunk.column} may unpack to {chunk.at_most(1):,} bytes in one row, at most {MAX_CELL:,}: "
            "write it again in smaller row groups, with dictionary encoding"
        )
    with pq.ParquetFile(path, pre_buffer=False, read_dictionary=[chunk.column]) as file:
        count = file.metadata.row_group(group).num_rows
        batches = file.iter_batches(count, row_groups=[group], columns=[chunk.column])
        most = max((int(_weigh(batch.column(0)).max(initial=0)) for batch in batches), default=0)
    if most > MAX_CELL:
        raise OvtError(f"{path}: a row of column {chunk.column} unpacks to {most:,} bytes, at most {MAX_CELL:,}")
    return most


def _weigh(column: pa.Array) -> "np.ndarray":
    """The bytes of each value of a column whose texts were read as a dictionary."""
    import numpy as np

    kind = column.type
    if pa.types.is_dictionary(kind):
        lengths = np.array(
            [len(value.as_buffer() or b"") if value.is_valid else 0 for value in column.dictionary] + [0]
        )
        return lengths[column.indices.fill_null(len(lengths) - 1).to_numpy()]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        inside = np.append(0, np.cumsum(_weigh(column.values)))
        return np.diff(inside[column.offsets.to_numpy()])
    if pa.types.is_fixed_size_list(kind):
        return _weigh(column.flatten()).reshape(len(column), kind.list_size).sum(axis=1)
    if pa.types.is_struct(kind):
        return np.sum([_weigh(column.field(at)) for at in range(kind.num_fields)], axis=0)
    return np.full(len(column), 8)
