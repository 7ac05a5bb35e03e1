"""Dates: strings, never arithmetic. A month by name, ISO order and leading zeros do not matter; a day does.

`January 15, 2020` is `15 Jan 2020` and `2020-01-15`;  `04/02/2005` is `4/2/2005`, and is no other date
"""

import re
from typing import NamedTuple

from ovt.verifiers.dressing import plain
from ovt.verifiers.verdict import Finding, equal_or_not

_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_NAMES = (
    {name: n for n, name in enumerate(_MONTHS, 1)} | {name[:3]: n for n, name in enumerate(_MONTHS, 1)} | {"sept": 9}
)
_MONTH = rf"(?P<month>{'|'.join(sorted(_NAMES, key=len, reverse=True))})\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4}|'\d{2})"
_WEEKDAY = r"(?:(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+)?"
_SPELT = [
    re.compile(rf"{_WEEKDAY}(?:the\s+)?{_DAY}(?:\s+of)?\s+{_MONTH},?(?:\s+{_YEAR})?$"),
    re.compile(rf"{_WEEKDAY}{_MONTH}\s+(?:the\s+)?{_DAY}(?:,?\s+{_YEAR})?$"),
    re.compile(rf"{_MONTH},?\s+{_YEAR}$"),
]
_AT = re.compile(r"^(?:on|in)\s+")
_ISO = re.compile(r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})$")
_SLASHED = re.compile(r"(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d{2})$")


class Date(NamedTuple):
    """year, month, day, 0 where not said; or `slashed`, whose order of day and month nobody knows."""

    year: int
    month: int
    day: int
    slashed: tuple[int, int, int] | None = None

    def __str__(self) -> str:
        return "/".join(map(str, self.slashed)) if self.slashed else f"{self.year:04}-{self.month:02}-{self.day:02}"


def read_date(text: str) -> Date | None:
    """The date that a text is."""
    text = _AT.sub("", plain(text).lower().strip(" ."))
    if match := _SLASHED.match(text):
        return Date(0, 0, 0, (int(match[1]), int(match[2]), int(match[3])))
    if match := _ISO.match(text):
        return _checked(int(match["year"]), int(match["month"]), int(match["day"]))
    for pattern in _SPELT:
        if match := pattern.match(text):
            found = match.groupdict()
            return _checked(_year(found.get("year")), _NAMES[found["month"]], int(found.get("day") or 0))
    return None


def _year(text: str | None) -> int:
    return 2000 + int(text[1:]) if text and text.startswith("'") else int(text or 0)


def _checked(year: int, month: int, day: int) -> Date | None:
    return Date(year, month, day) if 1 <= month <= 12 and day <= 31 else None


def check_date(prediction: str, gold: Date) -> Finding | None:
    """Compare with a date; None where the prediction is none. Dates with slashes equal only themselves."""
    date = read_date(prediction)
    if date is None:
        return None
    if (date.slashed is None) == (gold.slashed is None):
        return equal_or_not(date == gold, str(date), str(gold))
    known = _could_only_be(date)
    return equal_or_not(known is not None and known == _could_only_be(gold), str(date), str(gold))


def _could_only_be(date: Date) -> tuple[int, int, int] | None:
    """(year, month, day) of a date with slashes where one of the two numbers can be no month."""
    if date.slashed is None:
        return date[:3]
    first, second, year = date.slashed
    if first > 12 >= second:
        return year, second, first
    if second > 12 >= first or first == second:
        return year, first, second
    return None
