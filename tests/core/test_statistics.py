"""Intervals: they hold the truth as often as they say, for independent and for clustered answers, few and many."""

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.statistics import mean_interval, share_interval, student, wilson


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
@settings(max_examples=80, deadline=None)
def test_bounds_stay_within_0_and_1_and_around_the_share(rights):
    interval = share_interval(scored(rights))
    assert 0 <= interval.low <= interval.value <= interval.high <= 1
    answers = [right for cluster in rights for right in cluster]
    assert interval.value == pytest.approx(sum(answers) / len(answers))
    assert interval.low < interval.high


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=3), min_size=2, max_size=8), st.randoms())
@settings(max_examples=40, deadline=None)
def test_the_order_of_answers_does_not_matter(rights, rng):
    rows = scored(rights)
    shuffled = rows.sample(fraction=1, shuffle=True, seed=rng.randrange(1000))
    assert share_interval(rows) == pytest.approx(share_interval(shuffled))


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
