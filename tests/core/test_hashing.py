"""The canonical hash: the same for the same value, and refused where a value has no one way to be written."""

import datetime
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.core.hashing import SPACED, canonical_hash, canonical_json, hash_bytes, hash_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=8)


def shuffled(value):
    if isinstance(value, dict):
        return {key: shuffled(item) for key, item in reversed(value.items())}
    return [shuffled(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=50)
@given(VALUES)
def test_order_of_keys_does_not_matter(value):
    assert canonical_json(shuffled(value)) == canonical_json(value)


@settings(max_examples=50)
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


def test_stored_hashes_are_what_they_were():
    """Of a question, of an import and of a recipe: nothing that lies in a home may be lost."""
    assert hash_json([["ab"], "é?", None, "5"])[:16] == "c917bc0eb91d02c2"
    assert hash_json({"b": 1, "a": ["é"]}, SPACED) == "82b62b13edceff3e3f454af1dea204b7a6bc28a22b5a6b1a4d8062d96c7b5417"
    assert hash_json({"b": 1, "a": ["é"]}) == "cde3c54c1d323a37b399fbf0246d2a68a66d3f4c8b57844aaab17ee6cddfdc07"


def test_a_file_hashes_as_its_bytes(tmp_path):
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    assert hash_bytes(tmp_path / "file") == hash_bytes(b"x" * 100_000)
