"""Differences between two versions, with their 95% intervals.

Every figure here is a ratio of sums over questions: words per response, cues per 1,000 words, the share of a source.
Its difference between the versions is linearised (the delta method for a ratio, as survey statistics does it for
cluster samples): a question u moves it by

    d(u) = (x_b(u) - B y_b(u)) / Σ y_b  -  (x_a(u) - A y_a(u)) / Σ y_a

so its variance is n/(n-1) Σ d(u)². A question that both versions hold enters once, with both its terms: the comparison
is paired as far as the versions overlap, and a version against itself has no variance. A question's rows and samples
stand or fall together. Below some thirty questions the interval is too narrow.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

Z = 1.959964  # of the normal distribution, for 95%
T9 = 2.262157  # of Student's t with 9 degrees of freedom, for 95%


@dataclass(frozen=True)
class Estimate:
    """A figure in both versions, and the difference with its interval; None where a version has nothing to measure."""

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
        """ "up" or "down" where the interval leaves out zero, else "same"; "unknown" without an interval."""
        if self.low is None or self.high is None:
            return "unknown"
        return "up" if self.low > 0 else "down" if self.high < 0 else "same"

    def as_dict(self) -> dict:
        """Plain data for JSON; ten digits, as the last ones depend on the order in which threads add up."""
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
    """The sum of a term over the questions; null where it was measured nowhere, as money of replies without a price."""
    term = _term(ratio, name)
    return pl.when(term.count() > 0).then(term.sum())


def _variance(ratio: Ratio, sums: Sequence[float]) -> pl.Expr:
    """Of the difference, before `scale`."""
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
    return Estimate(*named, *interval(b - a, abs(ratio.scale) * math.sqrt(max(variance, 0.0))))


def interval(change: float, error: float, width: float = Z) -> tuple[float, float, float]:
    """(change, low, high) for a standard error; a rounding error of the sums is no change."""
    if abs(change) < 1e-9 and error < 1e-9:
        return 0.0, 0.0, 0.0
    return change, change - width * error, change + width * error


def paired_blocks(group: str, name: str, unit: str, a: list[float], b: list[float]) -> Estimate:
    """A figure measured on ten pairs of blocks of the two versions: the means, and Student's t on the differences."""
    differences = [right - left for left, right in zip(a, b, strict=True)]
    count = len(differences)
    mean = math.fsum(differences) / count
    error = math.sqrt(math.fsum((one - mean) ** 2 for one in differences) / (count - 1) / count)
    return Estimate(group, name, unit, math.fsum(a) / count, math.fsum(b) / count, *interval(mean, error, T9))


def quantile_influence(words: pl.Series, share: float) -> tuple[float, float] | None:
    """(the quantile, the width of a step) of whole numbers; None of none.

    A quantile moves by step / n for each row that crosses it: step is 1 / the density there, taken from the distance
    between the quantiles that Woodruff's interval ends at, and at least one word per two standard errors.
    """
    count = len(words)
    if not count:
        return None
    half = max(Z * math.sqrt(share * (1 - share) / count), 1 / count)
    low, middle, high = (
        float(words.quantile(min(max(at, 0.0), 1.0), "nearest") or 0) for at in (share - half, share, share + half)
    )
    return middle, max(high - low, 1.0) / (2 * half)
