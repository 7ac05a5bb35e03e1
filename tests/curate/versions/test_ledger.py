"""The ledger: its funnel adds up, and whatever does not add up is refused."""

import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovt.core.schema import DECISIONS, FUNNEL, SAMPLES
from ovt.curate.versions.ledger import LEVELS, BrokenLedger, funnel, usage

ENDS = [(level, stage) for level, stages in LEVELS.items() for stage in stages]


def decision(number: int, level: str, stage: str, reason: str) -> dict:
    row_id = {"question": f"q{number}", "caption": f"q{number}-caption-0", "sample": f"q{number}-reason-0"}[level]
    return {
        "level": "question" if level == "question" else "sample",
        "id": row_id,
        "question_id": f"q{number}",
        "stage": stage,
        "decision": "kept" if stage == "version" else "dropped",
        "reason": reason,
        "detail": None,
    }


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(ENDS), st.sampled_from(["one", "two", "three"]))))
def test_every_row_is_counted_once_and_each_stage_adds_up(ends):
    rows = [decision(number, *end, reason) for number, (end, reason) in enumerate(ends)]
    table = funnel(pl.DataFrame(rows, schema=DECISIONS))
    assert table.schema == FUNNEL
    counted = 0
    for (level,), stages in table.group_by("level", maintain_order=True):
        rows_in = sum(1 for end, _ in ends if end[0] == level)
        for row in stages.iter_rows(named=True):
            assert row["rows_in"] == rows_in
            assert row["rows_in"] == row["rows_out"] + sum(drop["rows"] for drop in row["dropped"])
            rows_in = row["rows_out"]
            counted += sum(drop["rows"] for drop in row["dropped"] + row["kept_as"])
        kept = sum(count["rows"] for count in stages["kept_as"].to_list()[-1])
        assert kept == rows_in == sum(1 for end, _ in ends if end == (level, "version"))
    assert counted == len(ends)


def test_funnel_puts_the_commonest_reason_first():
    reasons = ["late", "wrong", "wrong", "absurd"]
    rows = [decision(number, "sample", "verify", reason) for number, reason in enumerate(reasons)]
    verify = funnel(pl.DataFrame(rows, schema=DECISIONS)).row(1, named=True)
    assert [(drop["reason"], drop["rows"]) for drop in verify["dropped"]] == [("wrong", 2), ("absurd", 1), ("late", 1)]


def test_usage_adds_up_whatever_the_order(make_build):
    samples = pl.DataFrame(make_build(20).samples, schema=SAMPLES)
    assert usage(samples) == usage(samples.reverse())


def test_usage_without_prices_is_unknown_not_free(make_build):
    samples = pl.DataFrame(make_build(5).samples, schema=SAMPLES).with_columns(cost_usd=pl.lit(None, pl.Float64))
    assert [use["cost_usd"] for use in usage(samples)] == [None, None]
    one = pl.col("sample_id") == samples["sample_id"][-1]
    partly = samples.with_columns(cost_usd=pl.when(~one).then(pl.lit(0.5)))
    assert [use["cost_usd"] is None for use in usage(partly)] == [False, True]


def first(rows, **values):
    return next(row for row in rows if all(row[name] == value for name, value in values.items()))


BREAKS = {
    "questions without a decision": lambda b: b.decisions.remove(first(b.decisions, level="question", stage="version")),
    "samples without a decision": lambda b: b.decisions.remove(first(b.decisions, level="sample", reason="wrong")),
    "questions or samples with two decisions": lambda b: b.decisions.append(dict(b.decisions[-1])),
    "decisions about unknown questions": lambda b: b.questions.pop(2),
    "decisions about unknown samples": lambda b: b.samples.remove(first(b.samples, stage="reason")),
    "question ids that occur twice": lambda b: b.questions.append(dict(b.questions[0])),
    "sample ids that occur twice": lambda b: b.samples.append(dict(b.samples[0])),
    "samples with two verdicts": lambda b: b.verdicts.append(dict(b.verdicts[0])),
    "verdicts on unknown samples": lambda b: b.verdicts[0].update(sample_id="nobody"),
    "kept samples that are not in the data": lambda b: first(b.rows, split="sft").update(sample_id=None),
    "samples in the data that were not kept": lambda b: b.rows.append(first(b.rows, split="sft") | {"sample_id": "x"}),
    "questions kept for rl that are not in its data": lambda b: b.rows.remove(first(b.rows, split="rl")),
    "questions in the data of sft that were not kept for it": lambda b: first(
        b.decisions, level="question", reason="sft"
    ).update(stage="filter", decision="dropped", reason="too_long"),
    "decisions that their stage cannot take": lambda b: first(b.decisions, reason="wrong").update(decision="kept"),
    "samples with another id": lambda b: first(b.samples, stage="reason").update(index=9),
}


@pytest.mark.parametrize("rule", BREAKS)
def test_broken_ledger_is_refused(home, make_build, rule):
    build = make_build(10)
    BREAKS[rule](build)
    with pytest.raises(BrokenLedger, match=re.escape(rule)):
        build.write(home)


@pytest.mark.parametrize("field", ["level", "stage", "decision", "reason"])
def test_decision_without_a_value_is_refused(home, make_build, field):
    build = make_build(10)
    build.decisions[-1][field] = None
    with pytest.raises(BrokenLedger, match="decisions that their stage cannot take"):
        build.write(home)
