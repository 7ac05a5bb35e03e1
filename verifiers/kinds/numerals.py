"""Numerals in words: English and Chinese.

read_words("two and a half million") == 2500000      read_chinese("一亿二千万") == 120000000
"""

import re
from fractions import Fraction

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
WORDS: dict[str, int] = {word: n for n, word in enumerate(_SMALL.split())} | {
    word: 10 * n for n, word in enumerate(TENS, 2)
}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_PARTS = "half third quarter fifth sixth seventh eighth ninth tenth"
_PART_SIZES = {word: n for n, word in enumerate(_PARTS.split(), 2)} | {"fourth": 4, "halve": 2}
_ONE = frozenset(["a", "an", "one"])
_MINUS = frozenset(["minus", "negative"])
_STARTS = _ONE | _MINUS | {"half"}
MAX_WORDS = 20
MAX_HANZI = 100
"""Characters; each may be a numeral around the rest (`负`, `半`, `三分之`), which is read by a call of its own."""


def split_words(text: str) -> list[str]:
    """The words of a numeral, in lower case; hyphens join them: `twenty-one`."""
    return text.lower().replace("-", " ").split()


def read_words(text: str) -> Fraction | None:
    """The number that the whole of a text is in English words, `2 and a half` included."""
    words = split_words(text)
    if not 0 < len(words) <= MAX_WORDS or not _may_start(words[0]):
        return None
    if words[0] in _MINUS:
        value = _unsigned(words[1:])
        return None if value is None else -value
    return _unsigned(words)


def _may_start(word: str) -> bool:
    return word in WORDS or word in _STARTS or word.isdecimal()


def _unsigned(words: list[str]) -> Fraction | None:
    if not words:
        return None
    if words[-2:-1] == ["and"] or "and" not in words:
        value = _integer(words)
        return _part(words) if value is None else value
    place = len(words) - 1 - words[::-1].index("and")
    rest = words[place + 1 :]
    if len(rest) >= 2 and rest[0] in _ONE | WORDS.keys() and rest[1].rstrip("s") in _PART_SIZES:
        whole, part = _integer(words[:place], digits=True), _part(rest[:2])
        scale = _scale(rest[2:])
        return (whole + part) * scale if whole is not None and part is not None and scale else None
    return _integer(words)


def _scale(words: list[str]) -> int | None:
    return 1 if not words else (SCALES | {"dozen": 12, "hundred": 100}).get(words[0]) if len(words) == 1 else None


def _part(words: list[str]) -> Fraction | None:
    """`half`, `a third`, `two thirds`, `half a million`; not the ordinal `third` alone."""
    if words[:1] == ["half"]:
        scale = _scale(words[2:]) if words[1:2] in (["a"], ["an"]) and len(words) == 3 else _scale(words[1:])
        return Fraction(scale, 2) if scale else None
    if len(words) != 2:
        return None
    count = 1 if words[0] in _ONE else WORDS.get(words[0])
    size = _PART_SIZES.get(words[1]) or _PART_SIZES.get(words[1].removesuffix("s"))
    return Fraction(count, size) if count and size else None


def _integer(words: list[str], digits: bool = False) -> Fraction | None:
    """`one thousand six hundred twenty-five`, `a dozen`; with `digits`, also `2`."""
    if digits and len(words) == 1 and words[0].isascii() and words[0].isdecimal():
        return Fraction(int(words[0]))
    words = list(words)
    if words[:1] in (["a"], ["an"]) and len(words) > 1 and (words[1] in SCALES or words[1] in ("hundred", "dozen")):
        words[0] = "one"
    if words[1:] == ["dozen"] and words[0] in WORDS:
        return Fraction(12 * WORDS[words[0]])
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
    return Fraction(total + group) if words else None


def _add_word(total: int, group: int, word: str, previous: str) -> tuple[int, int] | None:
    if word in SCALES and group:
        return total + group * SCALES[word], 0
    if word == "hundred" and (0 < group < 10 or (not total and 10 < group < 100 and group % 10)):
        return total, group * 100
    value = WORDS.get(word)
    if value is None:
        return None
    fits = not previous or previous == "hundred" or previous in SCALES or (previous in TENS and 0 < value < 10)
    return (total, group + value) if fits else None


def leading_words(text: str) -> tuple[Fraction, str] | None:
    """The numeral that a text begins with, in words, and what follows it: `two red apples`."""
    words = text.split()
    if not words or not _may_start(words[0].lower().partition("-")[0]):
        return None
    for count in range(min(len(words), MAX_WORDS), 0, -1):
        value = read_words(" ".join(words[:count])) if not words[count - 1].isdecimal() else None
        if value is not None:
            return value, " ".join(words[count:])
    return None


