"""The intervals: against textbook formulas, against the bootstrap, and where there is nothing to measure."""

import math

import numpy as np
import polars as pl
import pytest

from ovt.core.estimates import Ratio, estimate, paired_blocks, quantile_influence

MEAN = Ratio("words", "mean", "words", pl.col("x_a"), pl.col("y_a"), pl.col("x_b"), pl.col("y_b"))


def table(a, b) -> pl.DataFrame:
    """One row per question with its value in each version; None where it is not there."""
    there = [[None if value is None else 1 for value in side] for side in (a, b)]
    columns = {"x_a": a, "y_a": there[0], "x_b": b, "y_b": there[1]}
    return pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.Float64))


def half(one) -> float:
    assert one.low is not None
    return (one.high - one.low) / 2


def test_versions_that_share_nothing_compare_as_two_samples():
    rng = np.random.default_rng(0)
    a, b = rng.normal(50, 9, 300), rng.normal(55, 12, 200)
    one = estimate(table([*a, *[None] * 200], [*[None] * 300, *b]), [MEAN])[0]
    assert one.change == pytest.approx(b.mean() - a.mean())
    assert half(one) == pytest.approx(1.96 * math.sqrt(a.var() / 300 + b.var() / 200), rel=0.01)
    assert one.direction == "up"


def test_versions_of_the_same_questions_compare_in_pairs():
    rng = np.random.default_rng(1)
    a = rng.normal(50, 20, 400)
    b = a + rng.normal(0.5, 1, 400)
    one = estimate(table(a, b), [MEAN])[0]
    assert half(one) == pytest.approx(1.96 * (b - a).std(ddof=1) / 20, rel=0.01)
    assert one.direction == "up"  # which two samples with a deviation of 20 could never tell


def test_partly_shared_versions_agree_with_the_bootstrap():
    rng = np.random.default_rng(2)
    values = rng.gamma(4, 10, 300)
    in_a, in_b = rng.random(300) < 0.8, rng.random(300) < 0.7
    a = [value if there else None for value, there in zip(values, in_a, strict=True)]
    b = [value + 3 if there else None for value, there in zip(values, in_b, strict=True)]
    one = estimate(table(a, b), [MEAN])[0]
    x_a, x_b = (np.array([value or 0.0 for value in side]) for side in (a, b))
    changes = []
    for _ in range(2000):
        pick = rng.integers(0, 300, 300)
        changes.append(x_b[pick].sum() / in_b[pick].sum() - x_a[pick].sum() / in_a[pick].sum())
    assert half(one) == pytest.approx(1.96 * np.std(changes), rel=0.1)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        a = rng.gamma(4, 10, 80)
        b = np.where(rng.random(80) < 0.6, a, rng.gamma(4, 10, 80))
        one = estimate(table(a, b), [MEAN])[0]
        held += one.direction == "same"
    assert 180 <= held <= 199


@pytest.mark.parametrize(
    ("a", "b"), [([], []), ([1.0], [None]), ([None], [1.0]), ([None, None], [None, None])], ids=str
)
def test_nothing_to_measure(a, b):
    one = estimate(table(a, b), [MEAN])[0]
    assert (one.change, one.low, one.high, one.direction) == (None, None, None, "unknown")
    assert None in (one.a, one.b)


def test_what_was_measured_nowhere_is_unknown_and_not_zero():
    frame = table([1.0, 2.0], [1.0, 2.0]).with_columns(x_a=pl.lit(None, pl.Float64))
    one = estimate(frame, [MEAN])[0]
    assert (one.a, one.b, one.direction) == (None, 1.5, "unknown")


def test_paired_blocks():
    one = paired_blocks("texts", "distinct", "share", [0.5] * 10, [0.6, 0.7] * 5)
    assert (one.change, one.direction) == (pytest.approx(0.15), "up")
    assert half(one) == pytest.approx(2.262 * 0.0527 / math.sqrt(10), rel=0.01)


def test_a_quantile_moves_as_the_bootstrap_says():
    rng = np.random.default_rng(4)
    words = rng.gamma(4, 60, 3000).round()
    found = quantile_influence(pl.Series(words), 0.5)
    assert found is not None
    middle, step = found
    error = step * math.sqrt(0.25 / 3000)
    medians = [np.median(rng.choice(words, 3000)) for _ in range(400)]
    assert middle == np.median(words)
    assert error == pytest.approx(np.std(medians), rel=0.25)
