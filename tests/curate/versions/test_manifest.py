"""The canonical hash: the same for the same value, and refused where a value has no one way to be written."""

import datetime
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.core.hashing import canonical_json
from ovt.curate.versions.manifest import canonical_hash

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8)


def shuffled(value):
    if isinstance(value, dict):
        return {key: shuffled(item) for key, item in reversed(value.items())}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_order_of_keys_does_not_matter(value):
    assert canonical_json(shuffled(value)) == canonical_json(value)


@settings(max_examples=50, deadline=None)
@given(VALUES, VALUES)
def test_other_values_have_other_hashes(one, other):
    assert (canonical_hash(one) == canonical_hash(other)) == (canonical_json(one) == canonical_json(other))


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        {1, 2},
        b"x",
        datetime.date(2026, 1, 1),
        datetime.datetime.now(),
        {1: "a"},
        object(),
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_has_no_one_spelling_is_refused(value):
    with pytest.raises(OvtError, match=r"recipe\.reason\[1\] is"):
        canonical_hash({"reason": ["fine", value]}, "recipe")
