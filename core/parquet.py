"""Parquet files whose bytes depend on their rows alone, however the work was chunked."""

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


class TableFile:
    """A Parquet file being written: full row groups are flushed as soon as their rows arrive, the rest on `close`."""

    def __init__(self, path: Path, schema: pl.Schema, group_rows: int = GROUP_ROWS) -> None:
        self._schema = schema
        self._group_rows = group_rows
        self._writer = open_parquet(path, to_arrow(schema.to_frame()).schema)
        self._pending = schema.to_frame()
        self.rows = 0

    def append(self, frame: pl.DataFrame) -> None:
        """Adds rows; columns are put in schema order and cast to its types (raises if that fails)."""
        if frame.is_empty():
            return
        frame = frame.select(self._schema.names()).cast(dict(self._schema))
        self.rows += len(frame)
        self._pending = pl.concat([self._pending, frame], rechunk=False)
        while len(self._pending) >= self._group_rows:
            self._write(self._pending.head(self._group_rows))
            self._pending = self._pending.slice(self._group_rows)

    def close(self) -> None:
        """Writes the remaining rows; a table without rows becomes a file without row groups."""
        if len(self._pending):
            self._write(self._pending)
            self._pending = self._schema.to_frame()
        self._writer.close()

    def _write(self, frame: pl.DataFrame) -> None:
        self._writer.write_table(to_arrow(frame), row_group_size=self._group_rows)
