"""Lists, sets and tuples. `2, 3` and `{2, 3}` have no order; `(3, 4)` and `[3, 4]` have one. Every member counts once.

`x = 1 or x = 2` is `{2, 1}`;  `1 ± 2` is `{3, -1}`;  `(3;4)` is `(3, 4)`;  `p=5, q=2; p=7, q=2` is `(5,2), (7,2)`
"""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from ovt.verifiers.algebra.notation import (
    clauses,
    enclosing,
    expand_signs,
    inside,
    is_name,
    math_source,
    members,
    read_relation,
)
from ovt.verifiers.dressing import plain
from ovt.verifiers.kinds.choice import lone_letter
from ovt.verifiers.kinds.interval import check_intervals, read_intervals
from ovt.verifiers.kinds.number import read_number, same_number
from ovt.verifiers.verdict import Finding, equal_or_not

MAX_MEMBERS = 40
_EMPTY = frozenset(["∅", "\\{\\}", "{}", "\\{ \\}", "{ }", "\\{∅\\}"])
_ORDERED = frozenset(["()", "[]", "(]", "[)"])
_SETS = frozenset(["\\{\\}", "{}"])
_MEMBERSHIP = re.compile(r"^(?P<name>[^∈=]++)(?:∈|=)\s*+(?=[\\({\[±])")
_NAME = re.compile(r"[^\W\d_][^\W\d_ ]+(?: [^\W\d_]+)*")
_OR = re.compile(r"\bor\b", re.IGNORECASE)
_INTERVAL_SIGNS = re.compile(r"[∪∩∖∞≤≥<>≠]|ℝ")
_MAY_BE_INTERVAL = re.compile(rf"{_INTERVAL_SIGNS.pattern}|^\]|\[$")


class Collection(NamedTuple):
    """members: sources, in order. names: what each is assigned to ("" where nothing). brackets: "" for a bare list.
    alternatives: whether an "or" joins them.
    """

    members: tuple[str, ...]
    names: tuple[str, ...]
    brackets: str
    alternatives: bool = False

    def __str__(self) -> str:
        half = len(self.brackets) // 2
        return f"{self.brackets[:half]}{', '.join(self.members)}{self.brackets[half:]}".replace("\\", "")


Compare = Callable[[str, str], Finding]


def read_collection(text: str) -> Collection | None:
    """The collection that a text is; None for a single thing. Unions and inequalities are intervals instead."""
    source = math_source(text).rstrip(" .")
    if source in _EMPTY:
        return Collection((), (), "\\{\\}")
    if _MAY_BE_INTERVAL.search(source):
        return None
    match = _MEMBERSHIP.match(source)
    if match and is_name(match["name"]) and (enclosing(source[match.end() :]) or "±" in source):
        inner = read_collection(source[match.end() :])
        if inner:
            return inner
    source = re.sub(r"^[A-Z](?:_?\d)?'?\s*(?=\([^()]*\)$)", "", source)
    brackets = enclosing(source)
    if brackets:
        content = inside(source, brackets)
        return _bracketed(content, brackets)
    return _bare(source)


def _bracketed(content: str, brackets: str) -> Collection | None:
    parts = [variant for part in members(content, bare=False) for variant in expand_signs(part)]
    if len(parts) > MAX_MEMBERS or (len(parts) < 2 and brackets not in _SETS and brackets != "[]"):
        return None
    if brackets in _SETS:
        brackets = "\\{\\}"
    if len(parts) == 1 and brackets == "{}":
        return None
    return _named(parts, brackets)


def _bare(source: str) -> Collection | None:
    groups = [members(clause, bare=True) for clause in clauses(source)]
    if len(groups) > 1 and all(len(group) == len(groups[0]) > 1 for group in groups) and _are_assignments(groups):
        # `p=5, q=2; p=7, q=2`: each clause is one solution.
        parts = [f"({', '.join(_value(part) for part in group)})" for group in groups]
        return Collection(tuple(parts), ("",) * len(parts), "")
    parts = [variant for group in groups for part in group for variant in expand_signs(part)]
    if not 2 <= len(parts) <= MAX_MEMBERS:
        return None
    return _named(parts, "")


def _are_assignments(groups: list[list[str]]) -> bool:
    relations = [read_relation(part) for group in groups for part in group]
    return all(relation and set(relation.signs) == {"="} and is_name(relation.members[0]) for relation in relations)


def _value(part: str) -> str:
    relation = read_relation(part)
    return relation.members[-1] if relation else part


def _named(parts: list[str], brackets: str) -> Collection:
    """Take the names off the members: `x = 1`. One name at a bare list's head is the whole list's (`n = 1, 2, 3`)."""
    values, names = [], []
    for part in parts:
        relation = read_relation(part)
        assigned = relation and set(relation.signs) == {"="} and is_name(relation.members[0])
        values.append(relation.members[-1] if relation and assigned else part)
        names.append(re.sub(r"[\s{}]", "", relation.members[0]) if relation and assigned else "")
    return Collection(tuple(values), tuple(names), brackets)


def read_collection_gold(text: str) -> Collection | None:
    """A gold that is a collection, and not a number with separators in it."""
    number = read_number(text)
    if number and not number.decimal_comma:
        return None
    collection = read_collection(text)
    if collection is None or (not collection.brackets and any(len(member) > 200 for member in collection.members)):
        return None
    return collection._replace(alternatives=bool(_OR.search(text)))


