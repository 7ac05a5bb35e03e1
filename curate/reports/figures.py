"""The figures of versions as rows of a table, the same on a terminal, in a notebook and on a page.

group       name    unit             values            change  low    high
behaviours  visual  per 1,000 words  5.46, 6.10, 7.02
behaviours  visual  per 1,000 words  5.46, 6.10        +0.64   -0.20  +1.48

`tabulate` shows some versions side by side (`ovt data stats`), `compared` the figures of a diff, with intervals.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ovt.core.report import Report, Styled, Table, names, numbers
from ovt.core.text import plain
from ovt.curate.versions.models import COUNTS
from ovt.curate.versions.profile import BUCKETS

ARROWS = {"up": "↑", "down": "↓", "same": "·", "unknown": " "}
PLACES = {"rows": 0, "share": 1, "words": 1, "per 1,000 words": 2, "tokens": 0, "US$": 4}
LENGTHS = {"mean": "mean", "median": "median", "95th percentile": "p95", "longest": "max"}  # of `profile.lengths`
MOST = 12  # kinds and sources with a row of their own
ALWAYS = ("pass rate", "mean")  # of a diff, even when space is short

Profile = dict[str, Any]  # `profile.profile`


@dataclass(frozen=True)
class Figure:
    """One figure of every version, in order; None if a version has none, or it is unknown (US$).

    For a diff: also the change from the first to the second with its 95% interval, and its direction ("up" or "down"
    if the interval excludes zero, else "same"; "unknown" without one).
    """

    group: str
    name: str
    unit: str
    values: tuple[float | None, ...]
    change: float | None = None
    low: float | None = None
    high: float | None = None
    direction: str | None = None

    @property
    def telling(self) -> bool:
        """Whether it deserves a row: not if it is zero (or, in a diff, everything) in every version."""
        if self.direction is None:
            return self.group == "behaviours" or any(self.values)
        same = len(set(self.values)) == 1
        return not same or not (self.values[0] in (0, None) or (self.unit == "share" and self.values[0] == 1))

    @property
    def title(self) -> str:
        """The name beside other groups': "words: mean", "visual per 1,000 words", "pass rate"."""
        if self.unit == "per 1,000 words":
            return f"{self.name} per 1,000 words"
        plainly = self.group in ("cost", "texts") or self.name.startswith("pass rate")
        return self.name if plainly else f"{self.group}: {self.name}"

    @property
    def unit_told(self) -> str:
        """The unit, if neither a value nor a name shows it."""
        said = self.unit in ("share", "rows", "US$") or self.unit in f"{self.group} {self.name}"
        return "" if said else self.unit

    @property
    def cells(self) -> list[str]:
        """The values with their units: "76.9%"."""
        return [number(value, self.unit) for value in self.values]

    @property
    def changed_by(self) -> str:
        """The difference; of shares, in percentage points."""
        return self._signed(self.change)

    @property
    def interval(self) -> str:
        """ "-3.9 … +1.7"."""
        return "–" if self.low is None else f"{self._signed(self.low)} … {self._signed(self.high)}"

    @property
    def clear(self) -> bool:
        """Whether the interval of the change excludes zero."""
        return self.direction in ("up", "down")

    @property
    def clearness(self) -> float:
        """The change in half-widths of its interval."""
        if not self.clear or self.change is None:
            return 0.0
        return abs(self.change) / self._half if self._half else math.inf

    @property
    def _half(self) -> float:
        return ((self.high or 0.0) - (self.low or 0.0)) / 2

    def _signed(self, amount: float | None) -> str:
        """With up to three more decimals, as a narrow interval, or an end of it near zero, needs."""
        if amount is None:
            return "–"
        more, scale = 0, 100 if self.unit == "share" else 1
        if self.low is not None and self.high is not None and self._half:
            ends = [self._half] if self.direction == "same" else [self._half, abs(self.low), abs(self.high)]
            smallest = scale * min(ends)
            more = min(max(math.ceil(-math.log10(smallest)) - PLACES[self.unit], 0), 3) if smallest else 0
        rounded = round(scale * amount, PLACES[self.unit] + more) or 0.0
        return f"{rounded:{'+' if rounded else ''},.{PLACES[self.unit] + more}f}"


