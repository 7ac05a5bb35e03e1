"""Quantities: a number or an expression with a unit or a currency. The unit is optional; two that conflict are wrong.

`21 cm` is `21` and `0.21 m`, not `21 m`;  `$7` is `7` and `7 dollars`;  `2 hours and 45 minutes` is `165 min`
"""

import re
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from ovt.verifiers.algebra.notation import Unreadable, enclosing, math_source
from ovt.verifiers.algebra.syntax import parse
from ovt.verifiers.dressing import plain
from ovt.verifiers.guard import refuse
from ovt.verifiers.kinds.dates import read_range
from ovt.verifiers.kinds.expression import compare_sources, finding_of, looks_symbolic
from ovt.verifiers.kinds.number import SCALES, Number, read_leading_words, read_number, same_number, show_fraction
from ovt.verifiers.kinds.units import Unit, convert, read_unit, times
from ovt.verifiers.verdict import Finding, equal_or_not

MAX_QUANTITY_CHARS = 300


class Quantity(NamedTuple):
    """How much of what. number: where the magnitude is a plain number; source: the magnitude's `math_source` text.

    letter: the unit, where it is a letter glued to the number and may be none: `2A` is a name, `3M` three million.
    """

    source: str
    number: Number | None
    unit: Unit | None
    letter: str = ""

    def __str__(self) -> str:
        return f"{self.number or self.source}{f' {self.unit}' if self.unit else ''}"


_CURRENCY = re.compile(
    r"(?P<sign>[-+]?)\s*(?P<symbol>(?:US|AU|CA|NZ|HK|A|C|S)?\s?\$|€|£|¥|₹|₩|USD|EUR|GBP|RMB|Rs\.?)\s*(?P<rest>[-+]?[\d.\\(].*)$",
    re.DOTALL,
)
_SPLIT = re.compile(
    r"(?<=[0-9})\]|.°%π!])\s*(?=[^\W\d_]|[°$€£¥¢₹₩])|(?<=pi)\s+(?=[^\W\d_])|(?<=[0-9)])\s*\*\s*(?=[^\W\d_])"
)
_SCALE = re.compile(r"(thousand|million|billion|trillion|hundred|dozen|k|m|bn|b)\b\.?\s*", re.IGNORECASE)
_SHORT_SCALES = {"k": 10**3, "bn": 10**9, "hundred": 100, "dozen": 12}
_LETTERS = {"A": 1, "M": 10**6, "B": 10**9}
_COMPOUND = re.compile(r"(?<!\s)(?:\s*+(?:,|\band\b)\s*+|\s++)(?=\d)|(?<=[a-z])(?=\d)")
_HOURS = re.compile(r"(?<!\d)(\d{1,3})\s?h\s?([0-5]\d)$")
_DECADE = re.compile(r"(?:1\d|20)\d0'?s")
_TRIGONOMETRY = re.compile(r"(?:sin|cos|tan|cot|sec|csc)(?![A-Za-z])")
_VARIABLE_IN_MATH = re.compile(r"\$[^$]*(?<![A-Za-z}\s~])[A-Za-z](?:\^\{?\d\}?)?\s*\$")


@lru_cache(maxsize=16384)
def read_quantity(text: str) -> Quantity | None:
    """The quantity that the whole of a text is, with or without a unit; None if it is not one."""
    number = read_number(text)
    if number:
        return Quantity(math_source(text), number, None)
    if len(text) > MAX_QUANTITY_CHARS or refuse(text):
        return None
    currency = _CURRENCY.match(plain(text))
    if currency and not (currency["symbol"] == "$" and "$" in currency["rest"]):
        return _read_currency(currency)
    source = _HOURS.sub(r"\1 h \2 min", math_source(text))
    return _read_compound(source) or _read_single(source, text)


