"""Times of day: `8:34 P.M.` is `20:34` and `08:34 pm`; `9:30` is not `9:45`, and no time is a fraction.

A missing A.M. or P.M. is forgiven on one side, as a missing unit is; two that differ are not.
"""

import re
from typing import NamedTuple

from ovt.verifiers.dressing import plain
from ovt.verifiers.kinds.number import read_number
from ovt.verifiers.verdict import Finding, equal_or_not

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
    """Compare with a time of day; None where the prediction is none."""
    time = read_time(_WITH_H.sub(r"\1:\2", plain(prediction)))
    if time is None:
        return None
    same = (time.minute, time.second) == (gold.minute, gold.second) and bool(_hours(time) & _hours(gold))
    if not same and bool(time.half) != bool(gold.half):
        same = time[:3] == gold[:3]
    return equal_or_not(same, str(time), str(gold))
