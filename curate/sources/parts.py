"""Parts of a source, read row by row: JSONL, JSON and CSV files here, Parquet and datasets in tables.py.

A row is a mapping of column name -> cell; a row that is a list has its positions as column names.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.curate.sources.columns import Name

Row = Mapping[Any, Any]  # by Name
# (columns wanted, row numbers wanted) -> (row number, row; None where it is malformed), in order.
Rows = Callable[[Sequence[Name], Collection[int]], Iterator[tuple[int, Row | None]]]

# Rows that are looked at for column names in a format that does not list them.
PEEK = 1_000


@dataclass(frozen=True)
class Part:
    """A piece of a source: a file, or a split of a dataset.

    columns        theirs; image_columns those that it declares to hold images
    count          rows
    root           folder where its relative image paths start, None where it has none
    allowed        folders that its image paths may not leave
    """

    columns: tuple[Name, ...]
    count: int
    rows: Rows
    root: Path | None = None
    allowed: tuple[Path, ...] = ()
    image_columns: tuple[Name, ...] = ()


def as_row(value: Any) -> Row | None:
    """An object as it is, a list by position, anything else None: malformed."""
    if isinstance(value, list):
        return dict(enumerate(value))
    return value if isinstance(value, dict) else None


def columns_of(rows: Iterable[Row | None]) -> tuple[Name, ...]:
    """All column names of some rows, in order of appearance."""
    return tuple(dict.fromkeys(name for row in rows for name in row or ()))


def take(rows: Iterable[Row | None], wanted: Collection[int]) -> Iterator[tuple[int, Row | None]]:
    """The wanted rows with their numbers; stops after the last one."""
    for number, row in enumerate(islice(rows, max(wanted, default=-1) + 1)):
        if number in wanted:
            yield number, row


def jsonl_part(path: Path) -> Part:
    """A file with one JSON value per line; blank lines do not count, a broken line is a malformed row."""
    with path.open("rb") as lines:
        columns = columns_of(_parse_line(line) for line in islice(_filled(lines), PEEK))
    with path.open("rb") as lines:
        count = sum(1 for _ in _filled(lines))

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, Row | None]]:
        with path.open("rb") as lines:
            last = max(wanted, default=-1)
            for number, line in enumerate(islice(_filled(lines), last + 1)):
                if number in wanted:
                    yield number, _parse_line(line)

    return Part(columns, count, rows, path.parent, (path.parent,))


def _filled(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line for line in lines if line.strip())


def _parse_line(line: bytes) -> Row | None:
    try:
        return as_row(json.loads(line.decode("utf-8-sig")))
    except (ValueError, RecursionError):
        return None


def json_part(path: Path) -> Part:
    """A JSON file: a list of rows, {id: row}, or an object that holds one list of rows; or JSONL in disguise."""
    try:
        value = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        part = jsonl_part(path)
        if part.count > 1 and part.columns:
            return part
        raise OvtError(f"{path} is not JSON ({error}); expected a list of rows") from None
    rows = [as_row(row) for row in _list_of_rows(value, path)]
    return Part(columns_of(rows), len(rows), lambda names, wanted: take(rows, wanted), path.parent, (path.parent,))


def _list_of_rows(value: Any, path: Path) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and as_row(inner[0])]
        if len(lists) == 1:
            return lists[0]
        if value and all(isinstance(inner, dict) for inner in value.values()):
            return [{"id": key, **inner} for key, inner in value.items()]
    raise OvtError(f"{path} holds no list of rows: expected [{{…}}, …], {{id: {{…}}}} or one list inside an object")


def csv_part(path: Path) -> Part:
    """A CSV (or TSV) file with a header; every cell is a text, so that a gold of 007 stays one."""
    try:
        table = pl.read_csv(
            path,
            separator="\t" if path.suffix.lower() == ".tsv" else ",",
            infer_schema=False,
        )
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[0]
        advice = "; save it as UTF-8" if "utf-8" in reason.lower() else ""
        raise OvtError(f"{path} cannot be read as {path.suffix[1:].upper()}: {reason}{advice}") from None

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, Row | None]]:
        return take(table.select(names).iter_rows(named=True), wanted)

    return Part(tuple(table.columns), len(table), rows, path.parent, (path.parent,))
