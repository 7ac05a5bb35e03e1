"""Quantities: a number or an expression with a unit or a currency. The unit is optional; two that conflict are wrong.

`21 cm` is `21` and `0.21 m`, not `21 m`;  `$7` is `7` and `7 dollars`;  `2 hours and 45 minutes` is `165 min`
"""

import re
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from ovt.verifiers.algebra.notation import Unreadable, math_source
from ovt.verifiers.algebra.syntax import parse
from ovt.verifiers.dressing import plain
from ovt.verifiers.guard import refuse
from ovt.verifiers.kinds.expression import (
    ORDINAL_OR_DECADE,
    compare_sources,
    finding_of,
    looks_symbolic,
    order_of_constants,
)
from ovt.verifiers.kinds.number import Number, read_number, same_number, show_fraction
from ovt.verifiers.kinds.numerals import COUNTERS, SCALES, digits_for_hanzi, leading_words
from ovt.verifiers.kinds.units import Unit, convert, read_unit, times
from ovt.verifiers.verdict import Finding, equal_or_not

MAX_QUANTITY_CHARS = 300


class Quantity(NamedTuple):
    """How much of what. number: where the magnitude is a plain number; source: the magnitude's `math_source` text.

    letter: the unit, if it is a letter glued to the number and may not be one: `2A` is a name, `3M` three million.
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
_COMPOUND = re.compile(r"(?<!\s)(?:\s*+(?:,|\band\b|和|又)\s*+|\s++)(?=\d)|(?<=[^\W\d_])(?=\d)")
_HOURS = re.compile(r"(?<!\d)(\d{1,3})\s?h\s?([0-5]\d)$")
_TRIGONOMETRY = ("sin", "cos", "tan", "cot", "sec", "csc")
_VARIABLE_IN_MATH = re.compile(r"\$[^$]*(?<![A-Za-z}\s~])[A-Za-z](?:\^\{?\d\}?)?\s*\$")
_UPRIGHT = ("\\text", "\\mathrm", "\\mbox", "\\rm")
_MICRO = re.compile(r"\\mu\s*+(?=[A-Za-zΩ])")
_PRODUCT_WITH_MU = re.compile(r"\\mu\s*+(?:[gN](?![A-Za-z])|[A-Za-z]++\s*+[A-Za-z\\(])")
"""`\\mu g`, `\\mu N` and `\\mu m g` are friction, unless they are set upright."""
_HANZI = frozenset("零〇一二三四五六七八九十百千万萬亿億两兩半分之点點负負.,")
_HOUR, _METRE, _MINUTE = read_unit("h"), read_unit("m"), read_unit("min")
_ARC = {read_unit("min"): read_unit("arcmin"), read_unit("s"): read_unit("arcsec")}


@lru_cache(maxsize=16384)
def read_quantity(text: str) -> Quantity | None:
    """The quantity that the whole of a text is, with or without a unit; None if it is not one."""
    number = read_number(text)
    if number:
        return Quantity(math_source(text), number, None)
    if len(text) > MAX_QUANTITY_CHARS or refuse(text):
        return None
    if text.count("$") == 1 and text.rstrip()[-1] == "$" and text.strip()[0].isdecimal():
        text = "$" + text.rstrip()[:-1]  # `2.450,75 $`
    currency = _CURRENCY.match(plain(text))
    if currency and not (currency["symbol"] == "$" and "$" in currency["rest"]):
        return _read_currency(currency)
    source = _HOURS.sub(r"\1 h \2 min", math_source(text))
    if not source.isascii():
        source = digits_for_hanzi(source)
    if "\\mu" in source and (_is_upright(text) or not _PRODUCT_WITH_MU.search(source)):
        source = _MICRO.sub("μ", source)
    if "°" in source and "'" in source:
        source = _in_arc_units(source)
    if source.endswith(")") and (twice := _read_twice(source[:-1])):
        return twice
    return _read_compound(source) or _read_single(source, text)


def _read_twice(source: str) -> Quantity | None:
    """The one quantity that `14 cm (0.14 m)` gives twice, from the source without its last bracket."""
    first, _, second = source.partition("(")
    if not first.strip() or any(bracket in first + second for bracket in "()"):
        return None
    left, right = read_quantity(first.rstrip()), read_quantity(second)
    said = left and right and left.unit and right.unit and compare_quantities(left, right).outcome == "correct"
    return left if said else None


def _in_arc_units(source: str) -> str:
    """`30° 15' 20''` with its units spelt out."""
    for sign, unit in (("°", "deg"), ("''", "arcsec"), ('"', "arcsec"), ("'", "arcmin")):
        source = source.replace(sign, f" {unit} ")
    return " ".join(source.split())


def _read_currency(match: re.Match[str]) -> Quantity | None:
    rest = match["sign"] + math_source(match["rest"])
    symbol = match["symbol"].replace(" ", "")
    unit = read_unit("$" if symbol in ("$", "US$") else symbol)
    inner = _read_single(rest, rest) or _magnitude(rest, None)
    if inner is None or unit is None:
        return None
    inner = _by_letter(inner)
    if inner.unit and not inner.unit.noun and convert(inner.unit, unit) is None:
        # "$18 per pound" is a price; "$18 pounds" is nothing.
        return inner._replace(unit=times(unit, inner.unit)) if min(inner.unit.dims, key=_power)[1] < 0 else None
    # "$5 dollars" says it twice; "$5 each" and "$5 per unit" say what it is for.
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
    return Quantity(text, None, unit) if node.op not in ("sym", "apply") else None


def _read_single(source: str, raw: str) -> Quantity | None:
    """Try each place where a unit may begin, the longest unit first."""
    words = leading_words(source)
    if words:
        value, rest = words
        unit = read_unit(rest.removeprefix("an ").removeprefix("a "))
        return Quantity(show_fraction(value), Number(value), unit) if unit else None
    if ORDINAL_OR_DECADE.fullmatch(source):
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
        if unit and unit.dims == (("angle", 1),) and any(name in magnitude for name in _TRIGONOMETRY):
            continue  # `\\sin 30°`: the degrees are the angle's
        if unit and unit.noun and not (apart and read_number(magnitude)):
            continue
        quantity = _magnitude(magnitude, unit)
        if quantity:
            return _scaled(quantity._replace(letter=tail if tail in _LETTERS and not apart else ""), scale)
    return None if source.isascii() else _read_hanzi(source)


def _read_hanzi(source: str) -> Quantity | None:
    """`十五分钟`, `120万吨`: the shortest numeral that leaves a unit."""
    source = source.replace(" ", "")
    for place in range(1, len(source)):
        if source[place - 1] not in _HANZI and not source[place - 1].isdecimal():
            return None
        if source[place].isdecimal():
            continue
        number, unit = read_number(source[:place]), read_unit(source[place:])
        named = unit and (not unit.noun or source[place] in COUNTERS or source[place - 1].isdecimal())
        if number and named and not number.decimal_comma:
            return Quantity(show_fraction(number.value), number, unit)
    return None


def _by_letter(quantity: Quantity) -> Quantity:
    """What it is if its letter is a scale: three million for `3M`."""
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
    return bool(_VARIABLE_IN_MATH.search(raw)) and not _is_upright(raw)


def _is_upright(raw: str) -> bool:
    return any(mark in raw for mark in _UPRIGHT)


def _read_compound(source: str) -> Quantity | None:
    """`2 hours and 45 minutes`, `5 ft 6 in`, `3 km 200 m`: parts of one dimension, each in its own unit."""
    parts = _COMPOUND.split(source)
    if not 2 <= len(parts) <= 4:
        return None
    total, units = Fraction(0), []
    for part in parts:
        quantity = _read_single(part, part)
        if not quantity or not quantity.number or not quantity.unit or not quantity.unit.dims or quantity.unit.noun:
            return None
        unit = _within(units, quantity.unit)
        units.append(unit)
        factor = convert(unit, units[0])
        if factor is None:
            return None
        total += quantity.number.value * factor
    return Quantity(show_fraction(total), Number(total), units[0]) if len(set(units)) == len(units) else None


def _within(units: list[Unit], unit: Unit) -> Unit:
    """The minutes of `2 h 30 m`, and of `32 degrees 15 minutes`."""
    if unit == _METRE and _HOUR in units:
        return _MINUTE or unit
    return (_ARC.get(unit) if units and units[0].dims == (("angle", 1),) else None) or unit


def read_plain_number(text: str) -> Quantity | None:
    """A bare number (`3.5 million` too); `1,22` is 1.22, with a comma."""
    number = read_number(text)
    if number is None:
        quantity = read_quantity(text) if _SCALE.search(text) else None
        return quantity if quantity and quantity.number and not quantity.unit else None
    if number.decimal_comma and any(mark in text for mark in "$\\"):
        return None  # in LaTeX a comma stands between members
    return Quantity(math_source(text), number, None)


def read_measure(text: str) -> Quantity | None:
    """A quantity with a unit (a bare number is a number)."""
    quantity = read_quantity(text)
    return quantity if quantity and quantity.unit else None


def compare_quantities(left: Quantity, right: Quantity) -> Finding:
    """Two quantities, numbers or expressions; either may have no unit."""
    finding = _compare(left, right)
    if finding.outcome == "wrong" and (left.letter or right.letter):
        return max(finding, _compare(_by_letter(left), _by_letter(right)), key=_is_correct)
    return finding


def _is_correct(finding: Finding) -> bool:
    return finding.outcome == "correct"


def _compare(left: Quantity, right: Quantity) -> Finding:
    shown = str(left), str(right)
    factor: Fraction | None = Fraction(1)
    if left.unit or right.unit:
        if "A" in (left.letter, right.letter) and None in (left.unit, right.unit):
            return Finding("wrong", "different", *shown)  # `2A` is a name
        if _share_of_what(left, right) or _share_of_what(right, left):
            return Finding("wrong", "unit_conflict", *shown)
        if _is_in_radians(left, right) or _is_in_radians(right, left) or _angle_and_radian(left, right):
            return _compare_angles(left, right)
        factor = convert(left.unit, right.unit)
        if factor is None:
            return Finding("wrong", "unit_conflict", *shown)
    if left.number and right.number:
        number = left.number if factor == 1 else replace(left.number, value=left.number.value * factor)
        return equal_or_not(same_number(number, right.number), *shown)
    source = left.source if factor == 1 else f"({left.source})*({show_fraction(factor)})"
    return finding_of(compare_sources(source, right.source), *shown)


def _share_of_what(share: Quantity, other: Quantity) -> bool:
    """Whether one is a percentage and the other is not and has a unit: `5%` and `5 cm`."""
    is_percent = bool(share.number and share.number.percent)
    return is_percent and bool(other.unit and other.unit.dims) and not (other.number and other.number.percent)


_ANGLES = {("angle", 1), ("radian", 1)}


def _angle_and_radian(left: Quantity, right: Quantity) -> bool:
    dims = [unit.dims for unit in (left.unit, right.unit) if unit and unit.dims]
    return len(dims) == 2 and {each[0] for each in dims} == _ANGLES and dims[0][1:] == dims[1][1:]


def _is_in_radians(bare: Quantity, other: Quantity) -> bool:
    r"""Whether one without a unit can only be meant in radians: `\frac{5\pi}{6}` where the other is `150°`."""
    degrees = other.unit and other.unit.dims == (("angle", 1),)
    return bool(degrees) and bare.unit is None and ("\\pi" in bare.source or "π" in bare.source)


def _compare_angles(left: Quantity, right: Quantity) -> Finding:
    return finding_of(compare_sources(_radians(left), _radians(right)), str(left), str(right))


def _radians(angle: Quantity) -> str:
    """The source of an angle without its unit, which is radians where it has none."""
    if not angle.unit:
        return angle.source
    sign = "°" if angle.unit.dims[0] == ("angle", 1) else ""
    return f"(({angle.source})*({show_fraction(angle.unit.factor)})){sign}"


def approximates(rounded: str, exact: str) -> bool:
    """Whether a source is a decimal that another's value rounds to: `0.577` and `\\sqrt{3}/3`."""
    near, value = read_quantity(rounded), read_quantity(exact) or _magnitude(exact, None)
    if not near or not value or not near.number or (factor := convert(near.unit, value.unit)) is None:
        return False
    digits = near.number.places or 0
    return (
        order_of_constants(f"abs(({value.source})-({show_fraction(near.number.value * factor)}))", f"10^(-{digits})")
        == "less"
    )
