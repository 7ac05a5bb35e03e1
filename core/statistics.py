"""95% intervals of shares of answers that are not independent of each other: answers about one image go together.

    p      the share of n answers that are right
    V      Σ over images of (right answers − p · answers)², over n²: the cluster-robust (sandwich) variance of p
    n_eff  p (1 − p) / V: the number of independent answers that would leave p as uncertain; never more than n
    t      Student's 97.5% point with (images − 1) degrees of freedom

The interval is Wilson's at n_eff, with t in the place of 1.96, so it stays within 0 and 1 and is of use for few answers
and for p = 0 or 1 (where V says nothing, and n_eff is the number of images). With one answer per image it is Wilson's.
"""

import math
from typing import NamedTuple

import polars as pl

Z = 1.959963984540054  # the 97.5% point of the normal distribution


class Interval(NamedTuple):
    """An estimate with its 95% bounds."""

    value: float
    low: float
    high: float


def share_interval(scored: pl.DataFrame) -> Interval:
    """The share of right answers: `scored` has a row per answer, with `right` (bool) and `cluster` (any key).

    Without answers nothing is known: NaN between 0 and 1. One cluster alone leaves all between 0 and 1 open.
    """
    n = len(scored)
    if not n:
        return Interval(math.nan, 0.0, 1.0)
    clusters = scored.group_by("cluster").agg(pl.col("right").sum().alias("right"), pl.len().alias("answers"))
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

    `measured` has a row per question, at least one, with `value` (float) and `cluster`. One cluster alone leaves all
    between -1 and 1 open.
    """
    n = len(measured)
    clusters = measured.group_by("cluster").agg(pl.col("value").sum().alias("total"), pl.len().alias("rows"))
    mean, images = math.fsum(measured["value"]) / n, len(clusters)
    if images == 1:
        return Interval(mean, -1.0, 1.0)
    spread = clusters.select(((pl.col("total") - mean * pl.col("rows")) ** 2).sum()).item()
    half = student(images - 1) * math.sqrt(spread * images / (images - 1)) / n
    return Interval(mean, max(-1.0, mean - half), min(1.0, mean + half))


def student(degrees: int) -> float:
    """The 97.5% point of Student's t: exact for 1 and 2 degrees, by Cornish and Fisher's series above (within 0.5%)."""
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
