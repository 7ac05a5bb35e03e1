"""Intervals hold the truth as often as they say, for independent and for clustered answers, few and many; those of
differences, against textbook formulas and against the bootstrap."""

import math
import random
import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.statistics import (
    Ratio,
    estimate,
    mcnemar,
    mean_interval,
    paired_blocks,
    quantile_influence,
    round_up,
    share_interval,
    student,
    wilson,
)


def scored(rights: list[list[bool]]) -> pl.DataFrame:
    """A row per answer; each inner list is a cluster."""
    rows = [(right, str(cluster)) for cluster, answers in enumerate(rights) for right in answers]
    return pl.DataFrame(rows, {"right": pl.Boolean, "cluster": pl.String}, orient="row")


def draw(rng: random.Random, clusters: int, size: int, p: float, alike: bool) -> list[list[bool]]:
    """Clusters of answers; alike: half of the answers of a cluster share a fate, so they are not independent."""
    found = []
    for _ in range(clusters):
        fate = rng.random() < p
        found.append([fate if alike and rng.random() < 0.5 else rng.random() < p for _ in range(size)])
    return found


@pytest.mark.parametrize(
    ("clusters", "size", "p", "alike"),
    [(200, 1, 0.5, False), (40, 1, 0.9, False), (15, 1, 0.5, False), (60, 5, 0.6, True), (25, 4, 0.3, True),
     (100, 3, 0.95, True), (12, 6, 0.5, True)],
)  # fmt: skip
def test_intervals_hold_the_truth(clusters, size, p, alike):
    rng, tries = random.Random(17), 300
    held = 0
    for _ in range(tries):
        interval = share_interval(scored(draw(rng, clusters, size, p, alike)))
        held += interval.low <= p <= interval.high
    assert held / tries >= 0.925  # 0.95 less two standard errors of 300 tries


def test_an_interval_that_ignores_clusters_does_not():
    """What the clustering is for: the plain Wilson interval of the same answers is far too narrow."""
    rng, tries, held = random.Random(17), 300, 0
    for _ in range(tries):
        rows = scored([[fate] * 6 for fate in (rng.random() < 0.5 for _ in range(30))])
        low, high = wilson(sum(rows["right"]) / len(rows), len(rows), 1.96)[1:]
        held += low <= 0.5 <= high
    assert held / tries < 0.75


def test_one_answer_per_image_is_wilsons_interval():
    rights = [True] * 300 + [False] * 100
    interval = share_interval(scored([[right] for right in rights]))
    assert interval == pytest.approx(wilson(0.75, 400, student(399)))
    assert interval.low == pytest.approx(0.705, abs=0.002)  # Wilson's bounds of 300 out of 400
    assert interval.high == pytest.approx(0.790, abs=0.002)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=12))
@settings(max_examples=80)
def test_bounds_stay_within_0_and_1_and_around_the_share(rights):
    interval = share_interval(scored(rights))
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    answers = [right for cluster in rights for right in cluster]
    assert interval.value == pytest.approx(sum(answers) / len(answers))
    assert interval.low < interval.high


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=3), min_size=2, max_size=8), st.randoms())
@settings(max_examples=40)
def test_the_order_of_answers_does_not_matter(rights, rng):
    rows = scored(rights)
    shuffled = rows.sample(fraction=1, shuffle=True, seed=rng.randrange(1000))
    assert share_interval(rows) == pytest.approx(share_interval(shuffled))


def test_steps_of_a_histogram_have_no_largest():
    assert [round_up(width) for width in (0.5, 3, 50, 6e9, 1e18)] == [1, 5, 50, 10**10, 10**18]


def test_extremes():
    assert share_interval(scored([])).low == 0
    assert share_interval(scored([[True, True, False]])) == (
        pytest.approx(2 / 3),
        0,
        1,
    )  # one image says nothing of others
    all_right = share_interval(scored([[True]] * 30))
    assert all_right.high == 1
    assert 0.85 < all_right.low < 0.93


def test_paired_differences():
    values = [[1.0, 1.0], [0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]] * 20
    rows = pl.DataFrame(
        [(value, str(at)) for at, cluster in enumerate(values) for value in cluster],
        {"value": pl.Float64, "cluster": pl.String},
        orient="row",
    )
    interval = mean_interval(rows)
    assert interval.value == pytest.approx(0.25)
    assert interval.low < 0.25 < interval.high
    assert interval.high - interval.value == pytest.approx(interval.value - interval.low)
    assert mean_interval(rows.head(1)) == (1, -1, 1)  # one image says nothing of others


@pytest.mark.parametrize(
    ("degrees", "point"), [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (30, 2.042), (1000, 1.962)]
)
def test_students_points(degrees, point):
    assert student(degrees) == pytest.approx(point, rel=0.005)


def test_mcnemars_exact_p_is_quick_for_many_flips():
    assert [mcnemar(*flips) for flips in ((0, 0), (3, 0), (5, 5), (1, 9))] == [1.0, 0.25, 1.0, 22 / 1024]
    assert mcnemar(9, 30) == 2 * sum(math.comb(39, count) for count in range(10)) / 2**39
    began = time.process_time()
    assert mcnemar(10_000, 10_200) == pytest.approx(0.162, abs=0.002)
    assert time.process_time() - began < 1


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


def test_an_interval_is_the_same_to_the_last_digit_every_time() -> None:
    rng = np.random.default_rng(0)
    clusters = [str(cluster) for cluster in rng.integers(0, 5_000, 20_000)]
    measured = pl.DataFrame({"value": rng.normal(size=20_000), "cluster": clusters})
    assert len({mean_interval(measured) for _ in range(10)}) == 1
