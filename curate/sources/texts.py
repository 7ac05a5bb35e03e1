"""Text files as rows: JSONL, JSON, CSV and TSV, also packed with gzip.

A row that is a list has its positions as column names.
"""

import gzip
import io
import json
import os
import re
import zlib
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.errors import OvtError, first_line
from ovt.core.images import SUFFIXES
from ovt.core.untrusted import is_deep, parse_json, read_json
from ovt.curate.sources.faults import MAX_CELL, Unfit, too_large
from ovt.curate.sources.section import Name
from ovt.curate.sources.source import MaybeRow, Part, Row, columns_of, take

# Bytes of a file that is read whole, and takes up to ten times its size in memory.
MOST_WHOLE = 2 * 2**30
MOST_COLUMNS = 10_000  # of a CSV file
SHORT = 64  # characters of an image that may be a row's index; no picture is that short
# Rows inspected for column names in a format that does not list them; later rows may have more.
PEEK = 1_000
# How gzip, zlib and zstd files begin, which polars would unpack, to any size.
PACKED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x28\xb5\x2f\xfd")
UNPACKED, DENSITY = 16 * 2**20, 100  # bytes that any gzip file may unpack to; beyond that, times its own size
MOST_BLANK = 5_000_000  # lines
UTF16 = (b"\xff\xfe", b"\xfe\xff")

_KEY = re.compile(rb'"([^"\\]{1,100})"\s*:')
_MOST_KEYS = 10_000


class Unpacked(io.RawIOBase):
    """The content of a gzip file, within what its size makes likely. Raises OvtError beyond that, or if broken."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, gzip.open(path, "rb")  # noqa: SIM115 - closed by close
        self._left = max(UNPACKED, DENSITY * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            data = self._file.read(len(buffer))
        except (EOFError, zlib.error, OSError) as error:
            raise OvtError(f"{self._path} is not a complete gzip file ({error}): download it again") from None
        self._left -= len(data)
        if self._left < 0:
            raise OvtError(f"{self._path} unpacks to more than {DENSITY} times its size, a bomb? Unpack it yourself")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_text(path: Path) -> io.BufferedReader:
    """The bytes of a file, unpacked as they are read."""
    packed = path.suffix.lower() in (".gz", ".tgz")
    return io.BufferedReader(Unpacked(path), 2**16) if packed else path.open("rb")


def _whole(path: Path) -> bytes:
    """All bytes of a file. OvtError if it is too large, before more than the limit is read."""
    data = b""
    if fits := path.stat().st_size <= MOST_WHOLE:
        with open_text(path) as file:
            data = file.read(MOST_WHOLE + 1)
    if not fits or len(data) > MOST_WHOLE:
        raise OvtError(
            f"{path} is larger than {MOST_WHOLE // 2**30} GiB: save it as JSONL or Parquet, in several files"
        )
    return data


def jsonl_part(path: Path) -> Part:
    """A file with one JSON value per line; blank lines are skipped, a broken line is a malformed row."""
    columns = columns_of(_parse_line(line) for line in islice(_filled(path), PEEK))
    count = 0
    late: dict[Name, None] = {}
    seen = {str(name).encode(errors="replace") for name in columns}
    for count, line in enumerate(_filled(path), 1):
        if count > PEEK and len(seen) < _MOST_KEYS and not seen.issuperset(keys := _KEY.findall(line)):
            seen.update(keys)
            late |= dict.fromkeys(columns_of([_parse_line(line)]))

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        last = max(wanted, default=-1)
        for number, line in enumerate(islice(_filled(path), last + 1)):
            if number in wanted:
                yield number, _parse_line(line)

    return Part(
        columns, count, rows, path.parent, (path.parent,), late=tuple(name for name in late if name not in columns)
    )


def _filled(path: Path) -> Iterator[bytes]:
    """The lines that are not blank, each cut off after MAX_CELL + 1 bytes."""
    blank = 0
    with open_text(path) as lines:
        while line := lines.readline(MAX_CELL + 1):
            more = line
            while len(more) > MAX_CELL and not more.endswith(b"\n"):
                more = lines.readline(MAX_CELL + 1)
            if not line.isspace():
                yield line
            elif (blank := blank + 1) > MOST_BLANK:
                raise OvtError(f"{path} has more than {MOST_BLANK:,} blank lines: this does not look like JSONL")


def _parse_line(line: bytes) -> MaybeRow:
    if len(line) > MAX_CELL:
        return too_large(len(line))
    try:
        return as_row(parse_json(line.decode("utf-8-sig")))
    except ValueError:
        return None


def as_row(value: Any) -> Row | None:
    """An object as is, a list by position, anything else None: malformed."""
    if isinstance(value, list):
        return dict(enumerate(value))
    return value if isinstance(value, dict) else None


def json_part(path: Path) -> Part:
    """A JSON file: a list of rows, {id: row}, or an object that holds one list of rows; or JSONL in disguise."""
    try:
        value = json.loads(_decoded(_whole(path)))
    except (ValueError, RecursionError) as error:
        part = jsonl_part(path)
        if part.count > 1 and part.columns:
            return part
        raise OvtError(f"{path} is not JSON ({error}); expected a list of rows") from None
    rows = [as_row(row) for row in _list_of_rows(value, path)]

    def take_shallow(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        return ((number, None if is_deep(row) else row) for number, row in take(rows, wanted))

    return Part(columns_of(rows), len(rows), take_shallow, path.parent, (path.parent,))


def _decoded(data: bytes) -> str:
    """Bytes as a text: in UTF-16 if they begin with its mark, else in UTF-8."""
    return data.decode("utf-16" if data.startswith(UTF16) else "utf-8-sig")


def _list_of_rows(value: Any, path: Path) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and as_row(inner[0])]
        if len(lists) == 1:
            return lists[0]
        if value and all(isinstance(inner, dict) for inner in value.values()):
            return [{"id": key, **inner} for key, inner in value.items()]
        if not lists and len(value) > 1:  # one row, as in a folder with a file for each
            return [value]
    raise OvtError(f"{path} holds no list of rows: expected [{{…}}, …], {{id: {{…}}}} or one list inside an object")


def is_one_row(path: Path) -> bool:
    """Whether a JSON file holds one row and nothing else."""
    try:
        value = read_json(path)
        return isinstance(value, dict) and _list_of_rows(value, path) == [value]
    except (OSError, ValueError, OvtError):
        return False


def objects_part(files: Sequence[Path], folder: Path) -> Part:
    """A folder of JSON files that hold one row each. Pictures are named from the file's own folder, or lie beside it
    under its name, or as the only "image". A row without an id has the file's path as its id."""

    def read(path: Path) -> MaybeRow:
        try:
            row = as_row(read_json(path, MAX_CELL))
        except (OSError, ValueError, OvtError):
            return None
        return _in_folder(row, path, folder) if row is not None and not isinstance(row, Unfit) else row

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        return ((number, read(files[number])) for number in sorted(wanted))

    return Part(columns_of(map(read, files[:PEEK])), len(files), rows, folder, (folder,))


