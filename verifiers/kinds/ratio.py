"""Ratios: `3:4` is `3 : 4`, `6:8`, `3 to 4` and `3/4`. What looks like a time of day is none (`10:30` is not `1/3`)."""

import re
from functools import lru_cache

from ovt.verifiers.algebra.notation import Unreadable, math_source
from ovt.verifiers.algebra.structure import split_top
from ovt.verifiers.algebra.syntax import number_node, parse
from ovt.verifiers.kinds.expression import compare_sources, finding_of, looks_symbolic
from ovt.verifiers.kinds.number import read_number
from ovt.verifiers.verdict import Finding

_COLON = re.compile(r"(?<!\s)\s*+:\s*+")
_TO = re.compile(r"(?<!\s)\s++to\s++")


@lru_cache(maxsize=8192)
def read_ratio(text: str) -> tuple[str, ...] | None:
    """The two or more terms of a ratio, as sources."""
    source = math_source(text)
    terms = split_top(source, _COLON)
    if len(terms) == 1 and 1 <= len(_TO.findall(source)) <= 4:
        terms = split_top(source, _TO)
    if not 2 <= len(terms) <= 5 or not all(terms) or not all(_is_term(term) for term in terms):
        return None
    return tuple(terms)


def _is_term(source: str) -> bool:
    if not looks_symbolic(f"${source}$"):
        return False
    try:
        node = parse(source)
    except Unreadable:
        return False
    # With a zero in it, every ratio would be in proportion to every other.
    return node != number_node(0)


def read_ratio_gold(text: str) -> tuple[str, ...] | None:
    """A gold that is written with colons (a gold in words, `3 to 4`, is a range or a text)."""
    return read_ratio(text) if ":" in math_source(text) else None


def check_ratio(prediction: str, gold: tuple[str, ...]) -> Finding | None:
    """Compare with a ratio, or with a single number for a ratio of two."""
    shown = ":".join(gold)
    terms = read_ratio(prediction)
    if terms is None:
        if len(gold) != 2 or not (read_number(prediction) or _is_term(math_source(prediction))):
            return None
        terms = (math_source(prediction), "1")
    if len(terms) != len(gold):
        return Finding("wrong", "different_length", ":".join(terms), shown)
    for index in range(1, len(gold)):
        # a:b = c:d where a*d = b*c
        left = f"({terms[0]})*({gold[index]})"
        right = f"({terms[index]})*({gold[0]})"
        word = compare_sources(left, right)
        if word != "equal":
            return finding_of("different" if word == "unreadable" else word, ":".join(terms), shown)
    return Finding("correct", "equal", ":".join(terms), shown)
