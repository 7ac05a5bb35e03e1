"""The same parts are the same whatever spelled them; others are refused, saying what differs and what to do."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.core.records import Difference, DriftError, MadeOf, rebuild_line

RUN = MadeOf("run charts-sft", {"data_hash": "7b2e", "sft": {"learning_rate": 1e-6, "lora": None}}, "choose --name")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=3), inside, max_size=3),
    max_leaves=8,
)
PARTS = st.dictionaries(st.text(max_size=3), VALUES, max_size=4)


def test_what_was_made_of_the_same_is_found():
    RUN.require({"data_hash": "7b2e", "sft": {"lora": None, "learning_rate": 1e-6}})
    MadeOf("export", {"splits": ("sft", "rl")}).require({"splits": ["sft", "rl"]})


def test_a_part_that_is_missing_counts_as_none():
    RUN.require({"data_hash": "7b2e", "sft": {"learning_rate": 1e-6}, "more": None})


@pytest.mark.parametrize(
    ("there", "told"),
    [
        ({"data_hash": "11", "sft": {"learning_rate": 1e-6}}, "data_hash was 11, would be 7b2e"),
        ({"data_hash": "7b2e", "sft": {"learning_rate": 1e-5}}, "sft.learning_rate was 1e-05, would be 1e-06"),
        ({"data_hash": "7b2e", "sft": None}, "sft was None, would be {'learning_rate': 1e-06, 'lora': None}"),
        ({"data_hash": "x" * 99, "sft": {"learning_rate": 1e-6}}, f"data_hash was {'x' * 60}…, would be 7b2e"),
    ],
)
def test_another_is_refused_in_one_line(there, told):
    with pytest.raises(DriftError) as error:
        RUN.require(there)
    assert str(error.value) == f"run charts-sft was made from different inputs ({told}); choose --name"
    assert isinstance(error.value, OvtError)
    assert (error.value.thing, error.value.fix) == ("run charts-sft", "choose --name")


def test_many_differences_are_counted_and_all_of_them_kept():
    with pytest.raises(DriftError, match=r"a was 1, would be None; b .*; c .*; and 2 more\)") as error:
        MadeOf("step", {}).require(dict.fromkeys("edcba", 1))
    assert error.value.differences == [Difference(key, 1, None) for key in "abcde"]


def test_parts_that_may_change_are_left_aside():
    RUN.require({"data_hash": "7b2e", "sft": {"learning_rate": 1e-5}}, aside=["sft.learning_rate"])


def test_a_line_to_build_again_has_numbers_that_are_zero():
    assert rebuild_line("x", limit=0, seed=None, again=False, all=True) == "ovt x --limit 0 --all"


@given(PARTS)
def test_a_record_that_was_written_and_read_is_the_same(parts):
    assert not MadeOf("run", parts).differences(json.loads(json.dumps(parts)))


@given(PARTS, PARTS)
def test_differences_are_the_same_from_both_sides(one, other):
    there = MadeOf("run", one).differences(other)
    back = MadeOf("run", other).differences(one)
    assert [(each.key, each.was, each.would_be) for each in there] == [
        (each.key, each.would_be, each.was) for each in back
    ]
