"""95% intervals, for shares of answers and for differences between two versions; and histograms.

**Shares of answers.** Answers about the same image are correlated, so they are not independent:

    p      the share of n answers that are right
    V      Σ over images of (right answers − p · answers)², over n²: the cluster-robust (sandwich) variance of p
    n_eff  p (1 − p) / V: the number of independent answers that would give the same uncertainty; never more than n
    t      Student's 97.5% point with (images − 1) degrees of freedom

The interval is Wilson's at n_eff, with t in place of 1.96, so it stays within 0 and 1 and is usable for few answers
and for p = 0 or 1 (where V is uninformative: n_eff is the number of images). With one answer per image it is Wilson's.

**Differences between two versions.** Every figure is a ratio of sums over questions: words per response, cues per 1,000
words, the share of a source. Its difference between the versions is linearised (the delta method for a ratio, as in
survey statistics for cluster samples): a question u moves it by

    d(u) = (x_b(u) - B y_b(u)) / Σ y_b  -  (x_a(u) - A y_a(u)) / Σ y_a

so its variance is n/(n-1) Σ d(u)². A question in both versions enters once, with both its terms: the comparison
is paired where the versions overlap, and a version against itself has zero variance. A question's rows and samples
are kept or dropped together. Below about thirty questions the interval is too narrow.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

Z = 1.959963984540054  # the 97.5% point of the normal distribution
T9 = 2.262157  # the same point of Student's t with 9 degrees of freedom


class Interval(NamedTuple):
    """An estimate with its 95% bounds."""

    value: float
    low: float
    high: float


def around(value: float, error: float, width: float = Z) -> Interval:
    """`value` ± `width` standard errors; rounding errors of the sums do not count as a difference."""
    if abs(value) < 1e-9 and error < 1e-9:
        return Interval(0.0, 0.0, 0.0)
    return Interval(value, value - width * error, value + width * error)


def share_interval(scored: pl.DataFrame) -> Interval:
    """The share of correct answers: `scored` has a row per answer, with `right` (bool) and `cluster` (any key).

    Without answers: NaN between 0 and 1. With a single cluster, the interval is all of 0 to 1.
    """
    n = len(scored)
    if not n:
        return Interval(math.nan, 0.0, 1.0)
    clusters = scored.group_by("cluster", maintain_order=True).agg(pl.col("right").sum(), answers=pl.len())
    p, images = int(scored["right"].sum()) / n, len(clusters)
    if images == 1:
        return Interval(p, 0.0, 1.0)
    spread = clusters.select(((pl.col("right") - p * pl.col("answers")) ** 2).sum()).item()
    effective = min(float(n), p * (1 - p) * n * n / spread) if spread > 0 else float(images if p in (0, 1) else n)
    return wilson(p, effective, student(images - 1))


def wilson(p: float, n: float, t: float) -> Interval:
    """Wilson's score interval of a share `p` of `n` answers, at `t` standard errors."""
    scale = 1 + t * t / n
    centre = (p + t * t / (2 * n)) / scale
    half = t / scale * math.sqrt(p * (1 - p) / n + t * t / (4 * n * n))
    return Interval(p, min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half)))


def mean_interval(measured: pl.DataFrame) -> Interval:
    """The mean of `value`, between ±t cluster-robust standard errors: for differences of shares, from -1 to 1.

    `measured` has a row per question, at least one, with `value` (float) and `cluster`. With a single cluster, the
    interval is all of -1 to 1.
    """
    n = len(measured)
    clusters = measured.group_by("cluster", maintain_order=True).agg(total=pl.col("value").sum(), rows=pl.len())
    mean, images = math.fsum(measured["value"]) / n, len(clusters)
    if images == 1:
        return Interval(mean, -1.0, 1.0)
    spread = clusters.select(((pl.col("total") - mean * pl.col("rows")) ** 2).sum()).item()
    _, low, high = around(mean, math.sqrt(spread * images / (images - 1)) / n, student(images - 1))
    return Interval(mean, max(-1.0, low), min(1.0, high))


def mcnemar(better: int, worse: int) -> float:
    """The two-sided exact p of McNemar's test: the chance of flips this lopsided or more if both ways are as likely."""
    flips, fewer = better + worse, min(better, worse)
    if not flips:
        return 1.0
    tail, term = 0, 1
    for count in range(fewer + 1):  # term: flips over count, each from the one before
        tail, term = tail + term, term * (flips - count) // (count + 1)
    return min(1.0, 2 * tail / 2**flips)


def student(degrees: int) -> float:
    """The 97.5% point of Student's t: exact for 1 and 2 degrees, Cornish and Fisher's series above (within 0.5%)."""
    if degrees == 1:
        return math.tan(math.pi * 0.475)
    if degrees == 2:
        return 4.302652729911275
    z, v = Z, float(degrees)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / v ** (i + 1) for i, term in enumerate(terms))


@dataclass(frozen=True)
class Estimate:
    """A figure in both versions, and the difference with its interval; None if a version has nothing to measure."""

    group: str
    name: str
    unit: str
    a: float | None
    b: float | None
    change: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def direction(self) -> str:
        """ "up" or "down" if the interval excludes zero, else "same"; "unknown" without an interval."""
        if self.low is None or self.high is None:
            return "unknown"
        return "up" if self.low > 0 else "down" if self.high < 0 else "same"

    def as_dict(self) -> dict:
        """Plain data for JSON; ten digits, since further ones depend on the order in which threads add."""
        told = {
            name: float(f"{value:.10g}") if isinstance(value, float) else value for name, value in vars(self).items()
        }
        return told | {"direction": self.direction}


