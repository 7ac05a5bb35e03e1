r"""Numbers: integers of any size exactly, decimals, fractions, mixed numbers, percent, scientific, separators, words.

    read_number("-7,425,000") , read_number("\frac{10}{9}"), read_number("1.5 \times 10^{3}"), read_number("50%")

Two numbers are equal where they are exactly equal, or where a decimal is the other's exact value written out to at
least six significant digits (`0.333333` is 1/3, `0.33` is not). A percent sign is optional: `50%` is 50 and is 0.5.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from ovt.verifiers.dressing import plain
from ovt.verifiers.guard import MAX_DIGITS, refuse

_DIGITS = {char: value for value, char in enumerate("一二三四五六七八九", 1)} | {"两": 2}
_DIGIT = f"[{''.join(_DIGITS)}]"
_BELOW_TEN_THOUSAND = re.compile(
    rf"(?:(?P<thousands>{_DIGIT})千)?(?:零?(?P<hundreds>{_DIGIT})百)?(?:零?(?P<tens>{_DIGIT}?)(?P<ten>十))?"
    rf"(?P<zero>零?)(?P<units>{_DIGIT})?"
)
_COUNTER = re.compile(r"[个只条张本人位次块件辆台棵朵种颗双层名枚支根]$")
_TRADITIONAL = str.maketrans("〇兩萬億負個隻條張塊輛臺種顆雙層", "零两万亿负个只条张块辆台种颗双层")


def read_chinese(text: str) -> int | None:
    """The integer that the whole of a text is, with a counter behind it or none."""
    text = _COUNTER.sub("", text.translate(_TRADITIONAL))
    sign = -1 if text[:1] == "负" else 1
    text = text.removeprefix("负")
    if text == "零":
        return 0
    total = 0
    for scale, size in (("亿", 10**8), ("万", 10**4)):
        head, found, text = text.rpartition(scale)
        value = _section(head) if found else 0
        if value is None or (found and not value):
            return None
        total += value * size
    rest = _section(text)
    return sign * (total + rest) if rest is not None and total + rest else None


def _section(text: str) -> int | None:
    """A numeral below ten thousand. `一百五` is rejected as ambiguous: 150 to some, 105 to others."""
    match = _BELOW_TEN_THOUSAND.fullmatch(text)
    if not match or (match["zero"] and not match["units"]):
        return None
    larger = match["thousands"] or match["hundreds"]
    if match["units"] and larger and not match["ten"] and not match["zero"]:
        return None
    digits = [_DIGITS.get(match[place] or "", 0) for place in ("thousands", "hundreds", "tens", "units")]
    tens = digits[2] or bool(match["ten"])
    return 1000 * digits[0] + 100 * digits[1] + 10 * tens + digits[3]


MIN_ROUNDED_DIGITS = 6
"""A decimal with fewer significant digits only equals itself."""

NOISE_DIGITS = 6
"""How many digits longer a decimal must be than another for their difference to be noise: `2.9999999999` is 3."""

TOLERANCE = Fraction(1, 10**6)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was written.

    places: decimal places written, None for a form that is exact (an integer, a fraction). digits: significant digits.
    decimal_comma: read with a comma as the decimal point, which may also be a list of two.
    """

    value: Fraction
    places: int | None = None
    digits: int = 0
    percent: bool = False
    decimal_comma: bool = False

    def __str__(self) -> str:
        return show_fraction(self.value) + ("%" if self.percent else "")