def check_collection(prediction: str, gold: Collection, compare: Compare) -> Finding | None:
    """Compare member by member; `compare(text, text)` decides for a pair of members."""
    found = read_collection(prediction) or _run_of_letters(prediction, gold)
    shown = str(gold)
    if found is None and gold.brackets and _MAY_BE_INTERVAL.search(math_source(prediction)):
        pieces = read_intervals(shown)
        return check_intervals(prediction, pieces) if pieces else None
    if found is None:
        return _single(prediction, gold, compare)
    if _leaves_open(prediction, gold):
        return Finding("wrong", "several_answers", str(found), shown)
    if not _brackets_agree(found, gold):
        return Finding("wrong", "other_brackets", str(found), shown)
    if len(found.members) != len(gold.members):
        return Finding("wrong", "different_length", str(found), shown)
    if _is_ordered(found, gold):
        # Bare lists stand in the order they were written in; a pair in its letters' order.
        left = _by_name(found) if gold.brackets else found
        right = _by_name(gold) if found.brackets else gold
        return _compare_in_order(left, right, compare)
    return _compare_as_sets(found, gold, compare)


def _leaves_open(prediction: str, gold: Collection) -> bool:
    """Whether names or texts that belong together are offered as alternatives: `red or blue` for `red and blue`."""
    texts = all(_NAME.fullmatch(member) for member in gold.members) and not any(gold.names)
    return texts and bool(_OR.search(prediction)) and not gold.alternatives


def _run_of_letters(prediction: str, gold: Collection) -> Collection | None:
    """`AC` where the gold is a list of letters."""
    run = plain(prediction).upper()
    if not re.fullmatch(r"[A-Z]{2,10}", run) or not all(lone_letter(member) for member in gold.members):
        return None
    return Collection(tuple(run), ("",) * len(run), "")


def _single(prediction: str, gold: Collection, compare: Compare) -> Finding | None:
    """A collection of one equals its member; `1,22` may also be a decimal with a comma."""
    if len(gold.members) == 1:
        return compare(prediction, gold.members[0])
    number = read_number(prediction)
    comma = read_number(",".join(gold.members)) if len(gold.members) == 2 and not gold.brackets else None
    if number and comma and comma.decimal_comma:
        return equal_or_not(same_number(number, comma), str(number), str(comma))
    return Finding("wrong", "different_length", math_source(prediction), str(gold)) if number else None


def _brackets_agree(found: Collection, gold: Collection) -> bool:
    if found.brackets == gold.brackets or not found.brackets or not gold.brackets:
        return True
    if {found.brackets, gold.brackets} == {"()", "[]"}:
        # Two members may be an interval, where the brackets matter; three are a point or a list.
        return len(gold.members) != 2
    return False


def _is_ordered(found: Collection, gold: Collection) -> bool:
    if found.brackets in _ORDERED or gold.brackets in _ORDERED:
        return True
    named = [collection for collection in (found, gold) if any(collection.names)]
    if len(named) == 1:
        # `x = 1, y = 2` against `1, 2`: the order stands for the names, unless all are values of one variable.
        letters = {re.sub(r"_.*$", "", name) for name in named[0].names if name}
        return len(letters) > 1
    return False


def _by_name(collection: Collection) -> Collection:
    """`y = 3, x = 4` as the pair `(4, 3)`: values of different letters stand in the letters' order."""
    names = collection.names
    if len(set(names)) < len(names) or not all(re.fullmatch("[a-z]", name) for name in names):
        return collection
    order = sorted(range(len(names)), key=names.__getitem__)
    return collection._replace(
        members=tuple(collection.members[place] for place in order), names=tuple(names[place] for place in order)
    )


def _compare_in_order(found: Collection, gold: Collection, compare: Compare) -> Finding:
    for left, right in zip(found.members, gold.members, strict=True):
        finding = compare(left, right)
        if finding.outcome != "correct":
            return Finding(finding.outcome, finding.reason, str(found), str(gold))
    return Finding("correct", "equal", str(found), str(gold))


def _compare_as_sets(found: Collection, gold: Collection, compare: Compare) -> Finding:
    """Match every gold member with another member of the prediction; of the same name, where both are named."""
    left = list(zip(found.members, found.names, strict=True))
    undecided: Finding | None = None
    for value, name in zip(gold.members, gold.names, strict=True):
        for index, (candidate, its_name) in enumerate(left):
            if name and its_name and name != its_name:
                continue
            finding = compare(candidate, value)
            if finding.outcome == "correct":
                del left[index]
                break
            if finding.outcome == "abstain":
                undecided = finding
        else:
            if undecided:
                return Finding("abstain", undecided.reason, str(found), str(gold))
            return Finding("wrong", "different_members", str(found), str(gold))
    return Finding("correct", "equal", str(found), str(gold))


_MATRIX = re.compile(
    r"(?:(?:\\\{|[(\[|])\s*+)?\\begin\{(?P<name>[pbBvV]?matrix|smallmatrix|array)\}(?:\{[^{}]*\})?(?P<body>.*?)\\end\{(?P=name)\}\s*(?:\\\}|[)\]|])?",
    re.DOTALL,
)
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
