"""How the kept data drifted: difficulty, lengths, behaviours, sources, answers, cut-offs and cost, with intervals.

    group       name    unit             a      b      change  low    high   direction
    behaviours  visual  per 1,000 words  12.31  10.02  -2.29   -3.10  -1.48  down

The figures are those of the card (`versions/stats.py`); the intervals are of `estimates.py`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import polars as pl

from ovt.core.statistics import Estimate, Ratio, estimate, quantile_influence
from ovt.curate.reports.diff.tables import Tables, collect
from ovt.curate.stages.behaviours import COLUMNS as BEHAVIOURS
from ovt.curate.versions.stats import BUCKETS, round_up

NOT_KEPT = "none"
SAME_QUESTIONS = "pass rate, same questions"
MOST_VALUES = 12  # sources and kinds that get a line of their own; the others are one line
OTHERS = "(others)"
QUANTILES = {"median": 0.5, "95th percentile": 0.95}
BINS = 24
ANSWERED = pl.col("response_words").is_not_null()


def by_question(a: Tables, b: Tables) -> pl.DataFrame:
    """One row per question of either version: its counts and sums with suffix _a and _b, null where it is not."""
    sides = [
        _of_side(tables).select("question", pl.exclude("question").name.suffix(side))
        for tables, side in ((a, "_a"), (b, "_b"))
    ]
    return collect(sides[0].join(sides[1], on="question", how="full", coalesce=True))


def _of_side(tables: Tables) -> pl.LazyFrame:
    bounds = [(quantile_influence(words(tables), share) or (0, 0))[0] for share in QUANTILES.values()]
    rows = tables.rows.select("question", "source", "difficulty", "pass_rate", "response_words", *BEHAVIOURS)
    reached = {
        f"up to {name}": pl.col("response_words") <= bound for name, bound in zip(QUANTILES, bounds, strict=True)
    }
    counted = rows.with_columns(kept=pl.lit(1, pl.UInt32), sft=ANSWERED, **reached)
    if counted["question"].is_duplicated().any():
        summed = ("kept", "sft", "response_words", *BEHAVIOURS, *reached)
        counted = counted.group_by("question").agg(
            pl.col("source", "difficulty", "pass_rate").first(), pl.col(summed).sum()
        )
    return tables.questions.lazy().join(counted.lazy(), on="question", how="full", coalesce=True)


def words(tables: Tables) -> pl.Series:
    """The lengths of the responses."""
    return tables.rows["response_words"].drop_nulls()


def drift(table: pl.DataFrame, a: Tables, b: Tables) -> list[Estimate]:
    """All figures that need no text; `table` is that of `by_question`."""
    ratios = [*_difficulty(), *_length(), *_behaviours(), *_shares(), *_cost()]
    ratios += [*_mix(table, "sources", "source"), *_mix(table, "answers", "kind")]
    return [*estimate(table, ratios), *_quantiles(table, a, b)]


Term = Callable[[Callable[[str], pl.Expr]], pl.Expr]  # of the columns of one side, by their name without its suffix


def _ratio(group: str, name: str, unit: str, x: Term, y: Term, scale: float = 1.0) -> Ratio:
    x_a, y_a, x_b, y_b = (term(partial(_column, side)) for side in ("_a", "_b") for term in (x, y))
    return Ratio(group, name, unit, x_a, y_a, x_b, y_b, scale)


def _column(side: str, name: str) -> pl.Expr:
    return pl.col(name + side)


def _difficulty() -> Iterator[Ratio]:
    known = pl.col("kept_a").is_not_null() & pl.col("kept_b").is_not_null()
    rated = known & pl.col("pass_rate_a").is_not_null() & pl.col("pass_rate_b").is_not_null()
    yield _ratio(
        "difficulty",
        "pass rate",
        "share",
        lambda col: col("kept") * col("pass_rate"),
        lambda col: col("kept") * col("pass_rate").is_not_null(),
    )
    yield _ratio("difficulty", SAME_QUESTIONS, "share", lambda col: rated * col("pass_rate"), lambda _: rated)
    for bucket in BUCKETS:
        yield _share("difficulty", bucket, "difficulty", bucket)


def _share(group: str, name: str, column: str, value: str) -> Ratio:
    """The share of kept rows whose question has this value."""
    return _ratio(
        group, name, "share", lambda col: col("kept") * (col(column) == value).fill_null(False), lambda col: col("kept")
    )


def _length() -> Iterator[Ratio]:
    yield _ratio("words", "mean", "words", lambda col: col("response_words"), lambda col: col("sft"))


def _behaviours() -> Iterator[Ratio]:
    for name in BEHAVIOURS:
        yield _ratio(
            "behaviours",
            name.removeprefix("behaviour_"),
            "per 1,000 words",
            lambda col, name=name: col(name),
            lambda col: col("response_words"),
            1000.0,
        )


def _shares() -> Iterator[Ratio]:
    yield _ratio("replies", "cut off", "share", lambda col: col("cut"), lambda col: col("samples"))
    yield _ratio("replies", "failed", "share", lambda col: col("failed"), lambda col: col("samples"))
    yield _ratio("replies", "reflection cut", "share", lambda col: col("edited"), lambda col: col("sft"))


def _cost() -> Iterator[Ratio]:
    yield _ratio("cost", "tokens per row", "tokens", lambda col: col("tokens"), lambda col: col("kept"))
    yield _ratio("cost", "US$ per row", "US$", lambda col: col("cost"), lambda col: col("kept"))


def _mix(table: pl.DataFrame, group: str, column: str) -> list[Ratio]:
    """The shares of a column's most frequent values, and of all others together."""
    counted = pl.concat(
        table.select(value=f"{column}{side}", kept=pl.col(f"kept{side}") / pl.col(f"kept{side}").sum())
        for side in ("_a", "_b")
    )
    by_share = counted.drop_nulls().group_by("value").agg(pl.col("kept").sum().round(2))
    by_share = by_share.sort("kept", "value", descending=[True, False])
    values = by_share["value"].to_list()
    most = values if len(values) <= MOST_VALUES else values[: MOST_VALUES - 1]
    ratios = [_share(group, value, column, value) for value in most]
    if len(most) < len(values):
        ratios.append(
            _ratio(
                group,
                OTHERS,
                "share",
                lambda col: col("kept") * ~col(column).is_in(most),
                lambda col: col("kept") * col(column).is_not_null(),
            )
        )
    return ratios


