"""Evaluations compared, question by question; and how many questions show a gain.

Two models that answer the same questions differ on few of them, so their difference is known far better than either
accuracy: its interval is clustered by figure or problem (`core/statistics.py`), and McNemar's exact test asks how
likely flips as lopsided as these are, if both were equally good.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.core.records import MadeOf
from ovt.core.report import Report, Table, names, numbers, texts
from ovt.core.statistics import mcnemar
from ovt.evaluation.results import (
    Evaluation,
    evaluation_table,
    headline,
    open_evaluation,
    read_answers,
    read_readings,
)
from ovt.evaluation.scores import difference, mean, paired, percent, points

FLIPS = 10  # shown of each comparison
GAINS = (0.01, 0.02, 0.03, 0.05)
FOUND = 7.849  # (1.960 + 0.842)²: significant at 5%, found in four of five trials
_SAME = ("model", "revision")  # what evaluations differ in on purpose


def compare(evaluations: Sequence[str], home: Home, reading: str = "ours") -> Report:
    """Evaluations beside the first of them, paired by question. data: each, with `against_first` (value, low, high).

    reading: of benchmarks; a question set has one. OvtError if they share no question; RecipeError without any.
    """
    if not evaluations:
        raise RecipeError("there is nothing to compare: give the names of two evaluations or more")
    done = [open_evaluation(name, home) for name in evaluations]
    first = answers_of(done[0], home, reading)
    others = [answers_of(one, home, reading) for one in done]
    gains = [difference(other, first) for other in others]
    rows = [
        one.model_dump(mode="json") | {"against_first": gain._asdict()} for one, gain in zip(done, gains, strict=True)
    ]
    against = {f"against {evaluations[0]}": ["", *map(points, gains[1:])]}
    parts: list[Table | str] = [evaluation_table(done, against)]
    if len({one.asked.questions_hash for one in done}) > 1:
        parts.append("Not all were asked the same questions: each is compared on those that it and the first answered.")
    for one, other, row in zip(done[1:], others[1:], rows[1:], strict=True):
        flips = _flips(first, other)
        row["flips"] = _counted(flips)
        parts += _told(done[0], one, flips)
    return Report(", ".join(evaluations), rows, parts)


def answers_of(one: Evaluation, home: Home, reading: str) -> pl.DataFrame:
    """ANSWERS of an evaluation; of a benchmark, with `right` as the reading has it."""
    if one.benchmark is None:
        return read_answers(one.name, home)
    if reading not in one.benchmark.readings:
        raise RecipeError(f"{one.name} has no reading {reading[:40]!r}; it has {', '.join(one.benchmark.readings)}")
    return read_readings(one.name, home).with_columns(right=pl.col(reading).fill_null(False))


def _flips(first: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """question_id and value: how much better `other` is on each question that they answer differently."""
    keys = other.group_by("question_id", maintain_order=True).agg(pl.col("right").mean())
    both = keys.join(
        first.group_by("question_id").agg(was=pl.col("right").mean()), on="question_id", maintain_order="left"
    )
    return both.with_columns(value=pl.col("right") - pl.col("was")).filter(pl.col("value") != 0)


def _counted(flips: pl.DataFrame) -> dict[str, Any]:
    better, worse = (flips.filter(pl.col("value") * sign > 0).height for sign in (1, -1))
    whole = flips["value"].abs().eq(1).all()  # with several answers each, a question is not just right or wrong
    return {"better": better, "worse": worse, "mcnemar": mcnemar(better, worse) if whole else None}


def _told(first: Evaluation, one: Evaluation, flips: pl.DataFrame) -> list[Table | str]:
    counted = _counted(flips)
    chance = counted["mcnemar"]
    line = f"{one.name}: {counted['better']:,} questions better and {counted['worse']:,} worse than {first.name}"
    line += "" if chance is None else f" (McNemar's exact p = {chance:.2g})"
    parts: list[Table | str] = [line, *_differences(first, one)]
    if flips.height:
        shown = [
            ("better" if value > 0 else "worse", key) for key, value in flips.select("question_id", "value").rows()
        ]
        picked = [row for way in ("worse", "better") for row in [one for one in shown if one[0] == way][: FLIPS // 2]]
        rows = [(way, key, f"ovt eval why {one.name} {key}") for way, key in picked]
        parts.append(Table([*names("flip", "question"), *texts("to look at it")], rows))
    return parts


def _differences(first: Evaluation, one: Evaluation) -> list[str]:
    """What else differs, and so may explain the gain."""
    was, now = ({key: value for key, value in one.asked.model_dump(mode="json").items() if key not in _SAME}
                for one in (first, one))  # fmt: skip
    found = [str(difference) for difference in MadeOf("", now).differences(was, aside=("questions_hash",))]
    return [f"{one.name} was also asked differently: {'; '.join(found)}"] if found else []


def power(evaluations: Sequence[str], home: Home, gain: float, flips: float | None = None) -> Report:
    """How many questions it takes to show a gain: at 5%, in four of five trials.

    flips: the share of questions that two models answer differently; else that of two evaluations of the same
    questions, which also say how much their clusters widen the interval; else 20%.
    """
    widened, count = 1.0, None
    if len(evaluations) == 2:
        one, other = (answers_of(open_evaluation(name, home), home, "ours") for name in evaluations)
        pairs = paired(other, one)
        if pairs.is_empty():
            raise OvtError("the evaluations share no question: compare evaluations of the same question set")
        spread = mean((pairs["value"] - mean(pairs["value"])) ** 2)
        found = difference(other, one)
        half, plain = (found.high - found.low) / 2, 1.96 * math.sqrt(max(spread, 1e-12) / len(pairs))
        flips, widened, count = flips or mean(pairs["value"] != 0), max(1.0, half / plain), len(pairs)
    elif evaluations:
        raise RecipeError("give two evaluations of the same questions, or none: their flips say how many are needed")
    share = 0.2 if flips is None else flips
    sizes = sorted({*GAINS, gain})
    rows = [{"gain": size, "questions": needed(size, share, widened)} for size in sizes if size <= share]
    parts: list[Table | str] = [
        f"{percent(share)} of the questions flip"
        + (f", measured on {count:,}; clusters widen intervals {widened:.2f} times" if count else ", as assumed"),
        *_needed_shown(rows),
    ]
    if beyond := [f"{100 * size:g}" for size in sizes if size > share]:
        parts.append(f"A gain cannot be larger than the share that flips: {', '.join(beyond)} points are out of reach.")
    return Report("power", {"flips": share, "widened": widened, "needed": rows}, parts)


def _needed_shown(rows: Sequence[Mapping[str, Any]]) -> list[Table | str]:
    if not rows:
        return []
    told = [(f"{100 * row['gain']:g} points", row["questions"]) for row in rows]
    return [
        Table([*texts("a gain of"), *numbers("questions needed")], told),
        "Needed: McNemar's test is significant at 5% in four of five trials.",
    ]


def needed(gain: float, flips: float, widened: float = 1.0) -> int:
    """Questions at which a gain is found in four of five trials, where two models differ on a share `flips` of them."""
    return math.ceil(FOUND * max(flips - gain * gain, 0.0) / (gain * gain) * widened * widened)


def vision_report(done: Mapping[str, Evaluation], home: Home) -> Report:
    """Evaluations of the same questions by their pictures' mode, against the real ones: accuracy, and what changes."""
    real = done["real"]
    first = read_readings(real.name, home)
    rows, data = [], []
    for mode, one in done.items():
        other = read_readings(one.name, home)
        gain = difference(other.with_columns(right="ours"), first.with_columns(right="ours"))
        both = first.join(other, on="sample_id", suffix="_other", maintain_order="left")
        changed = mean(both["answer"].fill_null("") != both["answer_other"].fill_null(""))
        data.append({"images": mode, "name": one.name, "changed": changed, "against_real": gain._asdict()})
        against = ("", "") if mode == "real" else (points(gain), percent(changed))
        rows.append((mode, percent(headline(one).accuracy), *against))
    columns = [*names("pictures"), *numbers("ours", "against real", "answers that change")]
    return Report(f"Does {real.asked.model} look?", data, [Table(columns, rows)])