@dataclass(frozen=True)
class Ratio:
    """A figure to estimate: Σ x / Σ y × scale over a table of questions, in each version."""

    group: str
    name: str
    unit: str
    x_a: pl.Expr
    y_a: pl.Expr
    x_b: pl.Expr
    y_b: pl.Expr
    scale: float = 1.0


SUMS = ("x_a", "y_a", "x_b", "y_b")


def estimate(table: pl.DataFrame, ratios: list[Ratio]) -> list[Estimate]:
    """The estimates of `ratios`, in order, over a table with one row per question of either version."""
    if not ratios:
        return []
    places = [(number, name) for number in range(len(ratios)) for name in SUMS]
    summed = table.select(_total(ratios[number], name).alias(f"{number} {name}") for number, name in places)
    found = summed.row(0, named=True)
    totals = [tuple(found[f"{number} {name}"] for name in SUMS) for number in range(len(ratios))]
    known = [number for number, sums in enumerate(totals) if all(sums[1::2]) and None not in sums]
    spread = table.select(_variance(ratios[number], totals[number]).alias(str(number)) for number in known)
    variances = spread.row(0, named=True) if known else {}
    return [_estimate(ratio, totals[number], variances.get(str(number))) for number, ratio in enumerate(ratios)]


def _term(ratio: Ratio, name: str) -> pl.Expr:
    return getattr(ratio, name).cast(pl.Float64)


def _total(ratio: Ratio, name: str) -> pl.Expr:
    """The sum of a term over the questions; null if it was never measured, such as cost without a price."""
    term = _term(ratio, name)
    return pl.when(term.count() > 0).then(term.sum())


def _variance(ratio: Ratio, sums: Sequence[float]) -> pl.Expr:
    """The variance of the difference, before `scale`."""
    x_a, y_a, x_b, y_b = (_term(ratio, name).fill_null(0.0) for name in SUMS)
    of_a = (x_a - y_a * (sums[0] / sums[1])) / sums[1]
    of_b = (x_b - y_b * (sums[2] / sums[3])) / sums[3]
    questions = ((y_a != 0) | (y_b != 0)).sum()
    return ((of_b - of_a) ** 2).sum() * questions / (questions - 1).clip(1)


def _estimate(ratio: Ratio, sums: Sequence[float | None], variance: float | None) -> Estimate:
    a, b = (None if x is None or not y else ratio.scale * x / y for x, y in (sums[:2], sums[2:]))
    named = (ratio.group, ratio.name, ratio.unit, a, b)
    if a is None or b is None or variance is None:
        return Estimate(*named)
    return Estimate(*named, *around(b - a, abs(ratio.scale) * math.sqrt(max(variance, 0.0))))


def paired_blocks(group: str, name: str, unit: str, a: list[float], b: list[float]) -> Estimate:
    """A figure measured on ten pairs of blocks of the two versions: the means, and Student's t on the differences."""
    differences = [right - left for left, right in zip(a, b, strict=True)]
    count = len(differences)
    mean = math.fsum(differences) / count
    error = math.sqrt(math.fsum((one - mean) ** 2 for one in differences) / (count - 1) / count)
    return Estimate(group, name, unit, math.fsum(a) / count, math.fsum(b) / count, *around(mean, error, T9))


def quantile(counts: pl.Series, share: float) -> float:
    """A quantile of numbers, 0 if there are none: for 0.5 the usual median (half-way between two), else one of them."""
    return float(counts.quantile(share, "midpoint" if share == 0.5 else "nearest") or 0)


def quantile_influence(words: pl.Series, share: float) -> tuple[float, float] | None:
    """(the quantile, the width of a step) of whole numbers; None if there are none.

    A quantile moves by step / n for each row that crosses it: step is 1 / the density there, taken from the distance
    between the quantiles at the ends of Woodruff's interval, and at least one word per two standard errors.
    """
    count = len(words)
    if not count:
        return None
    half = max(Z * math.sqrt(share * (1 - share) / count), 1 / count)
    low, middle, high = (quantile(words, min(max(at, 0.0), 1.0)) for at in (share - half, share, share + half))
    return middle, max(high - low, 1.0) / (2 * half)


def histogram(counts: Mapping[str, pl.Series], width: int, last: int, low: int = 0) -> list[dict[str, Any]]:
    """`from`, `to` (both inclusive) and the rows of each series by name, in bins from `low` to the bin of `last`,
    which also holds anything longer; whole numbers only."""
    bins = {name: ((one - low) // width).clip(0, last).value_counts() for name, one in counts.items()}
    found = {name: dict(rows.iter_rows()) for name, rows in bins.items()}
    return [
        {"from": low + number * width, "to": low + (number + 1) * width - 1}
        | {name: rows.get(number, 0) for name, rows in found.items()}
        for number in range(last + 1)
    ]


def round_up(width: float) -> int:
    """1, 2, 5, 10, 20, …"""
    return next(step * 10**power for power in itertools.count() for step in (1, 2, 5) if step * 10**power >= width)
