"""The scores of a benchmark: each reading's accuracy with its interval, what guesses would add, the groups.

Pure: READINGS in, numbers out. A score is complete, and has a headline, if every question of the subset has an answer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl
from pydantic import Field

from ovt.core.errors import GateFailed, RecipeError
from ovt.core.report import Report, Table, names, numbers, texts
from ovt.core.section import Section, added_later
from ovt.evaluation.benchmark import Benchmark, Item
from ovt.evaluation.readings import NAMES, SHARES, by_group
from ovt.evaluation.scores import Accuracy, accuracy, mean, percent

WARN_TRUNCATED = 0.02
MOST_VALUES, FEW_VALUES = 60, 12  # of a group: more are not a group; few are sorted by name
_NUMBER = re.compile(r"\d+(\.\d+)?")


class Agreement(Section):
    """Two readings of the same answers: how many are right in both, in one alone, in neither."""

    one: str
    other: str
    both: int
    only_one: int
    only_other: int
    neither: int

    @property
    def share(self) -> float:
        total = self.both + self.only_one + self.only_other + self.neither
        return (self.both + self.neither) / total if total else 1.0


class BenchmarkScores(Section):
    """The scores of one run.

    expected        questions asked, of `subset` in all; missing: those without a reply
    doubled, unknown   rows of the file that are not counted
    readings        by name, those present; `official` leaves its guesses out
    luck            share of all answers that they would add; guessed: answers that they would be made for
    undecided       answers that the official rule leaves to a model, or fails on
    shares          of all answers: truncated, refused, unreadable, failed, hedged, in_thinking
    whole           ours, over the answers that were not cut off, where 2% or more were
    groups          group → value → reading → accuracy
    further         reading → name → share, such as fAcc
    judge           the name of the judge's reading; unjudged: answers whose request to it failed
    known_bad       answers to questions whose gold is known to be bad
    """

    benchmark: str
    variant: str
    run: str
    rule: str
    rows: int
    expected: int
    subset: int = 0
    missing: int = 0
    doubled: int = 0
    unknown: int = 0
    readings: dict[str, Accuracy]
    luck: float = 0.0
    guessed: int = 0
    undecided: int = 0
    shares: dict[str, float] = Field(default_factory=dict)
    whole: Accuracy | None = None
    groups: dict[str, dict[str, dict[str, Accuracy]]] = Field(default_factory=dict)
    further: dict[str, dict[str, float]] = Field(default_factory=dict)
    agreement: list[Agreement] = Field(default_factory=list)
    known_bad: int = 0
    headline: str = "accuracy"
    judge: str = ""
    unjudged: int = added_later(0)

    @property
    def complete(self) -> bool:
        return not self.missing


def score(
    frame: pl.DataFrame, items: Mapping[str, Item], benchmark: Benchmark, about: Mapping[str, Any]
) -> BenchmarkScores:
    """The scores of one run's READINGS (at least one row). items: all of the subset's, by question id; about: further
    fields of `BenchmarkScores`."""
    there = [name for name in NAMES if frame[name].count()]
    cut = mean(frame["truncated"]) >= WARN_TRUNCATED
    bad = pl.col("id").str.split("/").list.last().is_in(list(benchmark.known_bad))
    return BenchmarkScores(
        rows=len(frame),
        missing=len(items) - frame["question_id"].n_unique(),
        readings={name: accuracy(frame, name) for name in there},
        luck=mean(frame["luck"]),
        guessed=frame.filter(pl.col("luck") > 0).height,
        undecided=frame["official"].null_count(),
        shares={name: mean(frame[name]) for name in SHARES},
        whole=accuracy(frame.filter(~pl.col("truncated")), "ours") if cut else None,
        groups={group: _grouped(by_group(frame, items, group), there) for group in benchmark.groups},
        further=_further(frame, items, benchmark, there),
        agreement=agreements(frame, there),
        known_bad=frame.filter(bad).height,
        headline=benchmark.headline,
        **about,
    )


def _grouped(frame: pl.DataFrame, there: Sequence[str]) -> dict[str, dict[str, Accuracy]]:
    parts = frame.partition_by("value", as_dict=True, maintain_order=True)
    if len(parts) > MOST_VALUES:
        return {}
    values = sorted(parts, key=lambda key: (-len(parts[key]) if len(parts) > FEW_VALUES else 0, str(key[0])))
    return {str(key[0]): {name: accuracy(parts[key], name) for name in there} for key in values}


def _further(
    frame: pl.DataFrame, items: Mapping[str, Item], benchmark: Benchmark, there: Sequence[str]
) -> dict[str, dict[str, float]]:
    if benchmark.further is None:
        return {}
    wide = pl.DataFrame(
        [{**item.groups, "question_id": key} for key, item in items.items()],
        {"question_id": pl.String, **dict.fromkeys(benchmark.groups, pl.String)},
    )
    joined = frame.join(wide, on="question_id", maintain_order="left")
    return {name: benchmark.further(joined.with_columns(right=pl.col(name).fill_null(False))) for name in there}


def agreements(frame: pl.DataFrame, there: Sequence[str]) -> list[Agreement]:
    """Ours against every other reading, and what the file says against the official rule."""
    pairs = [("ours", other) for other in there if other not in ("ours", "strict")]
    pairs += [("official", "filed")] if {"official", "filed"} <= set(there) else []
    return [_agreement(frame, one, other) for one, other in pairs]


def _agreement(frame: pl.DataFrame, one: str, other: str) -> Agreement:
    both = frame.filter(pl.col(one).is_not_null() & pl.col(other).is_not_null())
    cells = both.group_by(one, other).len()
    count = {(left, right): rows for left, right, rows in cells.iter_rows()}
    told = (count.get(key, 0) for key in ((True, True), (True, False), (False, True), (False, False)))
    parts = ("both", "only_one", "only_other", "neither")
    return Agreement(one=one, other=other, **dict(zip(parts, told, strict=True)))


def report(scores: Sequence[BenchmarkScores], by: str | None = None, again: str = "") -> Report:
    """The runs of a file, or one evaluation, as tables. by: a group to show; again: options for more tokens."""
    there = [name for name in NAMES if any(name in one.readings for one in scores)]
    rows = [_line(one, there) for one in scores]
    titles = ["rows", "ours", "95% interval", *_titles(scores, there), "luck"]
    parts: list[Table | str] = [Table([*names("run", "benchmark"), *numbers(*titles)], rows)]
    for one in scores:
        parts += _details(one, by, again)
    if any(one.guessed for one in scores):
        parts.append("The official rule's guesses are left out: luck is what they would add, in points of accuracy.")
    return Report(
        scores[0].benchmark, [one.model_dump(mode="json") | {"complete": one.complete} for one in scores], parts
    )


def _titles(scores: Sequence[BenchmarkScores], there: Sequence[str]) -> list[str]:
    """The titles of the readings after ours: a rule that is not the official one by its own name."""
    rules = {one.rule for one in scores}
    official = rules.pop() if len(rules) == 1 else "official"
    judge = ", ".join(sorted({one.judge for one in scores if one.judge})) or "judge"
    named = {"official": official, "judge": judge}
    return [named.get(name, name) for name in there[1:]]


def _line(one: BenchmarkScores, there: Sequence[str]) -> list[Any]:
    ours = one.readings["ours"]
    shown = [percent(one.readings[name].accuracy) if name in one.readings else "" for name in there[1:]]
    luck = f"+{100 * one.luck:.1f}" if one.guessed else ""
    span = f"{percent(ours.low)} to {percent(ours.high)}"
    return [one.run, name_of(one), one.rows, percent(ours.accuracy), span, *shown, luck]


def require(scores: Sequence[BenchmarkScores], least: Iterable[str]) -> None:
    """GateFailed if a run's accuracy (ours) is below what `least` asks of its benchmark: "mathvista=68", or "68".

    An incomplete run has no score, so it is below any. RecipeError as from `check_least`.
    """
    failed = []
    for name, points in check_least(least, [f"{one.benchmark}:{one.variant}" for one in scores]):
        failed += [
            f"{one.run} has {percent(one.readings['ours'].accuracy)} on {name_of(one)}, expected at least {points}%"
            for one in scores
            if _is_meant(name, f"{one.benchmark}:{one.variant}")
            and (not one.complete or 100 * one.readings["ours"].accuracy < float(points))
        ]
    if failed:
        raise GateFailed("; ".join(failed))


def check_least(least: Iterable[str], titles: Sequence[str]) -> list[tuple[str, str]]:
    """The names and points of what `--min` asks, before anything else is. titles: of the benchmarks ("emma:mini").

    RecipeError for anything but a number, for a benchmark that is not among them, or where there are none.
    """
    found = []
    for asked in least:
        name, _, points = asked.rpartition("=")
        if not titles:
            raise RecipeError(f"--min {asked[:60]!r} is only for benchmarks, and this is a question set: leave it out")
        if not _NUMBER.fullmatch(points) or not any(_is_meant(name, title) for title in titles):
            known = titles[0].partition(":")[0]
            raise RecipeError(f"--min {asked[:60]!r} cannot be checked; write it as --min {known}=68.5")
        found.append((name, points))
    return found


def _is_meant(name: str, title: str) -> bool:
    return name in ("", title, title.partition(":")[0])


def name_of(one: BenchmarkScores) -> str:
    """ "mathvision:testmini", with what is missing: "mathvista, 50 rows missing"."""
    name = f"{one.benchmark}:{one.variant}"
    name += f", {one.expected:,} of {one.subset:,}" if one.expected != one.subset else ""
    return name if one.complete else f"{name}, {one.missing:,} missing"


def _details(one: BenchmarkScores, by: str | None, again: str) -> list[Table | str]:
    parts: list[Table | str] = [_shares_line(one)]
    parts += _warnings(one, again)
    for reading, found in one.further.items():
        parts.append(f"{one.run}, {reading}: " + ", ".join(f"{name} {percent(value)}" for name, value in found.items()))
    if one.agreement:
        parts.append(_agreement_table(one))
    if by:
        parts.append(_group_table(one, by))
    return parts


def _shares_line(one: BenchmarkScores) -> str:
    told = ", ".join(f"{name.replace('_', ' ')} {percent(share)}" for name, share in one.shares.items())
    return f"{one.run}: {told}"


def _warnings(one: BenchmarkScores, again: str) -> list[Table | str]:
    lines = []
    if not one.complete:
        lines.append(
            f"{one.run} is incomplete: {one.missing:,} of {one.expected:,} questions have no reply, so it has no "
            f"{one.headline}; the numbers cover only the rows that are there"
        )
    if one.doubled or one.unknown:
        lines.append(f"{one.run}: {one.doubled:,} rows are duplicates and {one.unknown:,} unknown; none of them counts")
    if one.undecided:
        lines.append(f"{one.run}: the official rule leaves {one.undecided:,} answers open, and counts them wrong")
    if one.unjudged:
        lines.append(
            f"{one.run}: {one.unjudged:,} requests to the judge failed, and count as wrong; run it again to retry them"
        )
    if one.known_bad:
        lines.append(f"{one.run}: {one.known_bad:,} answers are to questions whose gold is known to be bad")
    if one.whole:
        line = f"{one.run}: {percent(one.shares['truncated'])} of the answers were cut off; without them {one.whole}"
        lines.append(line + (f"; for more tokens, add to the command: {again}" if again else ""))
    return list(lines)


def _agreement_table(one: BenchmarkScores) -> Table:
    rows = [
        (f"{pair.one} and {pair.other}", percent(pair.share), pair.both, pair.only_one, pair.only_other, pair.neither)
        for pair in one.agreement
    ]
    titles = ("agree", "both right", "only the first", "only the second", "both wrong")
    return Table([*texts(one.run), *numbers(*titles)], rows)


def _group_table(one: BenchmarkScores, by: str) -> Table:
    there = [name for name in NAMES if name in one.readings]
    rows = [
        (value, found["ours"].answers, str(found["ours"]), *(percent(found[name].accuracy) for name in there[1:]))
        for value, found in one.groups.get(by, {}).items()
    ]
    return Table([*names(f"{one.run}, by {by}"), *numbers("answers", "ours", *_titles([one], there))], rows)
