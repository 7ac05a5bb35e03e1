r"""Numbers: integers of any size exactly, decimals, fractions, mixed numbers, percent, scientific, separators, words.

    read_number("-7,425,000"), read_number("\frac{10}{9}"), read_number("1.5 \times 10^{3}"), read_number("百分之五十")

Two numbers are equal if they are exactly equal, or if a decimal is the other's exact value written out to at
least six significant digits (`0.333333` is 1/3, `0.33` is not). A percent sign is optional: `50%` is 50 and is 0.5.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from ovt.verifiers.dressing import plain
from ovt.verifiers.guard import MAX_DIGITS, refuse
from ovt.verifiers.kinds.numerals import read_chinese, read_words, simplify

MIN_ROUNDED_DIGITS = 6
"""A decimal with fewer significant digits only equals itself."""

NOISE_DIGITS = 6
"""How many digits longer a decimal must be than another for their difference to be noise: `2.9999999999` is 3."""

MAX_MANTISSA_CHARS = 300
"""Of scientific notation, which may hold more of the same: `10^3 × 10^4`."""

TOLERANCE, MAX_NOISE = Fraction(1, 10**6), Fraction(1, 10**3)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written.

    places: decimal places written, None for a form that is exact (an integer, a fraction). digits: significant digits.
    decimal_comma: read with a comma as the decimal point.
    """

    value: Fraction
    places: int | None = None
    digits: int = 0
    percent: bool = False
    decimal_comma: bool = False

    def __str__(self) -> str:
        return show_fraction(self.value) + ("%" if self.percent else "")


_NUMERAL = re.compile(
    r"(?P<plain>\d+(?:\.\d*)?|\.\d+)"
    r"|(?P<commas>[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d*)?)"
    r"|(?P<spaces>\d{1,3}(?:[ '_]\d{3})+(?:[.,]\d+)?)"
    r"|(?P<dots>\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,})"
    r"|(?P<comma>\d+,\d+)"
    r"|(?P<scientific>(?:(?P<mantissa>[^eE]*?)(?:\\times|\\cdot|×|·|\*|x|X)\s*+)?10\s*+(?:\^|\*\*)\s*+"
    r"(?:\{\s*(?P<braced>[-+]?\d+)\s*\}|\(\s*(?P<round>[-+]?\d+)\s*\)|(?P<bare>[-+]?\d+))"
    r"|(?P<e_mantissa>[\d.]+)[eE](?P<e_exponent>[-+]?\d+))"
    r"|(?P<latex>(?P<units>[\d,\s]*+)\\[dtc]?frac\s*(?:\{\s*(?P<top>[-+]?[\d.,]+)\s*\}|\s(?P<top1>\d)|(?P<top2>\d))\s*"
    r"(?:\{\s*(?P<bottom>[-+]?[\d.,]+)\s*\}|(?P<bottom1>\d)))"
    r"|(?P<slash>(?:(?P<whole>\d+)(?:\s+(?:and\s+)?|又|\s*-\s*(?=\d+\s*/)))?(?P<over>[\d.,]+)\s*/\s*(?P<under>-?[\d.,]+))"
    r"|(?P<repeating>(?P<before>\d*)\.(?P<fixed>\d*)(?:\\(?:overline|bar|dot)\s*(?:\{(?P<again>\d{1,30})\}|(?P<one>\d))"
    r"|\((?P<enclosed>\d{1,30})\)|\\dot\s*\{(?P<first>\d)\}(?P<middle>\d{0,28})\\dot\s*\{(?P<last>\d)\}))"
)
_OUT_OF = re.compile(
    r"(?P<top>\d{1,9}|[a-z]+) (?:in|out of(?: the| a total of)?) (?:every )?(?P<bottom>\d{1,9}|[a-z]+)"
)
_SHARE = re.compile(
    r"(?<!\s)\s*+(?:(?P<mille>‰|per\s?mille?\b)|\\?%|per\s?cent\b|pct\.?|percentage(?:\s+points?)?)$", re.IGNORECASE
)
_SHARE_ENDS = frozenset("%‰telsTELS")


