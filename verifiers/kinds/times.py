"""Times of day: `8:34 P.M.` is `20:34` and `08:34 pm`;  `quarter to four` is `3:45`;  `下午3点45分` is `15:45`.

`9:30` is not `9:45`, and no time is a fraction.
"""

import re
from typing import NamedTuple

from ovt.verifiers.dressing import plain
from ovt.verifiers.kinds.number import read_number
from ovt.verifiers.verdict import Finding, equal_or_not

_TIME = re.compile(
    r"(?P<written>(?:at\s+)?(?P<hour>\d{1,2})(?:\s?(?P<colon>[:.h])\s?(?P<minute>\d{2})(?:\s?:\s?(?P<second>\d{2}))?)?\s*"
    r"(?P<half>[ap]\.?\s?m\.?|noon|midnight|o'?\s?clock|uhr)?)"
    r"|(?P<spoken>(?:at\s+)?"
    r"(?:(?P<part>half|(?:a\s+)?quarter|[a-z\d-]+)(?:\s+minutes)?\s+(?P<way>past|after|to|before)\s+)?"
    r"(?P<to>[a-z]+|\d{1,2})(?P<clock>\s+o'?\s?clock)?(?:\s*(?P<m>[ap]\.?m\.?))?)"
    r"|(?P<chinese>(?P<day>上午|早上|凌晨|下午|晚上|中午)?(?P<hours>[\d一二三四五六七八九十两]{1,3})[点點时]"
    r"(?:钟|整|(?P<thirty>半)|(?P<minutes>[\d一二三四五六七八九十零]{1,3})分?)?)"
)
_PARTS = {"half": 30, "quarter": 15, "a quarter": 15}
_NAMED = {"noon": (12, "pm"), "midnight": (12, "am"), "midday": (12, "pm")}
_DAY_PARTS = {"上午": "am", "早上": "am", "凌晨": "am", "下午": "pm", "晚上": "pm", "中午": "pm"}
_HALVES = {"noon": "pm", "midnight": "am", "oclock": "", "uhr": ""}


class Time(NamedTuple):
    """hour, minute, second as written; half is "am", "pm" or "" where it was not said."""

    hour: int
    minute: int
    second: int
    half: str

    def __str__(self) -> str:
        seconds = f":{self.second:02}" if self.second else ""
        return f"{self.hour}:{self.minute:02}{seconds} {self.half}".rstrip()


def read_time(text: str) -> Time | None:
    """The time of day that a text is: with a colon and two digits of minutes, or with A.M. or P.M., or in words."""
    if len(text) > 60:
        return None
    text = plain(text).strip(" .").lower()
    if text in _NAMED:
        return Time(_NAMED[text][0], 0, 0, _NAMED[text][1])
    match = _TIME.fullmatch(text)
    return _READERS[match.lastgroup or ""](match) if match else None


def _written(match: re.Match[str]) -> Time | None:
    half = "".join(char for char in match["half"] or "" if char.isalpha())
    if not match["minute"] and half not in ("am", "pm", *_HALVES):
        return None
    late = match["colon"] == "h" and int(match["hour"]) > 12  # `2h30` is a duration
    if match["colon"] not in (None, ":") and half not in ("am", "pm", "uhr") and not late:
        return None
    hour, minute, second = int(match["hour"]), int(match["minute"] or 0), int(match["second"] or 0)
    if hour > 24 or minute > 59 or second > 59 or (half in ("am", "pm") and hour > 12):
        return None
    return Time(hour, minute, second, _HALVES.get(half, half))


def _spoken(match: re.Match[str]) -> Time | None:
    """`half past nine`, `a quarter to 10`, `ten past five`, `nine o'clock`; not `5 to 10`, which is a range."""
    if not (match["clock"] or match["part"]):
        return None
    part = " ".join((match["part"] or "").split())
    back = match["way"] in ("to", "before")
    if part not in _PARTS and back and part[:1].isdecimal():
        return None
    hour, minutes = read_number(match["to"]), read_number(str(_PARTS.get(part, part)) if part else "0")
    if not hour or not minutes or hour.value not in range(1, 13) or minutes.value not in range(60):
        return None
    minute = int(minutes.value) * (-1 if back else 1)
    half = (match["m"] or "").replace(".", "")
    return Time((int(hour.value) - (minute < 0) - 1) % 12 + 1, minute % 60, 0, half)


def _chinese(match: re.Match[str]) -> Time | None:
    hour, minute = read_number(match["hours"]), read_number((match["minutes"] or "0").removeprefix("零") or "0")
    if not hour or not minute or hour.value > 24 or minute.value > 59:
        return None
    half = _DAY_PARTS.get(match["day"] or "", "") if hour.value <= 12 else ""
    return Time(int(hour.value), 30 if match["thirty"] else int(minute.value), 0, half)


_READERS = {"written": _written, "spoken": _spoken, "chinese": _chinese}


def _hour(time: Time) -> int:
    """The hour of the day."""
    return time.hour % 12 + (12 if time.half == "pm" else 0) if time.half else time.hour % 24


def compare_times(left: Time, right: Time) -> Finding:
    """Two times; a.m. or p.m. may be missing on one side."""
    same = left[1:3] == right[1:3] and _hour(left) == _hour(right)
    if not same and bool(left.half) != bool(right.half):
        same = left[:3] == right[:3]
    return equal_or_not(same, str(left), str(right))
