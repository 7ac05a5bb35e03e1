"""Matrices: entry by entry, whatever their brackets; a sum or a product of matrices is worked out first."""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from ovt.verifiers.algebra.notation import math_source
from ovt.verifiers.kinds.collection import read_collection
from ovt.verifiers.verdict import Finding

_MATRIX = re.compile(
    r"(?:(?:\\\{|[(\[|])\s*+)?\\begin\{(?P<name>[pbBvV]?matrix|smallmatrix|array)\}(?:\{[^{}]*\})?(?P<body>.*?)\\end\{(?P=name)\}\s*(?:\\\}|[)\]|])?",
    re.DOTALL,
)
MAX_ENTRIES = 100
Rows = tuple[tuple[str, ...], ...]
Compare = Callable[[str, str], Finding]


class Matrix(NamedTuple):
    """rows: entries as sources. determinant: whether it was written with bars."""

    rows: Rows
    determinant: bool = False

    def __str__(self) -> str:
        return "; ".join(", ".join(row) for row in self.rows)


def read_matrix(text: str) -> Matrix | None:
    """The matrix that a text is, or that a sum or product of matrices in it makes."""
    source = math_source(text.replace("\\\\", "\\row ")).rstrip(" .")
    source = re.sub(r"^[A-Za-z][\w^'{}-]{0,12}\s*+=\s*+(?=[(\[|]?\s*+\\begin)", "", source)
    while (enclosed := re.match(r"\(\s*(\\begin.*\\end\{\w+\})\s*\)$", source, re.DOTALL)) and source.count(
        "\\begin"
    ) == 1:
        source = enclosed[1]
    matches = list(_MATRIX.finditer(source))
    if not matches or matches[0].start() or matches[-1].end() != len(source):
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
    body = re.sub(r"\\hline", "", match["body"]).strip()
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


def check_matrix(prediction: str, gold: Matrix, compare: Compare) -> Finding | None:
    """Compare entry by entry; a row or a column may also be written as a tuple."""
    found = read_matrix(prediction) or _vector(prediction, gold)
    if found is None:
        return None
    if found.determinant != gold.determinant or [len(row) for row in found.rows] != [len(row) for row in gold.rows]:
        return Finding("wrong", "different_shape", str(found), str(gold))
    for row, gold_row in zip(found.rows, gold.rows, strict=True):
        for entry, gold_entry in zip(row, gold_row, strict=True):
            finding = compare(entry, gold_entry)
            if finding.outcome != "correct":
                return Finding(finding.outcome, finding.reason, str(found), str(gold))
    return Finding("correct", "equal", str(found), str(gold))


def _vector(prediction: str, gold: Matrix) -> Matrix | None:
    collection = read_collection(prediction)
    if collection is None or collection.brackets not in ("()", "[]"):
        return None
    rows = [read_collection(member) for member in collection.members]
    if all(row and row.brackets == collection.brackets == "[]" for row in rows):
        return Matrix(tuple(row.members for row in rows if row))
    if len(gold.rows[0]) == 1:
        return Matrix(tuple((member,) for member in collection.members))
    return Matrix((collection.members,)) if len(gold.rows) == 1 else None
