"""Dates, and ranges with a dash: strings, never arithmetic.

`January 15, 2020` is `15 Jan 2020`, `2020-01-15` and `2020年1月15日`;  `04/02/2005` is `4/2/2005`, and no other date
`2010-2011` is `2010 – 2011` and `from 2010 to 2011`, and is not -1
"""

import re
from typing import NamedTuple

from ovt.verifiers.algebra.notation import math_source
from ovt.verifiers.dressing import plain, words
from ovt.verifiers.kinds.expression import compare_ratios
from ovt.verifiers.kinds.number import is_month, read_number
from ovt.verifiers.kinds.numerals import read_chinese, simplify
from ovt.verifiers.kinds.units import read_unit
from ovt.verifiers.verdict import Finding, equal_or_not

_MONTH_NAMES = "january february march april may june july august september october november december"
_MONTHS = _MONTH_NAMES.split()
_NAMES = (
    {name: n for n, name in enumerate(_MONTHS, 1)} | {name[:3]: n for n, name in enumerate(_MONTHS, 1)} | {"sept": 9}
)
_WEEKDAYS = words(
    "monday tuesday wednesday thursday friday saturday sunday mon tue tues wed thu thur thurs fri sat sun"
)
_FILLERS = frozenset(["on", "in", "of", "the"])
_HANZI = "[零一二三四五六七八九十]{1,9}"
_CHINESE = re.compile(rf"(?:(\d{{4}}|{_HANZI})年)?(?:(\d{{1,2}}|{_HANZI})月)?(?:(\d{{1,2}}|{_HANZI})[日号])?")


class Date(NamedTuple):
    """year, month, day, 0 if not given; or `slashed`, with unknown order of day and month."""

    year: int
    month: int
    day: int
    slashed: tuple[int, int, int] | None = None

    def __str__(self) -> str:
        return "/".join(map(str, self.slashed)) if self.slashed else f"{self.year:04}-{self.month:02}-{self.day:02}"


def read_date(text: str) -> Date | None:
    """The date that a text is; a year or a weekday alone is not a date."""
    if len(text) > 60:
        return None
    text = plain(text).lower().strip(" .")
    for mark in "-/.":
        if text.count(mark) == 2 and text.replace(mark, "").isdecimal():
            return _numeric(*text.split(mark))
    month, slash, year = text.partition("/")
    if slash and (month + year).isdecimal() and is_month(month, year):
        return _checked(int(year), int(month), 0)
    match = None if text.isascii() else _CHINESE.fullmatch(simplify(text).replace(" ", ""))
    if match and match[2]:
        year, month, day = (int(part) if part.isdecimal() else read_chinese(part) for part in match.groups("0"))
        known = month is not None and day is not None and (year == 0 if match[1] is None else year and year >= 1000)
        return _checked(int(year or 0), int(month), int(day)) if known else None
    return _spelt(text.replace(",", " ").split())


def _numeric(first: str, second: str, third: str) -> Date | None:
    if not (first and 1 <= len(second) <= 2 and third):
        return None
    if len(first) == 4 and len(third) <= 2:
        return _checked(int(first), int(second), int(third))
    if len(first) <= 2 and len(third) in (2, 4):
        return Date(0, 0, 0, (int(first), int(second), int(third)))
    return None


def _spelt(words: list[str]) -> Date | None:
    """A month's name with a day, a year or both, in any order."""
    year = month = day = 0
    for word in words[: 1 + bool(words)] if len(words) > 7 else words:
        bare = word.rstrip(".")
        if bare in _NAMES and not month:
            month = _NAMES[bare]
        elif len(bare) == 4 and bare.isdecimal() and not year:
            year = int(bare)
        elif bare[:1] == "'" and bare[1:].isdecimal() and len(bare) == 3 and not year:
            year = 2000 + int(bare[1:])
        elif (digits := bare.rstrip("stndrh")).isdecimal() and len(digits) <= 2 and not day:
            day = int(digits)
        elif bare not in _FILLERS and bare not in _WEEKDAYS:
            return None
    return _checked(year, month, day) if month and (day or year) and len(words) <= 7 else None


def _checked(year: int, month: int, day: int) -> Date | None:
    return Date(year, month, day) if 1 <= month <= 12 and day <= 31 else None


def compare_dates(left: Date, right: Date) -> Finding:
    """Dates with slashes equal only themselves, unless one of their numbers cannot be a month."""
    if (left.slashed is None) == (right.slashed is None):
        return equal_or_not(left == right, str(left), str(right))
    known = _could_only_be(left)
    return equal_or_not(known is not None and known == _could_only_be(right), str(left), str(right))


def _could_only_be(date: Date) -> tuple[int, int, int] | None:
    """(year, month, day) of a date with slashes where one of the two numbers cannot be a month."""
    if date.slashed is None:
        return date[:3]
    first, second, year = date.slashed
    if first > 12 >= second:
        return year, second, first
    if second > 12 >= first or first == second:
        return year, first, second
    return None


_END = r"([$€£]?\s*+\d++(?:,\d{3})*+(?:\.\d++)?(?:\s*+%)?)"
_RANGE = re.compile(
    rf"(?:from\s++|从)?{_END}(?P<year>年)?(?:\s*+(?:-++|~|到|至)\s*+|(?P<to>\s++to\s++)){_END}"
    r"(?P<unit>\s*+(?:[^\W\d_][\w\s./^{}°]*|°))?",
    re.IGNORECASE,
)


class Range(NamedTuple):
    """Two ends as they were written, and a unit; or `code`, a chain of numbers and dashes (a telephone number).

    spoken: written with "to", which may also be a ratio.
    """

    ends: tuple[str, ...]
    unit: str = ""
    spoken: bool = False

    def __str__(self) -> str:
        return "-".join(self.ends) + f" {self.unit}".rstrip()


def read_range(text: str) -> Range | None:
    """A range, or a chain of numbers and dashes."""
    text = plain(text)
    match = _RANGE.fullmatch(text)
    if match:
        unit = " ".join((match["unit"] or "").split()).lower()
        if unit and (read_unit(unit) is None or (len(unit) == 1 and unit.isalpha() and match["unit"] == unit)):
            return None
        return Range((_end(match[1]), _end(match[4])), unit or match["year"] or "", bool(match["to"]))
    code = [part.strip() for part in text.split("-")]
    return Range(tuple(code)) if len(code) > 2 and all(map(str.isdecimal, code)) else None


def _end(text: str) -> str:
    """An end as it is written, without separators: `0.50` and `0.5` are one, `05` and `5` are two."""
    text = "".join(char for char in text if char not in " ,$€£")
    number = read_number(text)
    return str(number.value) if number and "." in text and not number.percent else text


def compare_ranges(left: Range, right: Range) -> Finding:
    """Two ranges; a unit may be missing on one side."""
    same = left.ends == right.ends and (left.unit == right.unit or not left.unit or not right.unit)
    return equal_or_not(same, str(left), str(right))


def compare_range_with_ratio(spoken: Range, ratio: tuple[str, ...]) -> Finding:
    """`3 to 4` may be meant as `3:4`."""
    if not spoken.spoken:
        return Finding("wrong", "different", str(spoken), ":".join(ratio))
    return compare_ratios(tuple(map(math_source, spoken.ends)), ratio)
