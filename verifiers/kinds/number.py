r"""Numbers: integers of any size exactly, decimals, fractions, mixed numbers, percent, scientific, separators, words.

    read_number("-7,425,000"), read_number("\frac{10}{9}"), read_number("1.5 \times 10^{3}"), read_number("百分之五十")

Two numbers are equal where they are exactly equal, or where a decimal is the other's exact value written out to at
least six significant digits (`0.333333` is 1/3, `0.33` is not). A percent sign is optional: `50%` is 50 and is 0.5.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from ovt.verifiers.dressing import plain
from ovt.verifiers.guard import MAX_DIGITS, refuse
from ovt.verifiers.kinds.numerals import read_chinese, read_words

MIN_ROUNDED_DIGITS = 6
"""A decimal with fewer significant digits only equals itself."""

NOISE_DIGITS = 6
"""How many digits longer a decimal must be than another for their difference to be noise: `2.9999999999` is 3."""

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


_DECIMAL = re.compile(
    r"(?P<plain>\d+(?:\.\d*)?|\.\d+)"
    r"|(?P<commas>[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d*)?)"
    r"|(?P<spaces>\d{1,3}(?:[ '_]\d{3})+(?:[.,]\d+)?)"
    r"|(?P<dots>\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,})"
    r"|(?P<comma>\d+,\d+)"
)
_REPEATING = re.compile(
    r"(?P<whole>\d*)\.(?P<fixed>\d*)(?:\\(?:overline|bar|dot)\s*(?:\{(?P<braced>\d{1,30})\}|(?P<bare>\d))|\((?P<round>\d{1,30})\)|\\dot\s*\{(?P<first>\d)\}(?P<middle>\d{0,28})\\dot\s*\{(?P<last>\d)\})"
)
_SCIENTIFIC = re.compile(
    r"(?:(?P<mantissa>[^eE]*?)(?:\\times|\\cdot|×|·|\*|x|X)\s*+)?10\s*+(?:\^|\*\*)\s*+(?:\{\s*(?P<braced>[-+]?\d+)\s*\}|"
    r"\(\s*(?P<round>[-+]?\d+)\s*\)|(?P<bare>[-+]?\d+))"
    r"|(?P<e_mantissa>[\d.]+)[eE](?P<e_exponent>[-+]?\d+)"
)
_LATEX_FRACTION = re.compile(
    r"(?P<whole>[\d,\s]*+)\\[dtc]?frac\s*(?:\{\s*(?P<top>[-+]?[\d.,]+)\s*\}|\s(?P<top1>\d)|(?P<top2>\d))\s*"
    r"(?:\{\s*(?P<bottom>[-+]?[\d.,]+)\s*\}|(?P<bottom1>\d))"
)
_SLASH_FRACTION = re.compile(
    r"(?:(?P<whole>\d+)(?:\s+(?:and\s+)?|又|\s*-\s*(?=\d+\s*/)))?(?P<top>[\d.,]+)\s*/\s*(?P<bottom>-?[\d.,]+)"
)
_OUT_OF = re.compile(
    r"(?P<top>\d{1,9}|[a-z]+) (?:in|out of(?: the| a total of)?) (?:every )?(?P<bottom>\d{1,9}|[a-z]+)"
)
_PER_MILLE = re.compile(r"(?<!\s)\s*+(?:‰|per\s?mille?\b)$", re.IGNORECASE)
_PERCENT = re.compile(r"(?<!\s)\s*+(?:\\?%|per\s?cent\b|pct\.?|percentage(?:\s+points?)?)$", re.IGNORECASE)


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
    text = plain(text).replace("{,}", ",").replace("\\left", "").replace("\\right", "")
    if not text or len(text) > MAX_DIGITS:
        return None
    if match := _PERCENT.search(text):
        number = _read_signed(text[: match.start()].strip().rstrip("$").strip())
        return replace(number, percent=True) if number else None
    if text[-1] in "‰el" and (match := _PER_MILLE.search(text)):
        number = _read_signed(text[: match.start()])
        return _exact(number.value / 1000) if number else None
    return _read_signed(text)


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
        number = _read_decimal(text) or _read_scientific(text) or _read_fraction(text) or _read_repeating(text)
        if number:
            return number
    if text.isascii():
        number = _read_words(text)
        return number or _read_out_of(text)
    return _in_chinese(text)


def _in_chinese(text: str) -> Number | None:
    percent = text.removeprefix("负").startswith("百分之")
    if percent:
        sign, _, rest = text.partition("百分之")
        number = _read_unsigned(rest)
        return replace(number, value=-number.value if sign else number.value, percent=True) if number else None
    value = read_chinese(text)
    return None if value is None else _exact(value)


def _read_decimal(text: str) -> Number | None:
    match = _DECIMAL.fullmatch(text)
    if not match:
        return None
    match match.lastgroup:
        case "plain":
            whole, point, decimals = text.partition(".")
            if not point:
                return Number(Fraction(int(text)), None, len(text.lstrip("0")))
            return _decimal(whole, decimals)
        case "commas":
            return _read_decimal(text.replace(",", ""))
        case "spaces":
            return _read_decimal(text.translate(_NO_SPACES).replace(",", "."))
        case "dots":
            return _read_decimal(text.replace(".", "").replace(",", "."))
    number = _decimal(*text.split(","))
    return replace(number, decimal_comma=True)


_NO_SPACES = dict.fromkeys(map(ord, " '_"))


def _decimal(whole: str, decimals: str) -> Number:
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    return Number(value, len(decimals), len((whole + decimals).lstrip("0")))


def _read_repeating(text: str) -> Number | None:
    r"""`0.1\overline{6}` is 1/6."""
    match = _REPEATING.fullmatch(text)
    if not match:
        return None
    digits = match["braced"] or match["bare"] or match["round"] or match["first"] + match["middle"] + match["last"]
    fixed = _decimal(match["whole"], match["fixed"]).value
    return Number(fixed + Fraction(int(digits), (10 ** len(digits) - 1) * 10 ** len(match["fixed"])))


def _read_scientific(text: str) -> Number | None:
    match = _SCIENTIFIC.fullmatch(text)
    if not match:
        return None
    exponent = match["braced"] or match["round"] or match["bare"] or match["e_exponent"]
    mantissa = match["e_mantissa"] or ("1" if match["mantissa"] is None else match["mantissa"])
    if len(exponent) > 5 or abs(int(exponent)) > MAX_DIGITS:
        return None
    factor = _read_signed(mantissa.strip())
    if factor is None:
        return None
    places = None if factor.places is None else max(0, factor.places - int(exponent))
    return replace(factor, value=factor.value * Fraction(10) ** int(exponent), places=places or None)


def _read_fraction(text: str) -> Number | None:
    match = _LATEX_FRACTION.fullmatch(text)
    if match:
        top = match["top"] or match["top1"] or match["top2"]
        bottom = match["bottom"] or match["bottom1"]
    elif match := _SLASH_FRACTION.fullmatch(text):
        top, bottom = match["top"], match["bottom"]
    else:
        return None
    if top[0] == "0" and len(top) == 2 and len(bottom) == 4 and bottom[:2] in ("19", "20"):
        return None  # a month: `03/2021`
    numerator, denominator = _read_signed(top), _read_signed(bottom)
    if not numerator or not denominator or not denominator.value:
        return None
    value = numerator.value / denominator.value
    if whole := (match["whole"] or "").strip():
        units = _read_decimal(whole)
        if units is None or value < 0:
            return None
        value += units.value
    return Number(value)


def _read_out_of(text: str) -> Number | None:
    """`5 out of 8` and `1 in 6`: a share, never its first number."""
    match = _OUT_OF.fullmatch(text.lower())
    parts = [_read_decimal(part) or _read_words(part) for part in match.groups()] if match else []
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
    error = abs(a.value - b.value) / max(abs(a.value), abs(b.value))
    written = [number for number in (a, b) if _is_written_out(number)]
    if len(written) == 2:
        # Both were written to the last digit: only the noise in the tail of a long decimal is forgiven.
        longer, shorter = (a, b) if a.digits > b.digits else (b, a)
        noise = error <= TOLERANCE and abs(a.value - b.value) < MAX_NOISE
        return bool(longer.places) and longer.digits - shorter.digits >= NOISE_DIGITS and noise
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
