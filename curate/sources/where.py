"""`where`: which rows of a source are wanted, as an SQL expression over its own columns.

    where = "pass_rate > 0.2 AND grade <= 8"        # strings in '…', columns with odd names in "…"

It is polars' SQL: comparisons, AND/OR/NOT, IN, BETWEEN, LIKE, functions such as LOWER or LENGTH. Only an expression:
polars would read files for a subquery, so recipes may not contain any.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any

import polars as pl

from ovt.core.errors import RecipeError, first_line
from ovt.core.text import did_you_mean, without_surrogates

Name = str | int  # of a column, as in section.py
_NUMBER, _BROKEN = "\0number", "\0broken"  # columns beside those of a source
_ABOUT = {_NUMBER: pl.Int64, _BROKEN: pl.Boolean}
CHUNK = 5_000  # rows turned into a table at once
_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
# A table starts with one of these; the paddings make a text of any length out of one.
_REFUSED = re.compile(r"\b(select|from|table|values|with|lpad|rpad)\b", re.IGNORECASE)
_READS = re.compile(r"\bselect\b|\b(?:read|scan)_\w+\s*\(", re.IGNORECASE)


def check_expression(where: str) -> str:
    """The text, if it is one SQL expression that reads no table; else ValueError."""
    refused = _REFUSED.search(_QUOTED.sub("''", where)) or _READS.search(where)
    if refused:
        raise ValueError(f"where may not contain {refused[0]!r}: only an expression over the source's columns")
    try:
        pl.sql_expr(where)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ValueError(
            f"where is not an SQL expression ({first_line(error)}); e.g. \"grade <= 8 AND kind = 'bar'\""
        ) from None
    return where


def columns_in(where: str) -> list[str]:
    """The columns that an expression names, once each."""
    return list(dict.fromkeys(pl.sql_expr(where).meta.root_names()))


def matches(table: pl.DataFrame, where: str, of: str) -> pl.Series:
    """Which rows of a table an expression holds for; unknown (null) counts as no. `of` names the table in messages.

    Raises RecipeError for a column that is not there, or a comparison that its values do not allow.
    """
    for name in columns_in(where):
        if name not in table.columns:
            listed = ", ".join(table.columns[:30]) + (", …" if len(table.columns) > 30 else "")
            raise RecipeError(
                f"{of}: where names {name!a}; found {listed}; {did_you_mean(name, table.columns, 'name one of these')}"
            )
    for attempt in (table, numbers_read(table)):
        try:
            found = attempt.select(pl.sql_expr(where).alias("wanted")).to_series()
        except pl.exceptions.PolarsError as error:
            problem = first_line(error)
            continue
        if found.dtype != pl.Boolean:
            raise RecipeError(f"{of}: where gives {found.dtype}, expected true or false, such as grade <= 8")
        found = found.fill_null(value=False)
        return found if len(found) == len(table) else pl.Series([bool(found[0])] * len(table), dtype=pl.Boolean)
    raise RecipeError(f"{of}: where cannot be applied ({problem}); {described(table, where)}")


def numbers_read(table: pl.DataFrame) -> pl.DataFrame:
    """A table whose text columns are numbers if all their cells are, as in CSV files."""
    read = table
    for name, kind in table.schema.items():
        if kind == pl.String:
            with suppress(pl.exceptions.PolarsError):
                filled = pl.col(name).str.strip_chars().replace("", None)
                read = read.with_columns(filled.cast(pl.Float64))
    return read


def described(table: pl.DataFrame, where: str) -> str:
    """The columns that an expression names, and what they hold: "grade is Int64, kind is String"."""
    return ", ".join(f"{name} is {table.schema[name]}" for name in columns_in(where))


def table_of(
    rows: Iterable[tuple[int, Mapping | Exception | None]], found: Iterable[str], named: Sequence[Name], of: str
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(the columns `named` of all rows; for each of them its "number", and whether it is "broken"). The first table
    also has the other columns `found`, without values, so that messages can list them. `of` is the source, for them.

    Raises RecipeError for a column whose values have no type in common.
    """
    parts, coming = [pl.DataFrame(schema=_ABOUT)], iter(rows)
    while some := list(islice(coming, CHUNK)):
        readable = [row if isinstance(row, Mapping) else {} for _, row in some]
        about = [(number, not isinstance(row, Mapping)) for number, row in some]
        cells = [_column(str(name), [row.get(name) for row in readable]) for name in named]
        parts.append(pl.DataFrame(about, _ABOUT, orient="row").with_columns(cells))
    try:
        table = pl.concat(parts[1:] or parts, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise RecipeError(f"{of}: where cannot be applied to values of several kinds ({first_line(error)})") from None
    table = table.with_columns(pl.lit(None).alias(name) for name in found if name not in table.columns)
    return table.drop(*_ABOUT), table.select(number=_NUMBER, broken=_BROKEN)


def _column(name: str, cells: list[Any]) -> pl.Series:
    with suppress(UnicodeEncodeError):  # half of a character, as JSON can have
        column = pl.Series(name, cells, strict=False)
        if column.dtype != pl.Object:  # inside a list or a mapping
            return column
    return pl.Series(name, [_whole(cell) for cell in cells], strict=False)


def _whole(cell: Any) -> Any:
    if isinstance(cell, str):
        return without_surrogates(cell)
    if isinstance(cell, list):
        return [_whole(inner) for inner in cell]
    return {name: _whole(inner) for name, inner in cell.items()} if isinstance(cell, dict) else cell
