r"""Inequalities: `x \ge 5` is `5 \le x` and `[5, ∞)`; `-x > -1` is `x < 1`; the sign and the side matter."""

import re
from itertools import product

from ovt.verifiers.algebra.notation import Unreadable, math_source
from ovt.verifiers.algebra.structure import Relation, flip, read_relation
from ovt.verifiers.algebra.syntax import parse
from ovt.verifiers.kinds.equation import is_glued
from ovt.verifiers.kinds.expression import compare_sources, finding_of, ratio_of_sources
from ovt.verifiers.kinds.interval import Pieces, check_intervals, read_intervals
from ovt.verifiers.verdict import Finding

_LETTER = re.compile(r"[A-Za-z]$")


def read_inequality(text: str) -> Relation | None:
    """The chain of inequalities that a gold is."""
    relation = read_relation(math_source(text))
    if relation is None or not set(relation.signs) & set("<>≤≥≠") or not set(relation.signs) <= set("<>≤≥≠="):
        return None
    try:
        for member in relation.members:
            if "∞" not in member:
                parse(member)
    except Unreadable:
        return None
    return relation


def check_inequality(prediction: str, gold: Relation) -> Finding | None:
    """Compare with an inequality or an interval; None where the prediction is neither."""
    shown = _show(gold)
    pieces: Pieces | None = read_intervals(shown)
    found = read_inequality(prediction)
    finding = check_intervals(prediction, pieces) if pieces else None
    named = found or read_relation(math_source(prediction))
    if finding and named and _variables_differ(named, gold):
        return Finding("wrong", "other_name", _show(named), shown)
    if finding:
        return finding
    if found is None:
        return None
    if len(found.members) != len(gold.members):
        return Finding("wrong", "different", _show(found), shown)
    if len(found.members) == 2:
        return _compare_pair(found, gold)
    return _compare_chains(found, gold)


def _variables_differ(found: Relation, gold: Relation) -> bool:
    """Whether both bound one letter, and not the same one: `x > 5` and `y > 5`; or one has something glued to it."""
    if any(is_glued(*names) for names in product(found.members, gold.members)):
        return True
    letters = [[member for member in relation.members if _LETTER.match(member)] for relation in (found, gold)]
    return len(letters[0]) == len(letters[1]) == 1 and letters[0] != letters[1]


def _show(relation: Relation) -> str:
    signs = (*relation.signs, "")
    return "".join(f"{member} {sign} " for member, sign in zip(relation.members, signs, strict=True)).strip()


def _compare_chains(found: Relation, gold: Relation) -> Finding:
    """A chain equals itself, read from either end."""
    for candidate in (found, flip(found)):
        if candidate.signs != gold.signs:
            continue
        pairs = zip(candidate.members, gold.members, strict=True)
        if all(compare_sources(left, right) == "equal" for left, right in pairs):
            return Finding("correct", "equal", _show(found), _show(gold))
    return Finding("wrong", "different", _show(found), _show(gold))


def _compare_pair(found: Relation, gold: Relation) -> Finding:
    """Whether `left - right` of one is a multiple of the other's: positive, or negative and the sign turned."""
    word = ratio_of_sources(*(f"({relation.members[0]})-({relation.members[1]})" for relation in (found, gold)))
    if word in ("positive", "negative"):
        sign = found.signs[0] if word == "positive" else flip(found).signs[0]
        word = "equal" if sign == gold.signs[0] else "different"
    elif word == "none":
        word = "different"
    return finding_of(word, _show(found), _show(gold))
