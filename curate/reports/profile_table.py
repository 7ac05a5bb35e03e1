"""The figures of some versions as rows of a table, for the terminal and the page.

group       name    unit             values
behaviours  visual  per 1,000 words  5.46, 6.10, 7.02
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ovt.core.text import plain
from ovt.curate.versions.profile import BUCKETS

PLACES = {"rows": 0, "share": 1, "words": 1, "per 1,000 words": 2, "tokens": 0, "US$": 4}
MOST = 12  # kinds and sources that get a row of their own


@dataclass(frozen=True)
class Figure:
    """One figure of every version, in their order; None where a version has none, or it is not known (US$)."""

    group: str
    name: str
    unit: str
    values: tuple[float | None, ...]


def tabulate(profiles: Sequence[dict[str, Any]]) -> list[Figure]:
    """The figures of `profile.profile` of some versions, group by group."""
    rows: list[Figure] = []
    for group, find in GROUPS.items():
        found = [list(find(profile)) for profile in profiles]
        names = dict.fromkeys((name, unit) for one in found for name, unit, _ in one)
        values = [{(name, unit): value for name, unit, value in one} for one in found]
        rows += [Figure(group, *named, tuple(one.get(named) for one in values)) for named in names]
    return rows


Found = Iterator[tuple[str, str, float | None]]  # (name, unit, value) of one version


def _rows(one: dict[str, Any]) -> Found:
    for name in ("sft", "rl", "questions"):
        yield name, "rows", one[name]
    yield "questions kept", "share", ratio(one["questions_kept"], one["questions"])


def _words(one: dict[str, Any]) -> Found:
    words = one["words"] or {}
    for name, key in {"mean": "mean", "median": "median", "95th percentile": "p95", "longest": "max"}.items():
        yield name, "words", words.get(key)


def _behaviours(one: dict[str, Any]) -> Found:
    for family, rate in one["behaviours"].items():
        yield family, "per 1,000 words", rate if one["words"] else None


def _difficulty(one: dict[str, Any]) -> Found:
    counts = {count["value"]: count["sft"] + count["rl"] for count in one["difficulty"]}
    for bucket in BUCKETS:
        yield bucket, "share", ratio(counts.get(bucket, 0), sum(counts.values()))


def _answers(one: dict[str, Any]) -> Found:
    for kind in one["kinds"][:MOST]:
        yield plain(f"{kind['kind']} correct"), "share", ratio(kind["correct"], kind["correct"] + kind["wrong"])


def _replies(one: dict[str, Any]) -> Found:
    judged = {name: sum(kind[name] for kind in one["kinds"]) for name in ("samples", "correct", "wrong", "abstain")}
    ends = [end for end in one["finishes"] if end["stage"] == "reason"]
    samples = sum(end["samples"] for end in ends)
    yield "correct", "share", ratio(judged["correct"], judged["correct"] + judged["wrong"])
    yield "abstained", "share", ratio(judged["abstain"], judged["samples"])
    for name, reason in {"cut off": "length", "failed": "failed"}.items():
        yield name, "share", ratio(sum(end["samples"] for end in ends if end["finish_reason"] == reason), samples)
    for stage in one["tokens"]:
        yield f"{stage['stage']} mean", "tokens", stage["mean"]


def _cost(one: dict[str, Any]) -> Found:
    yield "tokens per row", "tokens", one["per_row"]["tokens"]
    yield "US$ per row", "US$", one["per_row"]["cost_usd"]
    yield "US$ in all", "US$", one["cost_usd"]


def _sources(one: dict[str, Any]) -> Found:
    counts = {count["value"]: count["sft"] + count["rl"] for count in one["sources"]}
    for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))[:MOST]:
        yield plain(str(name)), "share", ratio(count, sum(counts.values()))


GROUPS: dict[str, Callable[[dict[str, Any]], Found]] = {
    "rows": _rows,
    "words of a response": _words,
    "behaviours": _behaviours,
    "difficulty": _difficulty,
    "replies": _replies,
    "answers": _answers,
    "sources": _sources,
    "cost": _cost,
}


def telling(figure: Figure) -> bool:
    """Whether a figure is worth a row: all behaviours are, and what is not nothing in every version."""
    return figure.group == "behaviours" or any(figure.values)


def unit_of(figure: Figure) -> str:
    """The unit, where neither the value nor a name says it."""
    said = figure.unit in ("share", "rows", "US$") or figure.unit in f"{figure.group} {figure.name}"
    return "" if said else figure.unit


def ratio(part: float, whole: float) -> float | None:
    """part / whole; None of nothing."""
    return part / whole if whole else None


def number(value: float | None, unit: str) -> str:
    """ "5.46", "1,658", "84.0%"; "–" where there is none, "unknown" of money."""
    if value is None:
        return "unknown" if unit == "US$" else "–"
    return f"{100 * value:.1f}%" if unit == "share" else f"{value:,.{PLACES[unit]}f}"