_INTEGER = re.compile(r"\d+$")
_DECIMAL = re.compile(r"(\d*)\.(\d*)$")
_COMMA_GROUPS = re.compile(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d*)?$|[1-9]\d?(?:,\d{2})+,\d{3}(?:\.\d*)?$")
_SPACE_GROUPS = re.compile(r"\d{1,3}(?:[ '_]\d{3})+(?:[.,]\d+)?$")
_DOT_GROUPS = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+$|\d{1,3}(?:\.\d{3}){2,}$")
_DECIMAL_COMMA = re.compile(r"(\d+),(\d+)$")
_SCIENTIFIC = re.compile(
    r"(?:(?P<mantissa>[^eE]*?)(?:\\times|\\cdot|×|·|\*|x|X)\s*+)?10\s*+(?:\^|\*\*)\s*+(?:\{\s*(?P<braced>[-+]?\d+)\s*\}|"
    r"\(\s*(?P<round>[-+]?\d+)\s*\)|(?P<bare>[-+]?\d+))$"
)
_E_NOTATION = re.compile(r"(?P<mantissa>[\d.]+)[eE](?P<exponent>[-+]?\d+)$")
_LATEX_FRACTION = re.compile(
    r"(?P<whole>[\d,\s]*+)\\[dtc]?frac\s*(?:\{\s*(?P<top>[-+]?[\d.,]+)\s*\}|\s(?P<top1>\d)|(?P<top2>\d))\s*"
    r"(?:\{\s*(?P<bottom>[-+]?[\d.,]+)\s*\}|(?P<bottom1>\d))$"
)
_SLASH_FRACTION = re.compile(
    r"(?:(?P<whole>\d+)(?:\s+(?:and\s+)?|\s*-\s*(?=\d+\s*/)))?(?P<top>[\d.,]+)\s*/\s*(?P<bottom>-?[\d.,]+)$"
)
_PERCENT = re.compile(r"(?<!\s)\s*+(?:\\?%|per\s?cent\b|pct\.?|percentage(?:\s+points?)?)$", re.IGNORECASE)
_AND_A_HALF = re.compile(r"(\w+) and (?:a|one) half$", re.IGNORECASE)
_MINUS = re.compile(r"(?:minus|negative)\s+(?=[\d.\\])", re.IGNORECASE)
_OUTER = re.compile(r"\(([^()]*)\)$|\{([^{}]*)\}$|\\left\(([^()]*)\\right\)$")


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
    return _read_signed(text)


def _read_signed(text: str) -> Number | None:
    negative = False
    for _ in range(4):
        if outer := _OUTER.match(text):
            text = next(group for group in outer.groups() if group is not None).strip()
        elif word := _MINUS.match(text):
            negative = not negative
            text = text[word.end() :]
        elif text[:1] in ("-", "+"):
            negative ^= text[0] == "-"
            text = text[1:].lstrip()
        else:
            break
    number = _read_unsigned(text)
    if number and negative:
        return replace(number, value=-number.value)
    return number


def _read_unsigned(text: str) -> Number | None:
    if not text:
        return None
    if text[0].isdigit() or text[0] in ".\\":
        return _read_decimal(text) or _read_scientific(text) or _read_fraction(text) or _read_and_a_half(text)
    if not text.isascii():
        value = read_chinese(text)
        return Number(Fraction(value), None, len(str(value))) if value is not None else None
    return _read_words(text) or _read_part(text) or _read_and_a_half(text)


_PARTS = "half third quarter fifth sixth seventh eighth ninth tenth"
_PART_SIZES = {word: n for n, word in enumerate(_PARTS.split(), 2)} | {"fourth": 4, "halve": 2}
_PART = re.compile(rf"(?:(?P<count>[a-z]+)[\s-]+)?(?P<part>{'|'.join(_PART_SIZES)})s?$", re.IGNORECASE)


def _read_part(text: str) -> Number | None:
    """`half`, `a third`, `two-thirds`, `three quarters`; not the ordinal `third` alone."""
    match = _PART.match(text)
    if not match or (not match["count"] and match["part"].lower() != "half"):
        return None
    count = 1 if (match["count"] or "a").lower() in ("a", "an") else _WORDS.get(match["count"].lower())
    return Number(Fraction(count, _PART_SIZES[match["part"].lower()])) if count else None


def _read_and_a_half(text: str) -> Number | None:
    match = _AND_A_HALF.match(text)
    number = _read_signed(match[1]) if match else None
    return Number(number.value + Fraction(1, 2)) if number and number.value.denominator == 1 else None