def show_fraction(value: Fraction) -> str:
    """An integer or `a/b`; a giant is shown by its size."""
    if value.numerator.bit_length() + value.denominator.bit_length() > 12_000:
        return f"<number of {value.numerator.bit_length()} bits>"
    return str(value)


@lru_cache(maxsize=16384)
def read_number(text: str) -> Number | None:
    """The number that the whole of `text` is, or None."""
    if refuse(text):
        return None
    text = plain(text)
    if "{" in text or "\\" in text:
        text = text.replace("{,}", ",").replace("\\left", "").replace("\\right", "")
    if not text or len(text) > MAX_DIGITS:
        return None
    match = _SHARE.search(text) if text[-1] in _SHARE_ENDS else None
    if match is None:
        return _read_signed(text)
    number = _read_signed(text[: match.start()].strip().rstrip("$").strip())
    if number is None:
        return None
    return _exact(number.value / 1000) if match["mille"] else replace(number, percent=True)


def _read_signed(text: str) -> Number | None:
    negative = enclosed = False
    for _ in range(4):
        word, _, rest = text.partition(" ")
        if text[:1] + text[-1:] in ("()", "{}") and not any(mark in text[1:-1] for mark in "(){}"):
            text, enclosed = text[1:-1].strip(), True
        elif word.lower() in ("minus", "negative") and rest[:1] and rest[0] in "0123456789.\\":
            negative, text = not negative, rest
        elif text[:1] in ("-", "+"):
            negative ^= text[0] == "-"
            text = text[1:].lstrip()
        else:
            break
    number = _read_unsigned(text)
    if number is None or (enclosed and number.decimal_comma):
        return None  # `(3,2)` is a pair
    return replace(number, value=-number.value) if negative else number


def _read_unsigned(text: str) -> Number | None:
    if not text:
        return None
    if text[0] in "0123456789.\\":
        number = _read_numeral(text)
        if number:
            return number
    if text.isascii():
        number = _read_words(text)
        return number or _read_out_of(text)
    return _in_chinese(text)


def _in_chinese(text: str) -> Number | None:
    sign, share, rest = simplify(text).partition("百分之")
    if share and sign in ("", "负"):
        number = None if share in rest else _read_unsigned(rest)
        return replace(number, value=-number.value if sign else number.value, percent=True) if number else None
    value = read_chinese(text)
    return None if value is None else _exact(value)


def _read_numeral(text: str) -> Number | None:
    """The number that is written in digits."""
    match = _NUMERAL.fullmatch(text)
    return _FORMS[match.lastgroup or ""](match) if match else None


def _plain(match: re.Match[str]) -> Number:
    whole, point, decimals = match[0].partition(".")
    return _decimal(whole, decimals) if point else Number(Fraction(int(whole)), None, len(whole.lstrip("0")))


def _grouped(marks: str, comma: str = "") -> Callable[[re.Match[str]], Number | None]:
    """A form whose marks stand between groups of digits; `comma` replaces a comma."""
    return lambda match: _read_numeral(match[0].translate(dict.fromkeys(map(ord, marks))).replace(",", comma))


def _with_comma(match: re.Match[str]) -> Number:
    return replace(_decimal(*match[0].split(",")), decimal_comma=True)


def _decimal(whole: str, decimals: str) -> Number:
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    return Number(value, len(decimals), len((whole + decimals).lstrip("0")))


def _repeating(match: re.Match[str]) -> Number:
    r"""`0.1\overline{6}` is 1/6."""
    digits = match["again"] or match["one"] or match["enclosed"] or match["first"] + match["middle"] + match["last"]
    fixed = _decimal(match["before"], match["fixed"]).value
    return Number(fixed + Fraction(int(digits), (10 ** len(digits) - 1) * 10 ** len(match["fixed"])))


def _scientific(match: re.Match[str]) -> Number | None:
    exponent = match["braced"] or match["round"] or match["bare"] or match["e_exponent"]
    mantissa = match["e_mantissa"] or ("1" if match["mantissa"] is None else match["mantissa"])
    if len(exponent) > 5 or len(mantissa) > MAX_MANTISSA_CHARS:
        return None
    factor = _read_signed(mantissa.strip())
    if factor is None or _digits(factor.value) + abs(int(exponent)) > MAX_DIGITS:
        return None
    places = None if factor.places is None else max(0, factor.places - int(exponent))
    return replace(factor, value=factor.value * Fraction(10) ** int(exponent), places=places or None)


