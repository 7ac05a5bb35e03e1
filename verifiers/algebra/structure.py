"""Where a formula comes apart: its members between commas and conjunctions, its brackets, its relations, its names.

All functions work on `math_source` text and look only at the outermost level of brackets.
"""

import re
from typing import NamedTuple

_OPENERS = ("\\{", "(", "[", "{")
_CLOSERS = ("\\}", ")", "]", "}")
_CONJUNCTION = re.compile(r"(?<!\s)\s*+(?:(?:[,;，；]\s*+)?(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|[;；&])\s*+")
_COMMA = re.compile(r"(?<!\s)\s*+[,，、]\s*+")
_RELATION = re.compile(r"[<>≤≥≠=∈≈]")
_GROUPED = re.compile(r"(?<!\d)(\d{1,3}(?:,\d{3})+)(?!\d)")

_LETTER = r"(?:[A-Za-z]|\\(?!sin|cos|tan|sec|csc|cot|ln|log|frac|sqrt|pi|exp)[A-Za-z]+)"
_SYMBOL = rf"{_LETTER}(?:'|_\{{[^{{}}]*\}}|_\w)*"
_ANY_SYMBOL = re.compile(_SYMBOL)
_SIMPLE_NAME = re.compile(
    rf"{_SYMBOL}(?:\s*\(\s*{_SYMBOL}(?:\s*,\s*{_SYMBOL})*\s*\))?"
    r"|(?:\\(?:angle|triangle|overline|widehat|vec|overrightarrow)\s*\{?\s*)?[A-Z]{1,4}\}?|m\s*\\angle\s*[A-Z]{1,3}"
)
_FRACTION_OF_NAMES = re.compile(r"\\frac\s*\{([^{}]*(?:\{[^{}]*\})?)\}\s*\{([^{}]*(?:\{[^{}]*\})?)\}")
_NO_PHRASE = re.compile(r"\b(?:not|nor|or|and|neither|either|maybe|if|than|isn't|never)\b")
_PHRASE = re.compile(r"[A-Za-z][A-Za-z' ]{2,40}")


def split_top(source: str, separator: re.Pattern[str]) -> list[str]:
    """The parts between separators that stand outside all brackets."""
    if not separator.search(source):
        return [source.strip()]
    parts, start, position = [], 0, 0
    depth = 0
    while position < len(source):
        pair = source[position : position + 2]
        step = 2 if pair in ("\\{", "\\}") else 1
        char = source[position : position + step]
        if char in _OPENERS:
            depth += 1
        elif char in _CLOSERS:
            depth = max(0, depth - 1)
        elif not depth and (match := separator.match(source, position)) and match.end() > position:
            parts.append(source[start:position])
            start = position = match.end()
            continue
        position += step
    return [part.strip() for part in [*parts, source[start:]]]


def enclosing(source: str) -> str:
    r"""The pair of brackets around the whole source: "()", "[)", "\{\}" …; "" where there is none."""
    opener = next((mark for mark in _OPENERS if source.startswith(mark)), "")
    closer = next((mark for mark in _CLOSERS if source.endswith(mark)), "")
    if not opener or not closer or len(source) < len(opener) + len(closer):
        return ""
    depth = position = 0
    while position < len(source):
        pair = source[position : position + 2]
        step = 2 if pair in ("\\{", "\\}") else 1
        char = source[position : position + step]
        depth += (char in _OPENERS) - (char in _CLOSERS)
        position += step
        if not depth:
            break
    return opener + closer if position == len(source) else ""


def inside(source: str, brackets: str) -> str:
    """What stands between the enclosing brackets."""
    half = len(brackets) // 2
    return source[half : len(source) - half].strip()


def members(source: str, bare: bool) -> list[str]:
    """The members of a list at the outermost level. A comma in `1,000, 2,000` groups digits; in `(1,234)` it parts."""
    spaced = re.search(r",\s", source)
    if spaced or (bare and _GROUPED.search(source) and ";" in source):
        source = _GROUPED.sub(lambda match: match[1].replace(",", ""), source)
    parts: list[str] = []
    for part in split_top(source.strip(" ,;"), _CONJUNCTION):
        parts += split_top(part, _COMMA)
    return parts if all(parts) else []


def clauses(source: str) -> list[str]:
    """The parts between semicolons and conjunctions only: `p=5, q=2` and `p=7, q=2`."""
    return [part.strip(" ,") for part in split_top(source, _CONJUNCTION) if part.strip(" ,")]


class Relation(NamedTuple):
    """A chain of relations: `0 ≤ x < 1` has members (0, x, 1) and signs (≤, <)."""

    members: tuple[str, ...]
    signs: tuple[str, ...]


def read_relation(source: str) -> Relation | None:
    """The chain of relations that a source is at its outermost level; None without one."""
    parts = split_top(source, _RELATION)
    if len(parts) < 2 or not all(parts):
        return None
    signs = []
    position = len(parts[0])
    for part in parts[1:]:
        match = _RELATION.search(source, position)
        if match is None:
            return None
        signs.append(match[0])
        position = source.index(part, match.end()) + len(part)
    return Relation(tuple(parts), tuple(signs))


_TURNED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤"}


def flip(relation: Relation) -> Relation:
    """The same chain read from its other end."""
    return Relation(relation.members[::-1], tuple(_TURNED.get(sign, sign) for sign in reversed(relation.signs)))


def is_name(source: str) -> bool:
    r"""Whether it may have a value: `x`, `x_1`, `f(x)`, `AB`, `|AB|`, `\angle ABC`, `A:B`, `(p,q)`, `area`."""
    source = source.strip()
    if _SIMPLE_NAME.fullmatch(source):
        return True
    if enclosing(source) == "()":
        symbols = [symbol.strip() for symbol in re.split("[,;]", inside(source, "()"))]
        return len(symbols) > 1 and all(map(_ANY_SYMBOL.fullmatch, symbols))
    fraction = _FRACTION_OF_NAMES.fullmatch(source)
    parts = fraction.groups() if fraction else source.split(":") if ":" in source else [source.strip("|")]
    if len(parts) <= 2 and parts != [source] and all(_SIMPLE_NAME.fullmatch(part.strip()) for part in parts):
        return True
    return bool(_PHRASE.fullmatch(source)) and not _NO_PHRASE.search(source)


def expand_signs(source: str) -> list[str]:
    """`1±2` as `(1+2)` and `(1-2)`, in brackets because a bare `1-2` is a range; any other source alone."""
    if "±" not in source:
        return [source]
    name, equals, value = source.rpartition("=")
    plus = value.replace("±", "+").replace("∓", "-").strip()
    minus = value.replace("±", "-").replace("∓", "+").strip()
    return [f"{name}{equals}({side.removeprefix('+').strip()})" for side in (plus, minus)]