def _in_folder(row: Row, path: Path, folder: Path) -> Row:
    here = path.parent.relative_to(folder)
    named = {name: (here / cell).as_posix() for name, cell in row.items() if _is_picture_beside(cell, path)}
    beside = next((one for stem in (path.stem, "image") for suffix in SUFFIXES
                   if (one := path.with_name(stem + suffix)).is_file()), None)  # fmt: skip
    shown = {"image": beside.relative_to(folder).as_posix()} if beside and not named and "image" not in row else {}
    return {"id": path.relative_to(folder).with_suffix("").as_posix(), **shown, **row, **named}


def _is_picture_beside(cell: Any, path: Path) -> bool:
    named = isinstance(cell, str) and len(cell) < 500 and cell.lower().endswith(SUFFIXES) and "\0" not in cell
    return named and os.path.isfile(path.parent / cell)  # noqa: PTH113 - Path.is_file raises where a name is too long


def csv_part(path: Path) -> Part:
    """A CSV (or TSV) file with a header; every cell is text, so that a gold of 007 is kept as is."""
    packed = path.suffix.lower() == ".gz"
    with open_text(path) as file:
        head = file.readline(MAX_CELL)
    if head.startswith(PACKED):
        raise OvtError(f"{path} is compressed{' twice' if packed else ''}: unpack it first")
    content: Path | io.BytesIO = io.BytesIO(_whole(path)) if packed else path
    if head.startswith(UTF16):
        try:
            text = _decoded(_whole(path))
        except UnicodeDecodeError as error:
            raise _unreadable(path, error) from None
        head, content = text.partition("\n")[0].encode(), io.BytesIO(text.encode())
    separator = _separator(head, path)
    if head.count(separator.encode()) >= MOST_COLUMNS:
        raise OvtError(f"{path} has more than {MOST_COLUMNS:,} columns: is it a table of questions?")
    try:
        table = pl.read_csv(content, separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise _unreadable(path, error) from None

    whole = _with_shared_pictures(table)

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        return take(whole.select(names).iter_rows(named=True), wanted)

    readings = () if whole is table else ("shared pictures",)
    return Part(tuple(table.columns), len(table), rows, path.parent, (path.parent,), readings=readings)


def _unreadable(path: Path, error: Exception) -> OvtError:
    reason = first_line(error)
    advice = "; save it as UTF-8" if "utf-" in reason.lower() else ""
    return OvtError(f"{path} cannot be read as {_suffix(path)[1:].upper()}: {reason}{advice}")


def _with_shared_pictures(table: pl.DataFrame) -> pl.DataFrame:
    """VLMEvalKit's tables: an image that is only the `index` of another row stands for that row's picture."""
    if not {"index", "image"} <= set(table.columns):
        return table
    short = pl.col("image").str.len_bytes() <= SHORT
    held = table.filter(~short).select("index", held="image").unique("index", keep="first")
    keyed = table.with_columns(key=pl.when(short).then("image"))
    found = keyed.join(held, left_on="key", right_on="index", how="left", maintain_order="left")
    if found["held"].null_count() == len(found):
        return table
    return found.with_columns(image=pl.coalesce("held", "image")).select(table.columns)


def _separator(head: bytes, path: Path) -> str:
    """The separator of the columns in the first line: a comma, else a tab or a semicolon; a tab in a .tsv file."""
    likely = "\t,;" if _suffix(path) == ".tsv" else ",\t;"
    return next((one for one in likely if one.encode() in head), likely[0])


def _suffix(path: Path) -> str:
    """A file's suffix, without .gz."""
    return path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