def _digits(value: Fraction) -> int:
    """About how many digits a value's numerator and denominator have, whichever is longer."""
    return max(value.numerator.bit_length(), value.denominator.bit_length()) * 3 // 10


def _fraction(match: re.Match[str]) -> Number | None:
    top = match["top"] or match["top1"] or match["top2"] or match["over"]
    bottom = match["bottom"] or match["bottom1"] or match["under"]
    if is_month(top, bottom):
        return None
    numerator, denominator = _read_signed(top), _read_signed(bottom)
    if not numerator or not denominator or not denominator.value:
        return None
    value = numerator.value / denominator.value
    if whole := (match["units"] or match["whole"] or "").strip():
        units = _read_numeral(whole)
        if units is None or value < 0:
            return None
        value += units.value
    return Number(value)


def is_month(top: str, bottom: str) -> bool:
    """Whether a fraction is a month and its year: `03/2021`."""
    return top[:1] == "0" and len(top) == 2 and len(bottom) == 4 and bottom[:2] in ("19", "20")


_FORMS: dict[str, Callable[[re.Match[str]], Number | None]] = {
    "plain": _plain,
    "commas": _grouped(","),
    "spaces": _grouped(" '_", "."),
    "dots": _grouped(".", "."),
    "comma": _with_comma,
    "scientific": _scientific,
    "latex": _fraction,
    "slash": _fraction,
    "repeating": _repeating,
}


def _read_out_of(text: str) -> Number | None:
    """`5 out of 8` and `1 in 6`: a share, never its first number."""
    match = _OUT_OF.fullmatch(text.lower()) if " in " in text or " out of " in text else None
    parts = [_read_numeral(part) or _read_words(part) for part in match.groups()] if match else []
    if len(parts) == 2 and parts[0] and parts[1] and parts[1].value:
        return Number(parts[0].value / parts[1].value)
    return None


def _read_words(text: str) -> Number | None:
    value = read_words(text)
    return None if value is None else _exact(value)


def _exact(value: Fraction) -> Number:
    return Number(value, None, len(str(value)) if value.denominator == 1 else 0)


def same_number(a: Number, b: Number) -> bool:
    """Whether two numbers are equal as answers; a percent sign on one side only is optional."""
    if a.percent == b.percent:
        return _close(a, b)
    percent, bare = (a, b) if a.percent else (b, a)
    return _close(percent, bare) or _close(replace(percent, value=percent.value / 100, places=_shift(percent)), bare)


def _shift(number: Number) -> int | None:
    return None if number.places is None else number.places + 2


def _close(a: Number, b: Number) -> bool:
    if a.value == b.value:
        return True
    if a.value == 0 or b.value == 0 or (a.value < 0) != (b.value < 0):
        return False
    written = [number for number in (a, b) if _is_written_out(number)]
    if len(written) == 2:
        # Both were written to the last digit: only the noise in the tail of a long decimal is forgiven.
        longer, shorter = (a, b) if a.digits > b.digits else (b, a)
        if not longer.places or longer.digits - shorter.digits < NOISE_DIGITS:
            return False
        error = abs(a.value - b.value)
        return error < MAX_NOISE and error <= TOLERANCE * max(abs(a.value), abs(b.value))
    return len(written) == 1 and is_written_out_value(written[0], (b if written[0] is a else a).value)


def is_written_out_value(decimal: Number, value: Fraction) -> bool:
    """Whether `decimal` is `value` written to its last digit (rounded or cut), with at least six significant digits."""
    if not decimal.places or decimal.digits < MIN_ROUNDED_DIGITS:
        return False
    error = abs(decimal.value - value)
    return error < Fraction(1, 10**decimal.places) or error < abs(value) / 10**9


def _is_written_out(number: Number) -> bool:
    """Whether all of the number's digits were written: an integer or a finite decimal, not a fraction."""
    return number.digits > 0 or number.value == 0
