r"""Inequalities: `x \ge 5` is `5 \le x` and `[5, ∞)`; `-x > -1` is `x < 1`; the sign and the side matter."""

from ovt.verifiers.expression import compare_sources, finding_of, ratio_of_sources
from ovt.verifiers.interval import Pieces, check_intervals, read_intervals
from ovt.verifiers.notation import Unreadable, math_source
from ovt.verifiers.structure import Relation, read_relation
from ovt.verifiers.syntax import parse
from ovt.verifiers.verdict import Finding

_FLIPPED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤", "≠": "≠", "=": "="}


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
    if pieces:
        finding = check_intervals(prediction, pieces)
        if finding:
            return finding
    if found is None:
        return None
    if len(found.members) != len(gold.members):
        return Finding("wrong", "different", _show(found), shown)
    if len(found.members) == 2:
        return _compare_pair(found, gold)
    return _compare_chains(found, gold)


def _show(relation: Relation) -> str:
    signs = (*relation.signs, "")
    return "".join(f"{member} {sign} " for member, sign in zip(relation.members, signs, strict=True)).strip()


def _flip(relation: Relation) -> Relation:
    return Relation(relation.members[::-1], tuple(_FLIPPED[sign] for sign in reversed(relation.signs)))


def _compare_chains(found: Relation, gold: Relation) -> Finding:
    """A chain equals itself, read from either end."""
    for candidate in (found, _flip(found)):
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
        sign = found.signs[0] if word == "positive" else _FLIPPED[found.signs[0]]
        word = "equal" if sign == gold.signs[0] else "different"
    elif word == "none":
        word = "different"
    return finding_of(word, _show(found), _show(gold))