def _read_currency(match: re.Match[str]) -> Quantity | None:
    rest = match["sign"] + math_source(match["rest"])
    symbol = match["symbol"].replace(" ", "")
    unit = read_unit("$" if symbol in ("$", "US$") else symbol)
    inner = _read_single(rest, rest) or _magnitude(rest, None)
    if inner is None or unit is None:
        return None
    inner = _by_letter(inner)
    if inner.unit and not inner.unit.noun and inner.unit.dims != unit.dims:
        # "$18 per pound" is a price; "$18 pounds" is nothing.
        return inner._replace(unit=times(unit, inner.unit)) if min(inner.unit.dims, key=_power)[1] < 0 else None
    # "$5 dollars" says it twice; "$5 each" says what it is for.
    return inner._replace(unit=unit)


def _power(dimension: tuple[str, int]) -> int:
    return dimension[1]


def _magnitude(text: str, unit: Unit | None) -> Quantity | None:
    number = read_number(text)
    if number:
        return Quantity(text, number, unit)
    if not looks_symbolic(text):
        return None
    try:
        node = parse(text)
    except Unreadable:
        return None
    return Quantity(text, None, unit) if node.op != "sym" else None


def _read_single(source: str, raw: str) -> Quantity | None:
    """Try each place where a unit may begin, the longest unit first."""
    words = read_leading_words(source)
    if words:
        number, rest = words
        unit = read_unit(rest)
        return Quantity(show_fraction(number.value), number, unit) if unit else None
    if _DECADE.fullmatch(source):
        return None
    for match in _SPLIT.finditer(source):
        magnitude, tail = source[: match.start()].strip(), source[match.end() :].strip()
        apart = source[match.start()] == " " or not tail.isascii()
        scale, tail = _take_scale(tail) if not (apart and tail == "K") else (1, tail)
        unit = read_unit(tail) if tail else None
        if (tail and unit is None) or (not tail and scale == 1):
            continue
        if unit and len(tail) == 1 and tail.isalpha() and _is_variable(raw):
            return None
        if unit and unit.dims == (("angle", 1),) and _TRIGONOMETRY.search(magnitude):
            continue  # `\\sin 30°`: the degrees are the angle's
        if unit and unit.noun and not (apart and read_number(magnitude)):
            continue
        quantity = _magnitude(magnitude, unit)
        if quantity:
            return _scaled(quantity._replace(letter=tail if tail in _LETTERS and not apart else ""), scale)
    return None


def _by_letter(quantity: Quantity) -> Quantity:
    """What it is where its letter is a scale: three million for `3M`."""
    scale = _LETTERS.get(quantity.letter, 1)
    return _scaled(quantity._replace(unit=None, letter=""), scale) or quantity if scale > 1 else quantity


def _take_scale(tail: str) -> tuple[int, str]:
    match = _SCALE.match(tail)
    if not match:
        return 1, tail
    word = match[1].lower()
    rest = tail[match.end() :]
    if len(word) <= 2 and (word in ("m", "b") or rest or tail[:1] == "m"):
        return 1, tail
    return SCALES.get(word) or _SHORT_SCALES[word], rest


def _scaled(quantity: Quantity, scale: int) -> Quantity | None:
    if scale == 1:
        return quantity
    if quantity.number is None:
        return None
    number = replace(quantity.number, value=quantity.number.value * scale, places=None)
    return quantity._replace(number=number, source=show_fraction(number.value))


def _is_variable(raw: str) -> bool:
    """Whether a single letter after a number is a variable: in math, not set upright and not set apart."""
    return bool(_VARIABLE_IN_MATH.search(raw)) and not re.search(r"\\(?:text|mathrm|mbox|rm)", raw)


def _read_compound(source: str) -> Quantity | None:
    """`2 hours and 45 minutes`, `5 ft 6 in`, `3 km 200 m`: parts of one dimension, each of its own unit."""
    parts = _COMPOUND.split(source)
    if not 2 <= len(parts) <= 4:
        return None
    total, units = Fraction(0), []
    for part in parts:
        quantity = _read_single(part, part)
        if not quantity or not quantity.number or not quantity.unit or not quantity.unit.dims or quantity.unit.noun:
            return None
        units.append(quantity.unit)
        factor = convert(quantity.unit, units[0])
        if factor is None:
            return None
        total += quantity.number.value * factor
    return Quantity(show_fraction(total), Number(total), units[0]) if len(set(units)) == len(units) else None


