"""Parquet files whose bytes depend on their rows alone, however the work was chunked."""

from collections.abc import Sequence
from math import inf
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

GROUP_ROWS = 16_384


def open_parquet(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """A writer with the settings shared by every file of a version.

    Pages are cut by content, so that the Hub stores content shared by two versions only once.
    """
    return pq.ParquetWriter(
        path, schema, compression="zstd", compression_level=1, version="2.6", use_content_defined_chunking=True
    )


def to_arrow(frame: pl.DataFrame) -> pa.Table:
    """A polars frame as Arrow with the plain types that every reader knows (no string views)."""
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


class Series:
    """The Parquet files of one table being written, NAME-00000.parquet and so on: each is closed after the row group
    that brings it to `most` bytes.

    closed: the rows of each file that a stopped writer of the same rows has closed; they are not written again.
    """

    def __init__(self, place: Path, schema: pa.Schema, most: float = inf, closed: Sequence[int] = ()) -> None:
        """place: the path of the first file, without number and suffix."""
        self.closed = list(closed)
        self.schema = schema
        self._place = place
        self._most = most
        self._skipped = sum(closed)
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0  # of the file that is open
        for path in place.parent.glob(f"{place.name}-*.parquet"):
            if path not in self.paths:
                path.unlink()  # left unclosed by a stopped writer

    @property
    def paths(self) -> list[Path]:
        """The closed files."""
        return [self._path(number) for number in range(len(self.closed))]

    def rest(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The next rows, without those that closed files already hold."""
        skipped = min(self._skipped, len(rows))
        self._skipped -= skipped
        return rows[skipped:]

    def write(self, group: pa.Table) -> None:
        """Writes a row group, and closes the file if it is large enough."""
        path = self._path(len(self.closed))
        if self._writer is None:
            self._writer = open_parquet(path, self.schema)
        self._writer.write_table(group, row_group_size=max(1, len(group)))
        self._rows += len(group)
        if path.stat().st_size >= self._most:
            self.close()

    def close(self) -> None:
        """Closes the file that is open."""
        if self._writer is not None:
            self._writer.close()
            self.closed.append(self._rows)
            self._writer, self._rows = None, 0

    def _path(self, number: int) -> Path:
        return self._place.with_name(f"{self._place.name}-{number:05}.parquet")


class TableFile:
    """A table being written: full row groups are flushed as soon as their rows arrive, the rest on `close`.

    It becomes one file, NAME.parquet, or, above `most` bytes, NAME-00000-of-00003.parquet and so on.
    """

    def __init__(
        self, path: Path, schema: pl.Schema, group_rows: int = GROUP_ROWS, most: float = inf, closed: Sequence[int] = ()
    ) -> None:
        """closed: as in `Series`."""
        self._path = path
        self._schema = schema
        self._group_rows = group_rows
        self.files = Series(path.with_suffix(""), to_arrow(schema.to_frame()).schema, most, closed)
        self._pending = schema.to_frame()
        self.rows = 0

    def append(self, frame: pl.DataFrame) -> None:
        """Adds rows; columns are put in schema order and cast to its types (raises if that fails)."""
        if frame.is_empty():
            return
        frame = frame.select(self._schema.names()).cast(dict(self._schema))
        self.rows += len(frame)
        self._pending = pl.concat([self._pending, self.files.rest(frame)], rechunk=False)
        while len(self._pending) >= self._group_rows:
            self.files.write(to_arrow(self._pending.head(self._group_rows)))
            self._pending = self._pending.slice(self._group_rows)

    def close(self) -> None:
        """Writes the remaining rows; a table without rows becomes a file without row groups."""
        if len(self._pending):
            self.files.write(to_arrow(self._pending))
            self._pending = self._schema.to_frame()
        self.files.close()
        if not self.files.closed:
            open_parquet(self._path, self.files.schema).close()
        elif len(paths := self.files.paths) == 1:
            paths[0].rename(self._path)
        else:
            name_parts(paths)


def name_parts(paths: Sequence[Path]) -> None:
    """Renames NAME-00000.parquet, … to NAME-00000-of-00003.parquet, …"""
    for path in paths:
        path.rename(path.with_name(f"{path.stem}-of-{len(paths):05}.parquet"))


def parts_of(folder: Path, name: str) -> list[Path]:
    """The files of a table: NAME.parquet, or its parts in order."""
    whole = folder / f"{name}.parquet"
    return [whole] if whole.is_file() else sorted(folder.glob(f"{name}-*.parquet"))
