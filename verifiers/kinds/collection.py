"""Lists, sets and tuples. `2, 3` and `{2, 3}` have no order; `(3, 4)` and `[3, 4]` have one. Every member counts once.

`x = 1 or x = 2` is `{2, 1}`;  `1 ± 2` is `{3, -1}`;  `(3;4)` is `(3, 4)`;  `p=5, q=2; p=7, q=2` is `(5,2), (7,2)`
"""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ovt.verifiers.algebra.notation import math_source
from ovt.verifiers.algebra.structure import (
    COMMA,
    CONJUNCTION,
    apart,
    clauses,
    enclosing,
    expand_signs,
    has_or,
    inside,
    is_name,
    members,
    read_relation,
)
from ovt.verifiers.kinds.number import read_number
from ovt.verifiers.verdict import Finding

MAX_MEMBERS = 40
_EMPTY = frozenset(["∅", "\\{\\}", "{}", "\\{ \\}", "{ }", "\\{∅\\}"])
_ORDERED = frozenset(["()", "[]", "(]", "[)"])
_SETS = frozenset(["\\{\\}", "{}"])
_OF_INTERVALS = frozenset("∪∩∖∞≤≥<>≠ℝ")
_POINT = re.compile(
    r"^(?:(?:the )?(?:ordered )?(?:point|pair|vector|coordinates?) |点|坐标)?(?:[A-Z](?:_?\d)?'?)?\s*(?=\([^()]*\)$)"
)
_STARTS = ("\\", "(", "{", "[", "±")
_NO_BRACES = dict.fromkeys(map(ord, " {}"))
_NO_SEPARATORS = dict.fromkeys(map(ord, " ,，、和与及;；."))


class Collection(NamedTuple):
    """members: sources, in order. names: what each is assigned to ("" where nothing). brackets: "" for a bare list.
    alternatives, together, signs: whether an "or", an "and" or a ± makes them.
    """

    members: tuple[str, ...]
    names: tuple[str, ...]
    brackets: str
    alternatives: bool = False
    together: bool = False
    signs: bool = False

    def __str__(self) -> str:
        half = len(self.brackets) // 2
        return f"{self.brackets[:half]}{', '.join(self.members)}{self.brackets[half:]}".replace("\\", "")


Compare = Callable[[str, str], Finding]


def read_collection(text: str) -> Collection | None:
    """The collection that a text is; None for a single thing. Unions and inequalities are intervals instead."""
    labels = "" if text.isascii() else text.translate(_NO_SEPARATORS)
    if len(labels) > 1 and all("①" <= label <= "⑳" for label in labels):
        return Collection(tuple(labels), ("",) * len(labels), "")
    source = math_source(apart(text)).rstrip(" .")
    if source in _EMPTY:
        return Collection((), (), "\\{\\}")
    if not _OF_INTERVALS.isdisjoint(source) or source.startswith("]") or source.endswith("["):
        return None
    name, _, said = source.partition("∈") if "∈" in source.partition("=")[0] else source.partition("=")
    said = said.lstrip()
    if said[:1] in _STARTS and name and is_name(name) and (enclosing(said) or "±" in source):
        inner = read_collection(said)
        if inner:
            return inner
    source = _POINT.sub("", source) if source.endswith(")") else source
    brackets = enclosing(source)
    if brackets:
        content = inside(source, brackets)
        return _bracketed(content, brackets)
    return _bare(source)


def _bracketed(content: str, brackets: str) -> Collection | None:
    listed = members(content, bare=False)
    parts = [variant for part in listed for variant in expand_signs(part)]
    if len(listed) == 1 < len(parts) and brackets == "()":
        return _named(parts, "")  # `(5 ± 2)`
    if len(parts) > MAX_MEMBERS or (len(parts) < 2 and brackets not in _SETS and brackets != "[]"):
        return None
    if len(parts) == 1 and brackets == "{}":
        return None
    if brackets in _SETS:
        brackets = "\\{\\}"
    return _named(parts, brackets)


def _bare(source: str) -> Collection | None:
    if not (COMMA.search(source) or CONJUNCTION.search(source) or "±" in source):
        return None
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
        names.append(relation.members[0].translate(_NO_BRACES) if relation and assigned else "")
    return Collection(tuple(values), tuple(names), brackets)


def read_list(text: str) -> Collection | None:
    """A text that is a collection, and not a number with separators in it."""
    number = read_number(text)
    if number and not (number.decimal_comma and any(mark in text for mark in "$\\")):
        return None
    collection = read_collection(text)
    if collection is None or (not collection.brackets and any(len(member) > 200 for member in collection.members)):
        return None
    source = math_source(text).lower()
    return collection._replace(
        alternatives=has_or(source), together=" and " in source or "和" in source, signs="±" in source
    )


