"""Numbers as people read them."""

import pytest

from ovt.core.text import duration, size


@pytest.mark.parametrize(("count", "told"), [(0, "0 B"), (999, "999 B"), (3_200_000, "3.2 MB"), (1e15, "1,000.0 TB")])
def test_sizes(count, told):
    assert size(count) == told


@pytest.mark.parametrize(("seconds", "told"), [(None, ""), (0.2, ""), (65, "1:05"), (3723, "1:02:03")])
def test_durations(seconds, told):
    assert duration(seconds) == told
