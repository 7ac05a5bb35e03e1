"""Who may be near whom."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.curate.screen.lsh import candidates, earliest_near, follow

TABLES = st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=30).map(np.array)


@given(TABLES)
def test_rows_come_to_an_earlier_one_that_is_near(bands):
    found = earliest_near(bands, lambda rows, others: (bands[rows] == bands[others]).all(1))
    assert (found <= np.arange(len(bands))).all()
    assert (bands[found] == bands).all()


def test_equal_rows_come_to_the_first():
    found = earliest_near(np.ones((20, 3), int), lambda rows, others: np.ones(len(rows), bool))
    assert found.tolist() == [0] * 20


@given(TABLES)
def test_candidates_share_a_band_and_come_earlier(bands):
    for rows, others in candidates(bands):
        assert (others < rows).all()
        assert (bands[rows] == bands[others]).any(1).all()


@pytest.mark.parametrize("count", [10, 1_000])
def test_the_work_grows_with_the_rows_however_alike_they_are(count):
    pairs = sum(len(rows) for rows, _ in candidates(np.zeros((count, 4), int)))
    assert pairs <= 2 * 4 * count


def test_chains_lead_to_their_first():
    assert follow(np.array([0, 0, 1, 2, 4])).tolist() == [0, 0, 0, 0, 4]
