"""Dates, times of day and ranges with a dash: strings, never arithmetic.

`January 15, 2020` is `15 Jan 2020` and `2020-01-15`;  `04/02/2005` is `4/2/2005`, and is no other date
`8:34 P.M.` is `20:34` and `08:34 pm`;  `9:30` is not `9:45`, and no time is a fraction
`2010-2011` is `2010 – 2011`, and is not -1
"""

import re
from typing import NamedTuple

from ovt.verifiers.dressing import plain
from ovt.verifiers.kinds.number import read_number
from ovt.verifiers.kinds.units import read_unit
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
    """year, month, day, 0 if not given; or `slashed`, with unknown order of day and month."""

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
    """Compare with a date; None if the prediction is not one. Dates with slashes equal only themselves."""
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


_TIME = re.compile(
    r"(?:at\s+)?(?P<hour>\d{1,2})(?:\s?(?P<colon>[:.h])\s?(?P<minute>\d{2})(?:\s?:\s?(?P<second>\d{2}))?)?\s*"
    r"(?P<half>[ap]\.?\s?m\.?|noon|midnight|o'?\s?clock)?$",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    r"(?:at\s+)?(?:(?P<part>half|(?:a\s+)?quarter|[a-z\d-]+)(?:\s+minutes)?\s+(?P<way>past|after|to|before)\s+)?"
    r"(?P<hour>[a-z]+|\d{1,2})(?P<clock>\s+o'?\s?clock)?(?:\s*(?P<half>[ap]\.?m\.?))?$"
)
_WITH_H = re.compile(r"^(\d{1,2})\s?h\s?(\d{2})$")
_PARTS = {"half": 30, "quarter": 15, "a quarter": 15}
_WORDS = {"noon": (12, "pm"), "midnight": (12, "am"), "midday": (12, "pm")}


class Time(NamedTuple):
    """hour, minute, second as written; half is "am", "pm" or "" where it was not said."""

    hour: int
    minute: int
    second: int
    half: str

    def __str__(self) -> str:
        return (
            f"{self.hour}:{self.minute:02}" + (f":{self.second:02}" if self.second else "") + f" {self.half}".rstrip()
        )


def read_time(text: str) -> Time | None:
    """The time of day that a text is: with a colon and two digits of minutes, or with A.M. or P.M."""
    text = plain(text).strip(" .").lower()
    if text in _WORDS:
        return Time(_WORDS[text][0], 0, 0, _WORDS[text][1])
    match = _TIME.match(text)
    if not match:
        return _read_spoken(text)
    half = re.sub(r"[\s.']", "", match["half"] or "")
    if not match["minute"] and half not in ("am", "pm", "noon", "midnight", "oclock"):
        return None
    if match["colon"] and match["colon"] != ":" and half not in ("am", "pm"):
        return None
    hour, minute, second = int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0)
    if hour > 24 or minute > 59 or second > 59 or (half in ("am", "pm") and hour > 12):
        return None
    return Time(hour, minute, second, {"noon": "pm", "midnight": "am", "oclock": ""}.get(half, half))


def _read_spoken(text: str) -> Time | None:
    """`half past nine`, `a quarter to 10`, `ten past five`, `nine o'clock`; not `5 to 10`, which is a range."""
    match = _SPOKEN.match(text)
    if not match or not (match["clock"] or match["part"]):
        return None
    part = " ".join((match["part"] or "").split())
    if part not in _PARTS and match["way"] in ("to", "before"):
        return None
    hour, minutes = read_number(match["hour"]), read_number(str(_PARTS.get(part, part)) if part else "0")
    if not hour or not minutes or hour.value not in range(1, 13) or minutes.value not in range(60):
        return None
    minute = int(minutes.value) * (-1 if match["way"] in ("to", "before") else 1)
    half = re.sub(r"\.", "", match["half"] or "")
    return Time((int(hour.value) - (minute < 0) - 1) % 12 + 1, minute % 60, 0, half)


def _hours(time: Time) -> set[int]:
    """The hours of the day that a time may mean."""
    if time.half:
        return {time.hour % 12 + (12 if time.half == "pm" else 0)}
    return {time.hour % 24}


def check_time(prediction: str, gold: Time) -> Finding | None:
    """Compare with a time of day; None if the prediction is not one."""
    time = read_time(_WITH_H.sub(r"\1:\2", plain(prediction)))
    if time is None:
        return None
    same = (time.minute, time.second) == (gold.minute, gold.second) and bool(_hours(time) & _hours(gold))
    if not same and bool(time.half) != bool(gold.half):
        same = time[:3] == gold[:3]
    return equal_or_not(same, str(time), str(gold))


_END = r"([$€£]?\s*+\d++(?:,\d{3})*+(?:\.\d++)?(?:\s*+%)?)"
_RANGE = re.compile(rf"{_END}\s*+(?:-++|~)\s*+{_END}(?P<unit>\s*+(?:[^\W\d_][\w\s./^{{}}°]*|°))?$")
_TO = re.compile(rf"(?:from\s++)?{_END}\s++to\s++{_END}(?P<unit>\s*+(?:[^\W\d_][\w\s./^{{}}°]*|°))?$", re.IGNORECASE)
_CHAIN = re.compile(r"\d+(?:\s*-\s*\d+){2,}$")


def read_range(text: str) -> str | None:
    """A range in one spelling, or a chain of numbers and dashes (a code, a telephone number)."""
    text = plain(text)
    match = _RANGE.match(text) or _TO.match(text)
    if match:
        ends = [_end(match[1]), _end(match[2])]
        unit = " ".join((match["unit"] or "").split()).lower()
        if unit and (read_unit(unit) is None or (len(unit) == 1 and unit.isalpha() and match["unit"] == unit)):
            return None
        return "-".join(ends) + (f" {unit}" if unit else "")
    return re.sub(r"\s", "", text) if _CHAIN.match(text) else None


def _end(text: str) -> str:
    """An end as it is written, less separators: `0.50` and `0.5` are one, `05` and `5` are two."""
    text = re.sub(r"[\s,$€£]", "", text)
    number = read_number(text)
    return str(number.value) if number and "." in text and not number.percent else text


def read_range_gold(text: str) -> str | None:
    """A gold that is written with a dash."""
    return read_range(text) if "-" in plain(text) else None


def check_range(prediction: str, gold: str) -> Finding | None:
    """Compare two ranges; a unit may be missing on one side. None where the prediction is no range."""
    found = read_range(prediction)
    if found is None:
        return Finding("wrong", "not_a_range", plain(prediction), gold)
    ends, _, unit = found.partition(" ")
    gold_ends, _, gold_unit = gold.partition(" ")
    same = ends == gold_ends and (unit == gold_unit or not unit or not gold_unit)
    return equal_or_not(same, found, gold)
