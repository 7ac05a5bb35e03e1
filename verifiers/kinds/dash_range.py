"""Ranges with a dash: `2010-2011`, `0-5`, `$10-$20`. They are strings, never arithmetic; any dash will do."""

import re

from ovt.verifiers.dressing import plain
from ovt.verifiers.kinds.number import read_number
from ovt.verifiers.kinds.units import read_unit
from ovt.verifiers.verdict import Finding, equal_or_not

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
