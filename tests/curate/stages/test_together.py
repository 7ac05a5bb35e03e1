"""What must hold of the deciding stages whatever the samples are, tried on random tables."""

from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovt.core import decisions
from ovt.curate.stages import behaviours, difficulty, filter, reason, select, verify
from ovt.verifiers import split_response, verify_response

few = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])

WORDS = (
    "The bar is 12.",
    " Wait, it is 13.",
    "\nBut wait",
    " Hmm.",
    "12",
    "\n\n",
    " the caption ",
    "é…",
    ". ",
    "maybe ",
)
TAGS = ("<think>", "</think>", "<answer>", "</answer>", "<answer>12</answer>", "\\boxed{12}", "The answer is 12.")
pieces = st.sampled_from(WORDS + TAGS)
loose = st.lists(pieces, max_size=12).map("".join)
thinkings = st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map("".join)
neat = st.tuples(thinkings, st.sampled_from(["12", "12", "13"])).map(
    lambda parts: f"<think>\n{parts[0]}\n</think>\n\nSo it is.\n<answer>{parts[1]}</answer>"
)
samples = st.fixed_dictionaries(
    {"text": st.none() | loose | neat | neat | neat, "finish_reason": st.sampled_from(["stop", "length"])}
)
tables = st.lists(st.lists(samples, min_size=1, max_size=4), min_size=1, max_size=5)

off = {"mode": "off"}
filters = st.fixed_dictionaries(
    {},
    optional={
        "format": st.sampled_from([off, {"mode": "rewrite"}, {"mode": "require"}]),
        "reflection": st.sampled_from([off, {"mode": "truncate"}, {"mode": "drop", "max_count": 1}]),
        "mentions": st.sampled_from([off, {"mode": "drop"}]),
        "repetition": st.just(off),
        "length": st.sampled_from([{"max_words": 10}, {"min_words": 8}]),
    },
)
strategies = st.sampled_from(select.Strategy.__args__)


def decide(questions: pl.DataFrame, raw: pl.DataFrame, strategy: Any, sections: dict[str, Any]) -> dict[str, Any]:
    """All the deciding stages, as a build runs them on a chunk."""
    answered, mute = reason.run(questions, raw)
    verdicts = verify.judge(answered, questions, verify.VerifySection())
    correct, wrong = verify.run(answered, verdicts)
    selected, left = select.run(correct, select.SelectSection(strategy=strategy, seed=5))
    filtered, fallen = filter.run(selected, filter.FilterSection(**sections))
    kept = decisions.kept(filtered, "sample", "kept", pl.col("edit"))
    made = pl.concat([mute, wrong, left, fallen, kept])
    made = pl.concat([made, decisions.settle(questions, filtered, made)])
    return {
        "flow": (
            (raw, answered, mute),
            (answered, correct, wrong),
            (correct, selected, left),
            (selected, filtered, fallen),
        ),
        "decisions": made,
        "kept": behaviours.run(filtered),
        "difficulty": difficulty.run(verdicts, difficulty.DifficultySection()),
    }


@pytest.fixture(scope="module")
def table_of(samples_of, questions_of):
    def make(rows: list[list[dict[str, Any]]]) -> tuple[pl.DataFrame, pl.DataFrame]:
        names = [f"q{number}" for number in range(len(rows))]
        pairs = [item for pair in zip(names, rows, strict=True) for item in pair]
        return questions_of(*({"question_id": name} for name in names)), samples_of(*pairs)

    return make


@few
@given(rows=tables, strategy=strategies, sections=filters)
def test_rows_in_are_rows_kept_and_rows_dropped_at_every_stage(rows, strategy, sections, table_of):
    questions, raw = table_of(rows)
    result = decide(questions, raw, strategy, sections)
    for came, went_on, dropped in result["flow"]:
        ended = dropped.filter(pl.col("level") == "sample")["id"].to_list()
        assert sorted(went_on["sample_id"].to_list() + ended) == sorted(came["sample_id"])
        assert went_on["sample_id"].to_list() == [one for one in came["sample_id"] if one not in set(ended)]
    made = result["decisions"]
    expected = sorted(raw["sample_id"].to_list() + questions["question_id"].to_list())
    assert sorted(made["id"]) == expected
    assert made["reason"].null_count() == 0
    assert made["reason"].str.contains(r"^[a-z_]+$").all()


@settings(few, max_examples=12)
@given(rows=tables, strategy=strategies, sections=filters)
def test_chunks_leave_no_trace(rows, strategy, sections, table_of):
    questions, raw = table_of(rows)
    whole = decide(questions, raw, strategy, sections)
    parts = [
        decide(one, raw.filter(pl.col("question_id") == one["question_id"].item()), strategy, sections)
        for one in questions.iter_slices(1)
    ]
    for table in ("kept", "difficulty"):
        assert pl.concat(part[table] for part in parts).equals(whole[table])
    assert (
        pl.concat(part["decisions"] for part in parts)
        .sort("level", "id")
        .equals(whole["decisions"].sort("level", "id"))
    )


@few
@given(text=loose | neat, sections=filters)
def test_an_edited_response_has_the_verdict_of_the_raw_one(text, sections, samples_of):
    kept, _ = filter.run(samples_of("q", [text]), filter.FilterSection(**sections))
    for response in kept["response"]:
        assert split_response(response).answer == split_response(text).answer
        assert verify_response(response, "12").outcome == verify_response(text, "12").outcome


@few
@given(thinking=thinkings)
def test_cutting_leaves_a_beginning_of_the_thinking_and_no_cue_after_it(thinking, samples_of, response_of):
    section = filter.FilterSection(repetition=off)
    kept, _ = filter.run(samples_of("q", [response_of(thinking)]), section)
    for response in kept["response"]:
        assert thinking.strip().startswith(split_response(response).thinking)
        again, _ = filter.run(samples_of("q", [response]), section)
        assert again["response"].to_list() == [response]
