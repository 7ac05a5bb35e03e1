"""The gate: what passes, what does not, and a report that says why."""

import pytest

from ovt.evaluation.scores import Scores
from ovt.train.loop.gate import GateReport, check, check_benchmarks, report_text
from ovt.train.loop.recipe import GateSection


def scores(accuracy=0.5, low=0.45, **changes) -> Scores:
    values = {
        "questions": 400, "answers": 400, "accuracy": accuracy, "low": low, "high": accuracy + 0.05, "images": 400,
        "solved": accuracy, "format_valid": 0.99, "truncated": 0.01, "words": 40.0,
        "behaviours": {"plan": 4.0, "reflection": 6.0}, "outcomes": {}, "reasons": {}, "by_source": {},
    }  # fmt: skip
    return Scores.model_validate(values | changes)


@pytest.mark.parametrize(
    ("after", "failing"),
    [
        ({}, []),
        ({"accuracy": 0.46}, []),  # down, but within the interval before
        ({"accuracy": 0.44}, ["accuracy"]),
        ({"format_valid": 0.8}, ["format validity"]),
        ({"truncated": 0.2}, ["answers cut off"]),
        ({"words": 10.0}, ["mean length"]),
        ({"words": 130.0}, ["mean length"]),
        ({"behaviours": {"plan": 40.0, "reflection": 30.0}}, ["behaviour drift"]),
        ({"accuracy": 0.1, "words": 500.0}, ["accuracy", "mean length"]),
    ],
)
def test_what_holds(after, failing):
    findings = check(scores(), scores(**after), GateSection(), first=False)
    assert [finding.check for finding in findings if not finding.held] == failing


def test_the_base_is_held_against_accuracy_and_format_only():
    after = scores(words=400.0, behaviours={"plan": 90.0, "reflection": 0.0})
    findings = check(scores(), after, GateSection(), first=True)
    assert all(finding.held for finding in findings)
    assert len(findings) == 3


def test_bounds_of_ones_own():
    section = GateSection(max_drop=0.0)
    assert not check(scores(), scores(0.499), section, first=False)[0].held
    assert check(scores(), scores(0.5), section, first=False)[0].held


def test_the_report_says_what_failed_and_what_to_do():
    findings = check(scores(), scores(0.40, 0.35), GateSection(), first=False)
    report = GateReport(before="before", after="after", findings=findings, gain=(-0.1, -0.15, -0.05))
    assert not report.held
    assert report.failed.startswith("accuracy is 40.0%, wanted at least 45.0%")
    text = report_text(report, "mine", 2)
    assert text.startswith("# mine, gate after iteration 2: failed")
    for part in ("-10.0 points", "-15.0 to -5.0", "**fail** | accuracy", "What to do"):
        assert part in text
    passed = GateReport(before="before", after="after", findings=findings[1:], gain=(0.1, 0.05, 0.15))
    assert "passed" in report_text(passed, "mine", 2)
    assert "What to do" not in report_text(passed, "mine", 2)


def test_benchmarks_are_checked_like_the_held_out_questions():
    before = {name: {"questions": 100, "accuracy": 0.6, "low": 0.5, "high": 0.7} for name in ("mathvista", "emma")}
    after = {"mathvista": {"questions": 100, "accuracy": 0.52, "low": 0.4, "high": 0.6},
             "emma": {"questions": 100, "accuracy": 0.49, "low": 0.4, "high": 0.6}}  # fmt: skip
    found = check_benchmarks(before, after, GateSection())
    assert [(one.check, one.held) for one in found] == [("accuracy on mathvista", True), ("accuracy on emma", False)]
    assert not check_benchmarks(before, after, GateSection(max_drop=0.02))[0].held
    assert check_benchmarks({}, after, GateSection()) == []
