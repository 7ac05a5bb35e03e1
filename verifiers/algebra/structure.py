r"""The outermost structure of a source: brackets, members, relations, names.

read_relation("0 ≤ x < 1") == Relation(("0", "x", "1"), ("≤", "<"))      members("1, 2", bare=True) == ["1", "2"]
"""

import re
from typing import NamedTuple

from ovt.verifiers.dressing import words

_OPENERS = ("\\{", "(", "[", "{")
_CLOSERS = ("\\}", ")", "]", "}")
AND = "and und et 和 与 及 以及 と 와 과 و и"
OR = "or oder ou 或 或者 还是 または 또는 أو или"
_WORDS = "|".join(word for word in (AND + " " + OR).split() if word.isascii())
_OTHERS = "|".join(sorted((word for word in (AND + " " + OR).split() if not word.isascii()), key=len, reverse=True))
CONJUNCTION = re.compile(
    r"(?<!\s)(?!(?<=[A-Za-z\\])[A-Za-z])\s*+"
    rf"(?:(?:[,;，；]\s*+)?(?:(?<![A-Za-z\\])(?:{_WORDS})(?![A-Za-z])|{_OTHERS})|[;；&])\s*+"
)
OR_WORDS = frozenset(OR.split())
COMMA = re.compile(r"(?<!\s)\s*+[,，、]\s*+")
_RELATION = re.compile(r"[<>≤≥≠=∈≈]")
_GROUPED = re.compile(r"(?<!\d)(\d{1,3}(?:,\d{3})+)(?!\d)")

_LETTER = r"(?:[A-Za-z]|\\(?!sin|cos|tan|sec|csc|cot|ln|log|frac|sqrt|pi|exp)[A-Za-z]+)"
_SYMBOL = rf"{_LETTER}(?:'|_\{{[^{{}}]*\}}|_\w)*"
_ANY_SYMBOL = re.compile(_SYMBOL)
_SIMPLE_NAME = re.compile(
    rf"{_SYMBOL}(?:\s*\(\s*(?:{_SYMBOL}|-?\d+)(?:\s*,\s*(?:{_SYMBOL}|-?\d+))*\s*\))?"
    r"|(?:\\(?:angle|triangle|overline|widehat|vec|overrightarrow)\s*\{?\s*)?[A-Z]{1,4}\}?|m\s*\\angle\s*[A-Z]{1,3}"
)
_FRACTION_OF_NAMES = re.compile(r"\\frac\s*\{([^{}]*(?:\{[^{}]*\})?)\}\s*\{([^{}]*(?:\{[^{}]*\})?)\}")
_NO_PHRASE = words(
    "not nor or and neither either maybe if than isn't never is are was were but except anything everything cannot "
    "can be nicht kein pas no es não ni ou o oder soit non ne mas pero"
)


def split_top(source: str, separator: re.Pattern[str]) -> list[str]:
    """The parts between separators outside all brackets."""
    if "(" not in source and "[" not in source and "{" not in source:
        return [part.strip() for part in separator.split(source)]
    parts, start, position, depth = [], 0, 0, 0
    for match in separator.finditer(source):
        for bracket in filter("()[]{}".__contains__, source[position : match.start()]):
            depth = depth + 1 if bracket in "([{" else max(0, depth - 1)
        position = match.start()
        if not depth and match.end() > position:
            parts.append(source[start:position])
            start = position = match.end()
    return [part.strip() for part in [*parts, source[start:]]]


def enclosing(source: str) -> str:
    r"""The pair of brackets around the whole source: "()", "[)", "\{\}" …; "" if there is none."""
    if source[:1] not in ("(", "[", "{", "\\"):
        return ""
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
    """The content of the enclosing brackets."""
    half = len(brackets) // 2
    return source[half : len(source) - half].strip()


