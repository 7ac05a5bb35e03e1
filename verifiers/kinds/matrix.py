r"""Matrices, in any environment, as rows separated by semicolons, or as the sum or product of others.

`\begin{pmatrix}1&2\\3&4\end{pmatrix}` is `\begin{bmatrix}…\end{bmatrix}` and `[1 2; 3 4]`; a vector may be a tuple.
"""

import re
from itertools import pairwise
from typing import NamedTuple

from ovt.verifiers.algebra.notation import math_source
from ovt.verifiers.algebra.structure import enclosing, inside
from ovt.verifiers.kinds.collection import Collection, Compare, read_collection
from ovt.verifiers.verdict import Finding

_MATRIX = re.compile(
    r"(?:(?:\\\{|[(\[|])\s*+)?\\begin\{(?P<name>[pbBvV]?matrix|smallmatrix|array)\}(?:\{[^{}]*\})?(?P<body>.*?)\\end\{(?P=name)\}\s*(?:\\\}|[)\]|])?",
    re.DOTALL,
)
_ASSIGNED = re.compile(r"^[A-Za-z][\w^'{}-]{0,12}\s*+=\s*+(?=[(\[|]?\s*+(?:\\begin|[\d-]))")
MAX_ENTRIES = 100
Rows = tuple[tuple[str, ...], ...]


class Matrix(NamedTuple):
    """rows: entries as sources. determinant: whether it was written with bars."""

    rows: Rows
    determinant: bool = False

    def __str__(self) -> str:
        return "; ".join(", ".join(row) for row in self.rows)


def read_matrix(text: str) -> Matrix | None:
    """The matrix that a text is, or that a sum or product of matrices in it makes."""
    source = math_source(text.replace("\\\\", "\\row ")).rstrip(" .")
    source = _ASSIGNED.sub("", source)
    while source.count("\\begin") == 1 and enclosing(source) == "()" and inside(source, "()").startswith("\\begin"):
        source = inside(source, "()")
    matches = list(_MATRIX.finditer(source))
    if not matches:
        return _by_semicolons(source)
    if matches[0].start() or matches[-1].end() != len(source):
        return None
    result = _rows(matches[0])
    for before, match in pairwise(matches):
        sign = source[before.end() : match.start()].strip()
        if result is None or len(matches) > 4 or sign not in ("+", "-", "*", ""):
            return None
        result = _combine(result, _rows(match), sign)
    if result is None:
        return None
    return Matrix(result, len(matches) == 1 and matches[0]["name"] in ("vmatrix", "Vmatrix"))


def _rows(match: re.Match[str]) -> Rows | None:
    body = match["body"].replace("\\hline", "").strip()
    while body.endswith("\\row"):
        body = body.removesuffix("\\row").rstrip()
    rows = tuple(tuple(entry.strip() for entry in row.split("&")) for row in body.split("\\row"))
    if len({len(row) for row in rows}) != 1 or sum(map(len, rows)) > MAX_ENTRIES or not all(map(all, rows)):
        return None
    return rows


def _combine(left: Rows, right: Rows | None, sign: str) -> Rows | None:
    if right is None:
        return None
    if sign in ("+", "-"):
        if (len(left), len(left[0])) != (len(right), len(right[0])):
            return None
        return tuple(
            tuple(f"({a}){sign}({b})" for a, b in zip(*rows, strict=True)) for rows in zip(left, right, strict=True)
        )
    if len(left[0]) != len(right):
        return None
    columns = list(zip(*right, strict=True))
    return tuple(
        tuple("+".join(f"({a})*({b})" for a, b in zip(row, column, strict=True)) for column in columns) for row in left
    )


def compare_matrices(left: Matrix, right: Matrix, compare: Compare) -> Finding:
    """Compare entry by entry; `compare(text, text)` decides for a pair."""
    shown = str(left), str(right)
    if left.determinant != right.determinant or [*map(len, left.rows)] != [*map(len, right.rows)]:
        return Finding("wrong", "different_shape", *shown)
    for row, other in zip(left.rows, right.rows, strict=True):
        for pair in zip(row, other, strict=True):
            finding = compare(*pair)
            if finding.outcome != "correct":
                return Finding(finding.outcome, finding.reason, *shown)
    return Finding("correct", "equal", *shown)


def as_matrix(collection: Collection, shape: Matrix) -> Matrix | None:
    """A tuple as a row or a column like `shape`, a list of lists as its rows."""
    if collection.brackets not in ("()", "[]"):
        return None
    rows = [read_collection(member) for member in collection.members]
    if all(row and row.brackets == collection.brackets == "[]" for row in rows):
        return Matrix(tuple(row.members for row in rows if row))
    if len(shape.rows[0]) == 1:
        return Matrix(tuple((member,) for member in collection.members))
    return Matrix((collection.members,)) if len(shape.rows) == 1 else None


def _by_semicolons(source: str) -> Matrix | None:
    """`[1 2; 3 4]`, `[1, 2; 3, 4]`: rows separated by semicolons."""
    if enclosing(source) != "[]" or ";" not in source:
        return None
    rows = tuple(tuple(row.replace(",", " ").split()) for row in inside(source, "[]").split(";"))
    wide = len(rows[0]) > 1 and len({len(row) for row in rows}) == 1
    return Matrix(rows) if wide and sum(map(len, rows)) <= MAX_ENTRIES else None