def _read_decimal(text: str) -> Number | None:
    if _INTEGER.match(text):
        return Number(Fraction(int(text)), None, len(text.lstrip("0")))
    if match := _DECIMAL.match(text):
        return _decimal(match[1], match[2])
    if _COMMA_GROUPS.match(text):
        return _read_decimal(text.replace(",", ""))
    if _SPACE_GROUPS.match(text):
        return _read_decimal(re.sub("[ '_]", "", text).replace(",", "."))
    if _DOT_GROUPS.match(text):
        return _read_decimal(text.replace(".", "").replace(",", "."))
    if match := _DECIMAL_COMMA.match(text):
        number = _decimal(match[1], match[2])
        return replace(number, decimal_comma=True) if number else None
    return None


def _decimal(whole: str, decimals: str) -> Number | None:
    if not whole and not decimals:
        return None
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
    return Number(value, len(decimals), len((whole + decimals).lstrip("0")))


def _read_scientific(text: str) -> Number | None:
    if match := _E_NOTATION.match(text):
        mantissa, exponent = match["mantissa"], match["exponent"]
    elif match := _SCIENTIFIC.match(text):
        mantissa = match["mantissa"]
        exponent = match["braced"] or match["round"] or match["bare"]
        if mantissa is None:
            mantissa = "1"
    else:
        return None
    if len(exponent) > 5 or abs(int(exponent)) > MAX_DIGITS:
        return None
    factor = _read_signed(mantissa.strip())
    if factor is None:
        return None
    places = None if factor.places is None else max(0, factor.places - int(exponent))
    return replace(factor, value=factor.value * Fraction(10) ** int(exponent), places=places or None)


def _read_fraction(text: str) -> Number | None:
    match = _LATEX_FRACTION.match(text)
    if match:
        top = match["top"] or match["top1"] or match["top2"]
        bottom = match["bottom"] or match["bottom1"]
    elif match := _SLASH_FRACTION.match(text):
        top, bottom = match["top"], match["bottom"]
    else:
        return None
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


_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS: dict[str, int] = {word: n for n, word in enumerate(_SMALL.split())} | {
    word: 10 * n for n, word in enumerate(_TENS.split(), 2)
}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_NUMERAL = re.compile(
    rf"(?:(?:minus|negative)\s+)?(?:\b(?:{'|'.join([*_WORDS, *SCALES])}|hundred)\b[\s-]*(?:and\s+)?)+", re.IGNORECASE
)


def read_leading_words(text: str) -> tuple[Number, str] | None:
    """The numeral that a text begins with, in words, and what follows it: `two red apples`."""
    match = _NUMERAL.match(text)
    number = _read_words(re.sub(r"(?<![\s-])[\s-]++(?:and\s*+)?$", "", match[0])) if match else None
    return (number, text[match.end() :].strip()) if match and number else None


def _read_words(text: str) -> Number | None:
    """`one thousand six hundred twenty-five`, `minus four`."""
    words = [word for word in re.split(r"[\s-]+", text.lower()) if word]
    negative = words[:1] in (["minus"], ["negative"])
    words = words[negative:]
    if words[:1] in (["a"], ["an"]) and len(words) > 1 and (words[1] in SCALES or words[1] in ("hundred", "dozen")):
        words[0] = "one"
    if words[1:] == ["dozen"] and words[0] in _WORDS:
        return Number(Fraction(12 * _WORDS[words[0]]))
    if not words or len(words) > 20:
        return None
    total = group = 0
    previous = ""
    for word in words:
        if word == "and" and previous:
            continue
        step = _add_word(total, group, word, previous)
        if step is None:
            return None
        total, group = step
        previous = word
    value = Fraction(total + group)
    return Number(-value if negative else value)


def _add_word(total: int, group: int, word: str, previous: str) -> tuple[int, int] | None:
    if word in SCALES and group:
        return total + group * SCALES[word], 0
    if word == "hundred" and (0 < group < 10 or (not total and 10 < group < 100 and group % 10)):
        return total, group * 100
    value = _WORDS.get(word)
    if value is None:
        return None
    fits = not previous or previous == "hundred" or previous in SCALES or (previous in _TENS.split() and 0 < value < 10)
    return (total, group + value) if fits else None


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
        return bool(longer.places) and longer.digits - shorter.digits >= NOISE_DIGITS and error <= TOLERANCE
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