def read_number_gold(text: str) -> Quantity | None:
    """A gold that is a bare number (`3.5 million` too); not `1,22`, which may also be a list."""
    number = read_number(text)
    if number is None:
        quantity = read_quantity(text) if _SCALE.search(text) else None
        return quantity if quantity and quantity.number and not quantity.unit else None
    return Quantity(math_source(text), number, None) if not number.decimal_comma else None


def read_quantity_gold(text: str) -> Quantity | None:
    """A gold that is a quantity with a unit (a bare number is a number)."""
    quantity = read_quantity(text)
    return quantity if quantity and quantity.unit else None


def check_quantity(prediction: str, gold: Quantity) -> Finding | None:
    """Compare with a quantity or a number; None where the prediction is neither."""
    quantity = read_quantity(prediction) or _bare_expression(prediction)
    if quantity is None:
        return None
    finding = _compare(quantity, gold)
    if finding.outcome == "wrong" and (quantity.letter or gold.letter):
        return max(finding, _compare(_by_letter(quantity), _by_letter(gold)), key=_is_correct)
    return finding


def _is_correct(finding: Finding) -> bool:
    return finding.outcome == "correct"


def _compare(quantity: Quantity, gold: Quantity) -> Finding:
    if quantity.letter == "A" and gold.unit is None:
        return Finding("wrong", "different", quantity.source + quantity.letter, str(gold))
    if _share_of_what(quantity, gold) or _share_of_what(gold, quantity):
        return Finding("wrong", "unit_conflict", str(quantity), str(gold))
    factor = convert(quantity.unit, gold.unit)
    if _is_in_radians(quantity, gold):
        return _compare_angles(quantity, gold)
    if factor is None:
        if _angle_and_radian(quantity, gold):
            return _compare_angles(quantity, gold)
        return Finding("wrong", "unit_conflict", str(quantity), str(gold))
    if quantity.number and gold.number:
        number = quantity.number if factor == 1 else replace(quantity.number, value=quantity.number.value * factor)
        return equal_or_not(same_number(number, gold.number), str(quantity), str(gold))
    left = quantity.source if factor == 1 else f"({quantity.source})*({show_fraction(factor)})"
    return finding_of(compare_sources(left, gold.source), str(quantity), str(gold))


def _share_of_what(share: Quantity, other: Quantity) -> bool:
    """Whether one is a percentage and the other is not and has a unit: `5%` and `5 cm`."""
    is_percent = bool(share.number and share.number.percent)
    return is_percent and bool(other.unit and other.unit.dims) and not (other.number and other.number.percent)


def _bare_expression(text: str) -> Quantity | None:
    """An expression without a unit; neither a list of one (`[7]`) nor a range (`10-3`), which is never arithmetic."""
    source = math_source(text)
    if enclosing(source) in ("[]", "\\{\\}", "{}") or read_range(text):
        return None
    return _magnitude(source, None)


def _angle_and_radian(left: Quantity, right: Quantity) -> bool:
    dims = {unit.dims[0][0] for unit in (left.unit, right.unit) if unit and unit.dims}
    return dims == {"angle", "radian"}


def _is_in_radians(quantity: Quantity, gold: Quantity) -> bool:
    r"""Whether an answer without a unit can only be meant in radians: `\frac{5\pi}{6}` where the gold is `150°`."""
    degrees = gold.unit and gold.unit.dims == (("angle", 1),)
    return bool(degrees) and quantity.unit is None and bool(re.search(r"\\pi|π", quantity.source))


def _compare_angles(left: Quantity, right: Quantity) -> Finding:
    sources = [
        f"({quantity.source})°" if quantity.unit and quantity.unit.dims[0][0] == "angle" else quantity.source
        for quantity in (left, right)
    ]
    return finding_of(compare_sources(*sources), str(left), str(right))