def compare_collections(left: Collection, right: Collection, compare: Compare) -> Finding:
    """Compare member by member; `compare(text, text)` decides for a pair of members."""
    shown = str(left), str(right)
    if _leaves_open(left, right):
        return Finding("wrong", "several_answers", *shown)
    if not _brackets_agree(left, right):
        return Finding("wrong", "other_brackets", *shown)
    if len(left.members) != len(right.members):
        return Finding("wrong", "different_length", *shown)
    if _is_ordered(left, right):
        # Bare lists stand in the order they were written in; a pair in its letters' order.
        first = _by_name(left) if right.brackets else left
        second = _by_name(right) if left.brackets else right
        return _compare_in_order(first, second, compare)
    return _compare_as_sets(left, right, compare)


def _leaves_open(found: Collection, gold: Collection) -> bool:
    """Whether what belongs together is offered as alternatives: `red or blue` for `red and blue`, `2 or 3` for both."""
    if found.alternatives == gold.alternatives or found.signs or gold.signs:
        return False
    either, every = (found, gold) if found.alternatives else (gold, found)
    if any(either.names) and len(set(either.names)) == 1:
        return False  # `x = 1 or x = 2` are the two solutions
    texts = all(_is_words(member) or member >= "①" for member in either.members)
    return either is found or texts or len(set(either.names)) > 1 or every.together


def _is_words(text: str) -> bool:
    words = text.split(" ")
    return len(words[0]) > 1 and all(map(str.isalpha, words))


def compare_with_one(collection: Collection, text: str, compare: Compare) -> Finding:
    """A collection of one equals its member; one of several answers is not all of them."""
    shown = str(collection), text
    if len(collection.members) == 1 and collection.brackets != "[]":
        return compare(collection.members[0], text)
    if not collection.brackets and any(compare(member, text).outcome == "correct" for member in collection.members):
        return Finding("wrong", "several_answers", *shown)
    return Finding("wrong", "different_length", *shown)


def _brackets_agree(found: Collection, gold: Collection) -> bool:
    if found.brackets == gold.brackets:
        return True
    if not found.brackets or not gold.brackets:
        # A bare list is a set; with a letter for each member (`x = 1, y = 2`) it is a point.
        bare, other = (gold, found) if found.brackets else (found, gold)
        return other.brackets in (("()", "(]", "[)") if len(_letters(bare)) > 1 else _SETS)
    if {found.brackets, gold.brackets} == {"()", "[]"}:
        # Two members may be an interval, where the brackets matter; three are a point or a list.
        return len(gold.members) != 2
    return False


def _is_ordered(found: Collection, gold: Collection) -> bool:
    if found.brackets in _ORDERED or gold.brackets in _ORDERED:
        return True
    # `x = 1, y = 2` against `1, 2`: the order stands for the names, which one of them leaves out.
    many = [len(_letters(collection)) > 1 for collection in (found, gold)]
    return any(many) and not (any(found.names) and any(gold.names))


def _letters(collection: Collection) -> frozenset[str]:
    """The letters that the members are values of; `x_1` and `x_2` are two values of one."""
    return frozenset(name.partition("_")[0] for name in collection.names if name)


def _by_name(collection: Collection) -> Collection:
    """`y = 3, x = 4` as the pair `(4, 3)`: values of different letters stand in the letters' order."""
    names = collection.names
    if len(set(names)) < len(names) or not all(len(name) == 1 and name.islower() for name in names):
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
    undecided: list[str] = []

    @cache
    def equal(ours: int, theirs: int) -> bool:
        name, its_name = found.names[ours], gold.names[theirs]
        if name and its_name and name != its_name:
            return False
        finding = compare(found.members[ours], gold.members[theirs])
        undecided.extend([finding.reason] if finding.outcome == "abstain" else [])
        return finding.outcome == "correct"

    if _match(len(gold.members), equal):
        return Finding("correct", "equal", str(found), str(gold))
    if undecided:
        return Finding("abstain", undecided[-1], str(found), str(gold))
    return Finding("wrong", "different_members", str(found), str(gold))


def _match(count: int, equal: Callable[[int, int], bool]) -> bool:
    """Whether two sets of `count` members pair off, by augmenting paths: a member may equal several that are not equal
    to each other (`50` is `50%`, and so is `0.5`)."""
    taken: dict[int, int] = {}

    def place(theirs: int, tried: set[int]) -> bool:
        for ours in sorted(range(count), key=taken.__contains__):  # the free ones first
            if ours not in tried and equal(ours, theirs):
                tried.add(ours)
                if ours not in taken or place(taken[ours], tried):
                    taken[ours] = theirs
                    return True
        return False

    return all(place(theirs, set()) for theirs in range(count))