def number(value: float | None, unit: str) -> str:
    """ "5.46", "1,658", "84.0%"; "–" for none, "unknown" for unknown cost."""
    if value is None:
        return "unknown" if unit == "US$" else "–"
    return f"{100 * value:.1f}%" if unit == "share" else f"{value:,.{PLACES[unit]}f}"


def ratio(part: float, whole: float) -> float | None:
    """part / whole; None if the whole is zero."""
    return part / whole if whole else None


def by_value(counts: Iterable[dict[str, Any]]) -> dict[Any, int]:
    """Rows of both splits, by value."""
    return {one["value"]: one["sft"] + one["rl"] for one in counts}


def compared(drift: Iterable[dict[str, Any]]) -> list[Figure]:
    """The figures of `diff.compare` that deserve a row."""
    fields = ("group", "name", "unit", "change", "low", "high", "direction")
    figures = [Figure(values=(one["a"], one["b"]), **{name: one[name] for name in fields}) for one in drift]
    return [one for one in figures if one.telling]


def choose(figures: Sequence[Figure], room: int | None) -> list[Figure]:
    """The figures to show, in order: the clearest changes if space is short."""
    if room is None or len(figures) <= room:
        return list(figures)
    ranked = sorted(figures, key=lambda one: (one.name not in ALWAYS, -one.clearness))
    kept = {id(one) for one in ranked[:room]}
    return [one for one in figures if id(one) in kept]


def drift_table(figures: Iterable[Figure]) -> Table:
    """A row per figure of a diff; clear changes stand out."""
    rows = []
    for one in figures:
        cells = [*one.cells, f"{one.changed_by} {ARROWS[one.direction or 'unknown']}", one.interval]
        rows.append([plain(one.title), *(Styled(cell, "bold cyan" if one.clear else "") for cell in cells)])
    return Table([*names("drift"), *numbers("a", "b", "change", "95% interval")], rows)


def tabulate(profiles: Sequence[Profile]) -> list[Figure]:
    """The figures of some versions, group by group."""
    rows: list[Figure] = []
    for group, find in GROUPS.items():
        found = [list(find(profile)) for profile in profiles]
        named = dict.fromkeys((name, unit) for one in found for name, unit, _ in one)
        values = [{(name, unit): value for name, unit, value in one} for one in found]
        rows += [Figure(group, *name, tuple(one.get(name) for one in values)) for name in named]
    return rows


Found = Iterator[tuple[str, str, float | None]]  # (name, unit, value) of one version


def _rows(one: Profile) -> Found:
    for name in ("sft", "rl", "questions"):
        yield name, "rows", one[name]
    yield "questions kept", "share", ratio(one["questions_kept"], one["questions"])


def _words(one: Profile) -> Found:
    for name, key in LENGTHS.items():
        yield name, "words", (one["words"] or {}).get(key)


def _behaviours(one: Profile) -> Found:
    for family, rate in one["behaviours"].items():
        yield family, "per 1,000 words", rate if one["words"] else None


def _difficulty(one: Profile) -> Found:
    counts = by_value(one["difficulty"])
    for bucket in BUCKETS:
        yield bucket, "share", ratio(counts.get(bucket, 0), sum(counts.values()))


def _answers(one: Profile) -> Found:
    for kind in one["kinds"][:MOST]:
        yield plain(f"{kind['kind']} correct"), "share", ratio(kind["correct"], kind["correct"] + kind["wrong"])


