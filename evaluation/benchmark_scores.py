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
from ovt.core.section import Section
from ovt.core.statistics import share_interval
from ovt.evaluation.benchmark import Benchmark, Item
from ovt.evaluation.readings import NAMES, SHARES, by_group
from ovt.evaluation.scores import Accuracy, mean

WARN_TRUNCATED = 0.02
MOST_VALUES, FEW_VALUES = 60, 12  # of a group: more are not a group; few are in the order of their names
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
    doubled, unknown   rows of the file that count in nothing
    readings        by name, those that there are; `official` leaves its guesses out
    luck            share of all answers that they would add; guessed: answers that they would be made for
    undecided       answers that the official rule leaves to a model
    shares          of all answers: truncated, refused, unreadable, failed, hedged, in_thinking
    whole           ours, over the answers that were not cut off, where more than 2% were
    groups          group → value → reading → accuracy
    further         reading → name → share, such as fAcc
    judge           the name of the judge's reading
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


def accuracy(frame: pl.DataFrame, reading: str) -> Accuracy:
    """A reading's accuracy. What a reading leaves open is not right."""
    right = frame.select("cluster", "question_id", right=pl.col(reading).fill_null(False))
    share = share_interval(right)
    count = right["question_id"].n_unique()
    value = share.value if len(right) else 0.0
    return Accuracy(questions=count, answers=len(right), accuracy=value, low=share.low, high=share.high)


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
    """The runs of a file, or one evaluation, as tables. by: a group to show; again: how to ask with more tokens."""
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
    shown = [_percent(one.readings[name].accuracy) if name in one.readings else "" for name in there[1:]]
    luck = f"+{100 * one.luck:.1f}" if one.guessed else ""
    span = f"{_percent(ours.low)} to {_percent(ours.high)}"
    return [one.run, name_of(one), one.rows, _percent(ours.accuracy), span, *shown, luck]


def require(scores: Sequence[BenchmarkScores], least: Iterable[str]) -> None:
    """GateFailed if a run's accuracy (ours) is below what `least` asks of its benchmark: "mathvista=68", or "68".

    An incomplete run has no score, and so is below any. RecipeError for what is no number, or names no benchmark.
    """
    failed = []
    for asked in least:
        name, _, points = asked.rpartition("=")
        meant = [one for one in scores if name in ("", one.benchmark, f"{one.benchmark}:{one.variant}")]
        if not _NUMBER.fullmatch(points) or not meant:
            known = ", ".join(dict.fromkeys(one.benchmark for one in scores))
            raise RecipeError(f"--min {asked[:60]!r} cannot be checked; write it as --min {known}=68.5")
        failed += [
            f"{one.run} has {_percent(one.readings['ours'].accuracy)} on {name_of(one)}, expected at least {points}%"
            for one in meant
            if not one.complete or 100 * one.readings["ours"].accuracy < float(points)
        ]
    if failed:
        raise GateFailed("; ".join(failed))


def name_of(one: BenchmarkScores) -> str:
    """ "mathvision:testmini", with what is missing: "mathvista, 50 rows missing"."""
    name = f"{one.benchmark}:{one.variant}"
    name += f", {one.expected:,} of {one.subset:,}" if one.expected != one.subset else ""
    return name if one.complete else f"{name}, {one.missing:,} missing"


def _details(one: BenchmarkScores, by: str | None, again: str) -> list[Table | str]:
    parts: list[Table | str] = [_shares_line(one)]
    parts += _warnings(one, again)
    for reading, found in one.further.items():
        parts.append(
            f"{one.run}, {reading}: " + ", ".join(f"{name} {_percent(value)}" for name, value in found.items())
        )
    if one.agreement:
        parts.append(_agreement_table(one))
    if by:
        parts.append(_group_table(one, by))
    return parts


def _shares_line(one: BenchmarkScores) -> str:
    told = ", ".join(f"{name.replace('_', ' ')} {_percent(share)}" for name, share in one.shares.items())
    return f"{one.run}: {told}"


def _warnings(one: BenchmarkScores, again: str) -> list[Table | str]:
    lines = []
    if not one.complete:
        lines.append(
            f"{one.run} is not complete: {one.missing:,} of {one.expected:,} questions have no reply, so it has no "
            f"{one.headline}; the numbers are those of the rows that are there"
        )
    if one.doubled or one.unknown:
        lines.append(f"{one.run}: {one.doubled:,} rows are doubled and {one.unknown:,} unknown; none of them counts")
    if one.undecided:
        lines.append(f"{one.run}: the official rule leaves {one.undecided:,} answers to a judge, and counts them wrong")
    if one.known_bad:
        lines.append(f"{one.run}: {one.known_bad:,} answers are to questions whose gold is known to be bad")
    if one.whole:
        line = f"{one.run}: {_percent(one.shares['truncated'])} of the answers were cut off; without them {one.whole}"
        lines.append(line + (f"; ask again with more tokens: {again}" if again else ""))
    return list(lines)


def _agreement_table(one: BenchmarkScores) -> Table:
    rows = [
        (f"{pair.one} and {pair.other}", _percent(pair.share), pair.both, pair.only_one, pair.only_other, pair.neither)
        for pair in one.agreement
    ]
    titles = ("agree", "both right", "only the first", "only the second", "both wrong")
    return Table([*texts(one.run), *numbers(*titles)], rows)


def _group_table(one: BenchmarkScores, by: str) -> Table:
    there = [name for name in NAMES if name in one.readings]
    rows = [
        (value, found["ours"].answers, str(found["ours"]), *(_percent(found[name].accuracy) for name in there[1:]))
        for value, found in one.groups.get(by, {}).items()
    ]
    return Table([*names(f"{one.run}, by {by}"), *numbers("answers", "ours", *_titles([one], there))], rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
