"""Comparing the paths; tests/e2e/test_verify.py has them on a real version."""

import polars as pl

from ovt.curate.audit.parity import FIELDS, as_ruled, compare, reward

RIGHT = ("correct", "number", "equal", "7", "7", "7", "")
ABSTAINED = ("abstain", *RIGHT[1:])
SAMPLES = pl.DataFrame({"sample_id": ["a", "b"], "gold": ["7", "7"]})


def test_a_difference_names_sample_path_and_fields() -> None:
    told = {"curation": [RIGHT, RIGHT], "reward": [RIGHT, ABSTAINED], "evaluation": [RIGHT, RIGHT]}
    (difference,) = compare(SAMPLES, told)
    assert (difference.sample_id, difference.path) == ("b", "reward")
    assert difference.fields == {"outcome": ("abstain", "correct")}


def test_a_models_verdict_stands_for_an_abstention_only() -> None:
    judged = ("correct", "text", "judge", *RIGHT[3:])
    assert as_ruled(judged, ABSTAINED, by_model=True) == ABSTAINED
    assert as_ruled(judged, RIGHT, by_model=True) == judged
    assert as_ruled(RIGHT, ABSTAINED, by_model=False) == RIGHT


def test_the_reward_path_gives_all_fields() -> None:
    rows: list = [("<answer>7</answer>", "7", None), ("<answer>a hound</answer>", "a dog", None)]
    told = [dict(zip(FIELDS, row, strict=True)) for row in reward(rows, {"kind": "auto", "presume_wrong": False})]
    assert [row["outcome"] for row in told] == ["correct", "abstain"]
    assert told[1]["reason"] == "texts_differ"