def _replies(one: Profile) -> Found:
    judged = {name: sum(kind[name] for kind in one["kinds"]) for name in ("samples", "correct", "wrong", "abstain")}
    ends = [end for end in one["finishes"] if end["stage"] == "reason"]
    samples = sum(end["samples"] for end in ends)
    yield "correct", "share", ratio(judged["correct"], judged["correct"] + judged["wrong"])
    yield "abstained", "share", ratio(judged["abstain"], judged["samples"])
    for name, reason in {"cut off": "length", "failed": "failed"}.items():
        yield name, "share", ratio(sum(end["samples"] for end in ends if end["finish_reason"] == reason), samples)
    for stage in one["tokens"]:
        yield f"{stage['stage']} mean", "tokens", stage["mean"]


def _cost(one: Profile) -> Found:
    yield "tokens per row", "tokens", one["per_row"]["tokens"]
    yield "US$ per row", "US$", one["per_row"]["cost_usd"]
    yield "US$ in all", "US$", one["cost_usd"]


def _sources(one: Profile) -> Found:
    counts = by_value(one["sources"])
    for name, count in sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))[:MOST]:
        yield plain(str(name)), "share", ratio(count, sum(counts.values()))


MODEL_FIGURES = {"tokens_per_row": "tokens per row", "usd_per_row": "US$ per row"}

GROUPS: dict[str, Callable[[Profile], Found]] = {
    "rows": _rows,
    "words of a response": _words,
    "behaviours": _behaviours,
    "difficulty": _difficulty,
    "replies": _replies,
    "answers": _answers,
    "sources": _sources,
    "cost": _cost,
}


def report(profiles: Sequence[Profile]) -> Report:
    """`profile.profile` of one version, with its sources and usage, or of several side by side."""
    title = ", ".join(f"{one['ref']} @{one['content_hash'][:12]}" for one in profiles)
    parts = [figure_table(profiles)]
    if len(profiles) == 1:
        parts += [source_table(profiles[0]), usage_table(profiles[0]["usage"])]
    if sides := [(one["ref"], one["by_model"]) for one in profiles if "by_model" in one]:
        parts.append(model_table(sides))
    return Report(title, profiles[0] if len(profiles) == 1 else list(profiles), parts)


def figure_table(profiles: Sequence[Profile]) -> Table:
    """A row per figure, a column per version."""
    rows: list[list[str]] = []
    group = ""
    for one in tabulate(profiles):
        if one.telling:
            rows += [[]] * bool(group and one.group != group)
            unit = f", {one.unit_told}" if one.unit_told else ""
            rows.append(["" if one.group == group else one.group, f"{one.name}{unit}", *one.cells])
            group = one.group
    return Table([*names("", style="cyan"), *names("figure"), *numbers(*(one["ref"] for one in profiles))], rows)


def source_table(profile: Profile) -> Table:
    """The questions and results of each source, or of each value of another column."""
    counts = {"questions": "rows", "samples": "rows", "correct": "share", "cut_off": "share", "sft": "rows",
              "rl": "rows", "words": "words", "tokens": "tokens", "cost_usd": "US$"}  # fmt: skip
    titles = [{"cut_off": "cut off", "cost_usd": "US$"}.get(name, name) for name in counts]
    rows = [
        [one["source"], *(number(one[name], unit) for name, unit in counts.items())] for one in profile["by_source"]
    ]
    return Table([*names(profile.get("by", "source")), *numbers(*titles)], rows)


def model_table(sides: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> Table:
    """The reasoners of some versions, each with the ref of its version."""
    titles = [MODEL_FIGURES.get(name, name) for name in COUNTS]
    rows = [
        [ref, one["model"], *(number(one[name], unit) for name, unit in COUNTS.items())]
        for ref, models in sides
        for one in models
    ]
    return Table([*names("version", "reasoner"), *numbers(*titles)], rows)


def usage_table(usage: Sequence[dict[str, Any]]) -> Table:
    """Each stage's usage."""
    counts = ("samples", "failed", "prompt_tokens", "completion_tokens")
    rows = [[use["stage"], *(use[name] for name in counts), number(use["cost_usd"], "US$")] for use in usage]
    return Table([*names("stage"), *numbers(*(name.replace("_", " ") for name in counts), "US$")], rows)
