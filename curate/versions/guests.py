"""The tables of a version that a stranger made, checked before anything reads them.

A file of two kilobytes can unpack to gigabytes, a column can have a type that no reader expects, and an image can be of
a format that only an attacker uses. Polars, `datasets` and the trainers read tables as they are.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.errors import OvtError
from ovt.core.images import open_image
from ovt.core.pages import DENSITY, read_chunks
from ovt.core.parquet import to_arrow
from ovt.core.schema import KEPT_NAME, SPLITS, TABLE_COLUMNS
from ovt.curate.versions.data import SCHEMA
from ovt.curate.versions.ledger import TABLES
from ovt.curate.versions.manifest import LEDGER, Manifest
from ovt.curate.versions.read import stored_images

LONGEST_TEXT = 16 * 2**20  # bytes; the longest replies have less than one
MOST_KEPT = 100  # columns that sources keep
KEPT_TYPES = (pa.string(), pa.large_string(), pa.int64(), pa.float64(), pa.bool_())
KEEPING = ("questions", *SPLITS)  # the tables that have them
MOST_TEXT = 2**30  # bytes of a table's texts, or DENSITY times the file's


def check_tables(folder: Path, manifest: Manifest) -> None:
    """Raises OvtError naming a table that is not what a version has: its columns, its rows, or what it unpacks to."""
    rows: Counter[str] = Counter()
    for path in sorted(name for name in manifest.files if name.endswith(".parquet")):
        table = Path(path).stem.partition("-")[0]
        rows[table] += check_table(folder / path, expected(table))
        if table not in TABLES:
            check_images(folder / path)
    for table in LEDGER:
        if not any(re.fullmatch(rf"ledger/{table}(-.*)?\.parquet", path) for path in manifest.files):
            raise OvtError(f"{folder} has no ledger/{table}.parquet: it is not a version")
    if wrong := [table for table, count in manifest.rows.items() if rows[table] != count]:
        raise OvtError(
            f"{folder} has {rows[wrong[0]]:,} rows of {wrong[0]}, its manifest says {manifest.rows[wrong[0]]:,}"
        )


def expected(table: str) -> pa.Schema:
    """The columns of a ledger table, or of a split's data."""
    return to_arrow(TABLES[table].to_frame()).schema if table in TABLES else SCHEMA


def check_table(path: Path, columns: pa.Schema) -> int:
    """The number of rows of a Parquet file; OvtError unless it has these columns and kept ones, of a sane size."""
    try:
        with pq.ParquetFile(path) as file:
            metadata, schema = file.metadata, file.schema_arrow
    except (pa.ArrowException, OSError, RecursionError) as error:
        raise OvtError(f"{path} is not a readable Parquet file ({str(error)[:200]})") from None
    own, theirs = [*schema.remove_metadata()], [*columns.remove_metadata()]
    if own[: len(theirs)] != theirs or not may_be_kept(own[len(theirs) :], path):
        found = ", ".join(f"{field.name} {field.type}" for field in schema)
        raise OvtError(f"{path} does not have the columns of a version, but {found[:200]}")
    for group in range(metadata.num_row_groups):
        read_chunks(path, metadata, schema.names, group)
    texts = [field.name for field in schema if field.type in (pa.string(), pa.large_string())]
    sizes = pl.scan_parquet(path, glob=False).select(pl.col(texts).str.len_bytes())
    longest = max(sizes.max().collect().row(0), key=lambda size: size or 0, default=0) or 0
    total = sum(size or 0 for size in sizes.cast(pl.Int64).sum().collect().row(0))
    if longest > LONGEST_TEXT or total > max(MOST_TEXT, DENSITY * path.stat().st_size):
        raise OvtError(f"{path} unpacks to {total:,} bytes of text, one of {longest:,}: this is not a version")
    return metadata.num_rows


def may_be_kept(fields: Sequence[pa.Field], path: Path) -> bool:
    """Whether further columns of a table could be ones that sources keep, and it may have them."""
    free = all(KEPT_NAME.fullmatch(one.name) and one.name not in TABLE_COLUMNS for one in fields)
    plain = all(one.type in KEPT_TYPES for one in fields) and len({one.name for one in fields}) == len(fields)
    return not fields or (free and plain and len(fields) <= MOST_KEPT and path.stem.partition("-")[0] in KEEPING)


def check_images(path: Path) -> None:
    """Raises OvtError unless every image is a PNG or JPEG of a size that may be decoded."""
    for number, content in enumerate(stored_images(path)):
        try:
            open_image(content or b"", ("PNG", "JPEG"))
        except Exception as error:  # noqa: BLE001 - Pillow raises a dozen kinds of errors for broken files
            raise OvtError(f"{path}: image {number} is not a PNG or JPEG ({type(error).__name__})") from None