def _quantiles(table: pl.DataFrame, a: Tables, b: Tables) -> list[Estimate]:
    """Median and 95th percentile: each row moves one by its step over n, up or down (see `quantile_influence`)."""
    found = []
    for name, share in QUANTILES.items():
        left, right = (quantile_influence(words(tables), share) for tables in (a, b))
        if left is None or right is None:
            ends = [one and one[0] for one in (left, right)]
            found.append(Estimate("words", name, "words", *ends))
            continue
        steps = {"_a": left[1], "_b": right[1]}
        crossed = [pl.col(f"up to {name}{side}") * -step for side, step in steps.items()]
        ratio = Ratio("words", name, "words", crossed[0], pl.col("sft_a"), crossed[1], pl.col("sft_b"))
        around = estimate(table, [ratio])[0]
        change, half = right[0] - left[0], ((around.high or 0.0) - (around.low or 0.0)) / 2
        found.append(replace(around, a=left[0], b=right[0], change=change, low=change - half, high=change + half))
    return found


def transitions(table: pl.DataFrame) -> dict:
    """How many questions went from each difficulty to each: `buckets` names rows (in a) and columns (in b) of
    `questions`; "none" is not kept."""
    buckets = [*BUCKETS, NOT_KEPT]
    sides = [pl.when(pl.col(f"kept{side}") > 0).then(f"difficulty{side}").fill_null(NOT_KEPT) for side in ("_a", "_b")]
    counted = table.group_by(sides[0].alias("a"), sides[1].alias("b")).len()
    counts = {(a, b): count for a, b, count in counted.iter_rows()}
    both = [(a, b) for a in BUCKETS for b in BUCKETS]
    order = {bucket: place for place, bucket in enumerate(BUCKETS)}
    return {
        "buckets": buckets,
        "questions": [[counts.get((a, b), 0) for b in buckets] for a in buckets],
        "easier": sum(counts.get((a, b), 0) for a, b in both if order[b] < order[a]),
        "harder": sum(counts.get((a, b), 0) for a, b in both if order[b] > order[a]),
    }


def histogram(a: Tables, b: Tables) -> list[dict]:
    """Lengths of the responses in equal bins for both versions; what is longer than nearly all is in the last bin."""
    sides = [words(tables) for tables in (a, b)]
    longest = max((float(side.quantile(0.995, "nearest") or 0) for side in sides if len(side)), default=0.0)
    if not longest:
        return []
    width = round_up((longest + 1) / BINS)
    last = int(longest // width)
    counts = [dict((side // width).clip(0, last).value_counts().iter_rows()) for side in sides]
    return [
        {
            "from": number * width,
            "to": (number + 1) * width - 1 if number < last else None,
            "a": counts[0].get(number, 0),
            "b": counts[1].get(number, 0),
        }
        for number in range(last + 1)
    ]