def members(source: str, bare: bool) -> list[str]:
    """The members of a list at the outermost level. A comma groups digits in `1,000, 2,000`, and splits `(1,234)`."""
    if ", " in source or (bare and _GROUPED.search(source) and ";" in source):
        source = _GROUPED.sub(lambda match: match[1].replace(",", ""), source)
    parts: list[str] = []
    for part in split_top(source.strip(" ,;"), CONJUNCTION):
        parts += split_top(part, COMMA)
    return parts if all(parts) else []


def clauses(source: str) -> list[str]:
    """The parts between semicolons and conjunctions only: `p=5, q=2` and `p=7, q=2`."""
    return [part.strip(" ,") for part in split_top(source, CONJUNCTION) if part.strip(" ,")]


class Relation(NamedTuple):
    """A chain of relations: `0 ≤ x < 1` has members (0, x, 1) and signs (≤, <)."""

    members: tuple[str, ...]
    signs: tuple[str, ...]

    def __str__(self) -> str:
        signs = (*self.signs, "")
        return "".join(f"{member} {sign} " for member, sign in zip(self.members, signs, strict=True)).strip()


def read_relation(source: str) -> Relation | None:
    """The chain of relations at a source's outermost level; None without one."""
    parts = split_top(source, _RELATION) if _RELATION.search(source) else []
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
    r"""Whether it can be assigned a value: `x`, `x_1`, `f(x)`, `AB`, `|AB|`, `\angle ABC`, `A:B`, `(p,q)`, `area`."""
    source = source.strip()
    if _SIMPLE_NAME.fullmatch(source):
        return True
    if enclosing(source) == "()":
        symbols = [symbol.strip() for symbol in inside(source, "()").replace(";", ",").split(",")]
        return len(symbols) > 1 and all(map(_ANY_SYMBOL.fullmatch, symbols))
    fraction = _FRACTION_OF_NAMES.fullmatch(source)
    parts = fraction.groups() if fraction else source.split(":") if ":" in source else [source.strip("|")]
    if len(parts) <= 2 and parts != [source] and all(_SIMPLE_NAME.fullmatch(part.strip()) for part in parts):
        return True
    return _is_phrase(source) and _NO_PHRASE.isdisjoint(source.lower().split())


def _is_phrase(source: str) -> bool:
    letters = source.replace(" ", "").replace("'", "")
    return 3 <= len(source) <= 41 and source[0].isalpha() and letters.isascii() and letters.isalpha()


def expand_signs(source: str) -> list[str]:
    """`1±2` as `(1+2)` and `(1-2)`, in brackets because a bare `1-2` is a range; any other source unchanged."""
    if "±" not in source:
        return [source]
    name, equals, value = source.rpartition("=")
    plus = value.replace("±", "+").replace("∓", "-").strip()
    minus = value.replace("±", "-").replace("∓", "+").strip()
    return [f"{name}{equals}({side.removeprefix('+').strip()})" for side in (plus, minus)]


def has_or(source: str) -> bool:
    """Whether the members of a list are alternatives: `2 or 3`, `2或3`."""
    return any(match[0].strip(" ,;") in OR_WORDS for match in CONJUNCTION.finditer(source.lower()))


_ENVIRONMENT = re.compile(
    r"\\(?:begin|end)\{(?:cases|aligned|align\*?|gathered|array)\}(?:\{[lcr| ]*\})?|\\left\\\{(?=\s*\\begin)|&"
)


def apart(text: str) -> str:
    r"""A text whose equations stand on lines of their own (`\\`, `\quad`, `cases`) with semicolons between them."""
    if text.count("=") < 2 or "matrix" in text:
        return text
    text = _ENVIRONMENT.sub(" ", text)
    for mark in ("\\\\", "\\qquad", "\\quad"):
        text = text.replace(", " + mark, ";").replace("," + mark, ";").replace(mark, ";")
    return ";".join(
        part for part in text.split(";") if part.strip(" ,") not in ("", "\\text{and}", "\\text{or}", "and")
    )
