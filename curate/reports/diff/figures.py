"""The figures of a diff as people read them, in the terminal and on the page alike."""

import math
from typing import Any

ARROWS = {"up": "↑", "down": "↓", "same": "·", "unknown": " "}
PLACES = {"share": 1, "words": 1, "per 1,000 words": 2, "tokens": 0, "US$": 4}
ALWAYS = ("pass rate", "mean")


def number(amount: float | None, unit: str, sign: bool = False, more: int = 0) -> str:
    """ "76.9", "1,658", "+0.41"; shares in per cent, money to a hundredth of a cent; `more` places than usual."""
    if amount is None:
        return "–"
    places = PLACES[unit] + more
    rounded = round(100 * amount if unit == "share" else amount, places)
    return f"{rounded or 0.0:{'+' if sign and rounded else ''},.{places}f}"


def value(one: dict[str, Any], side: str) -> str:
    """The figure of one version, with its unit where that is short: "76.9%"."""
    text = number(one[side], one["unit"])
    return f"{text}%" if one["unit"] == "share" and one[side] is not None else text


def changed_by(one: dict[str, Any]) -> str:
    """The difference; of shares, in percentage points."""
    return number(one["change"], one["unit"], sign=True, more=_finer(one))


def interval(one: dict[str, Any]) -> str:
    """ "-3.9 … +1.7"."""
    if one["low"] is None:
        return "–"
    return " … ".join(number(one[end], one["unit"], sign=True, more=_finer(one)) for end in ("low", "high"))


def _finer(one: dict[str, Any]) -> int:
    """How many more places a narrow interval, or an end of it near none, needs to be seen; three at most."""
    if one["low"] is None or one["high"] == one["low"]:
        return 0
    half = (one["high"] - one["low"]) / 2
    smallest = half if one["direction"] == "same" else min(half, abs(one["low"]), abs(one["high"]))
    smallest *= 100 if one["unit"] == "share" else 1
    return min(max(math.ceil(-math.log10(smallest)) - PLACES[one["unit"]], 0), 3) if smallest else 0


def tells_nothing(one: dict[str, Any]) -> bool:
    """Nothing to measure in either version, or the same trivial value in both (none, or all)."""
    if one["a"] is None and one["b"] is None:
        return True
    return one["a"] == one["b"] and (one["a"] == 0 or (one["unit"] == "share" and one["a"] == 1))


def clearness(one: dict[str, Any]) -> float:
    """How many half-widths of its interval a change is away from none."""
    if one["direction"] in ("same", "unknown"):
        return 0.0
    half = (one["high"] - one["low"]) / 2
    return abs(one["change"]) / half if half else float("inf")


def choose(drift: list[dict[str, Any]], room: int | None) -> tuple[list[dict[str, Any]], int]:
    """(the figures to show in their order, how many are left out): where room is short, the clearest changes first."""
    telling = [one for one in drift if not tells_nothing(one)]
    if room is None or len(telling) <= room:
        return telling, 0
    places = range(len(telling))
    ranked = sorted(places, key=lambda place: (telling[place]["name"] not in ALWAYS, -clearness(telling[place]), place))
    kept = set(ranked[:room])
    return [telling[place] for place in places if place in kept], len(telling) - room


def facts(side: dict[str, Any]) -> list[str]:
    """What there is to know of a row beside its texts."""
    solved = f"{side['n_correct']} of {side['n_samples']} correct ({side['difficulty']})"
    sample = (side["sample_id"] or "no sample").removeprefix(f"{side['question_id']}-")
    return [f"answer {side['answer']}", solved, side["split"], sample]


def text_of(one: dict[str, Any]) -> str | None:
    """The response of a row whose texts are not compared: the newer one, where both have one."""
    return next((side["completion"] for side in (one["b"], one["a"]) if side and side["completion"]), None)


def facts_line(one: dict[str, Any]) -> str:
    """The facts of a row, and what they became: "answer 4 → 5, 3 of 4 correct (easy), …"."""
    sides = [facts(side) for side in (one["a"], one["b"]) if side]
    if len(sides) == 1:
        return ", ".join(sides[0])
    return ", ".join(old if old == new else f"{old} → {new}" for old, new in zip(*sides, strict=True))