_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"两": 2}
_PLACES = {"千": 1000, "百": 100, "十": 10}
_GREAT = {"亿": 10**8, "万": 10**4}
_TRADITIONAL = str.maketrans("〇○兩萬億負個隻條張塊輛臺種顆雙層點貳參", "零零两万亿负个只条张块辆台种颗双层点二三") | {
    ord("廿"): "二十",
    ord("卅"): "三十",
}
_HANZI_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")
COUNTERS = "个只条张本人位次块件辆台棵朵种颗双层名枚支根头匹座间道份把艘"


def simplify(text: str) -> str:
    """Numerals and counters in their simplified characters."""
    return text.translate(_TRADITIONAL)


def read_chinese(text: str) -> Fraction | None:
    """The number that the whole of a text is in Chinese characters; digits may stand before 万 and 亿."""
    text = simplify(text)
    if len(text) > MAX_HANZI:
        return None
    if text[:1] == "负":
        value = read_chinese(text[1:])
        return None if value is None else -value
    if text.startswith("百分之"):
        value = read_chinese(text[3:])
        return None if value is None else value / 100
    whole, between, part = text.partition("又")
    if between:
        parts = [read_chinese(whole) or _arabic(whole), read_chinese(part)]
        return parts[0] + parts[1] if parts[0] and parts[1] and 0 < parts[1] < 1 else None
    if text[-1:] == "成" and len(text) == 2 and text[0] in _DIGITS:
        return Fraction(_DIGITS[text[0]], 10)
    bottom, between, top = text.partition("分之")
    if between:
        parts = [read_chinese(part) or _arabic(part) for part in (bottom, top)]
        return parts[1] / parts[0] if parts[0] and parts[1] is not None else None
    if text[-1:] == "半" and len(text) > 1:
        value = read_chinese(text[:-1].rstrip(COUNTERS))
        return None if value is None else value + Fraction(1, 2)
    if text == "半":
        return Fraction(1, 2)
    whole, point, decimals = text.partition("点")
    if point:
        value = _whole(whole)
        places = [_DIGITS.get(char) for char in decimals]
        if value is None or not places or None in places:
            return None
        return value + Fraction(int("".join(map(str, places))), 10 ** len(places))
    return _whole(text)


def _whole(text: str) -> Fraction | None:
    if text == "零":
        return Fraction(0)
    total = Fraction(0)
    for scale, size in _GREAT.items():
        head, found, text = text.rpartition(scale)
        if not found:
            continue
        value = _section(head.removeprefix("零") if total else head) or _arabic(head)
        if not value:
            return None
        total += value * size
    if len(text) > 1 and all(char in _DIGITS for char in text) and not total and text[0] != "零":
        return Fraction("".join(str(_DIGITS[char]) for char in text)) if "零" in text or len(text) > 3 else None
    rest = (_arabic(text) or _section(text.translate(_HANZI_DIGITS))) if text else 0
    return None if rest is None or not total + rest else total + rest


def _arabic(text: str) -> Fraction | None:
    text = text.strip().replace(",", "")
    if not text.isascii() or not text.replace(".", "", 1).isdecimal() or len(text) > 30:
        return None
    return Fraction(text.rstrip("."))


def _section(text: str) -> int | None:
    """A numeral below ten thousand. `一百五` is rejected as ambiguous: 150 to some, 105 to others."""
    total, size, zero = 0, 10_000, False
    digit: int | None = None
    for place, char in enumerate(text):
        if char == "零":
            if digit is not None or not total:
                return None
            zero = True
        elif char in _PLACES:
            if _PLACES[char] >= size or (digit is None and (char != "十" or (place and not zero))):
                return None
            size = _PLACES[char]
            total, digit, zero = total + size * (1 if digit is None else digit), None, False
        elif digit is not None or char not in _DIGITS:
            return None
        else:
            digit = _DIGITS[char]
    if digit is not None and total and size > 10 and not zero:
        return None
    return None if zero and digit is None else total + (digit or 0)


_EVERY = re.compile(r"^每(小时|分钟|秒|天|[^\W\d]{1,3}?)(?=[\d零一二三四五六七八九十百])(.+)$")
_HANZI_UNIT = re.compile(
    r"(?<![\d.零一二三四五六七八九十百千万亿点])[零一二三四五六七八九十百两]+(?:个半)?(?=小时|时|分|秒|米|厘米|元|度|天|年|岁)"
)


def digits_for_hanzi(text: str) -> str:
    """`两小时三十分` as `2小时30分`, `每小时六十千米` as `六十千米每小时`."""
    return _HANZI_UNIT.sub(_in_digits, _EVERY.sub(r"\2每\1", simplify(text)))


def _in_digits(found: re.Match[str]) -> str:
    """`三十` of `三十分` as 30; `两个半` of `两个半小时` as 2.5."""
    value = read_chinese(found[0])
    return found[0] if value is None else str(float(value) if value.denominator == 2 else value)
