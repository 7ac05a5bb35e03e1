"""styles.jsonl: how people and models write answers of every kind, and what a careful person says of each.

answer or response, gold, choices   as for `verify` or `verify_response`
label                               "correct" or "wrong"        why   what the case is about
fails                               true: known to be judged otherwise; the mark has to go once it no longer is

The cases were written beside the rules, and the first 724 kept were those that the rules got right: they guard against
falling back, and say nothing of how often a verdict on an unseen answer is right. The shared cases measure that.
"""

import json
from pathlib import Path

from ovt.verifiers import verify_many

LINES = (Path(__file__).parent / "styles.jsonl").read_text(encoding="utf-8").split("\n")
CASES = [json.loads(line) for line in LINES if line]


def judge(column: str) -> list[str]:
    """The cases of one column that are not judged as labelled, and known failures that are."""
    cases = [case for case in CASES if column in case]
    verdicts = verify_many(
        [(case[column], case["gold"], case["choices"]) for case in cases], responses=column != "answer"
    )
    told = zip(cases, verdicts, strict=True)
    return [
        f"{case}: {verdict}"
        for case, verdict in told
        if (bool(verdict) != (case["label"] == "correct")) != case.get("fails", False)
    ]


def test_answers_of_every_style() -> None:
    failed = judge("answer")
    assert not failed, "\n" + "\n".join(failed)


def test_responses_of_every_style() -> None:
    failed = judge("response")
    assert not failed, "\n" + "\n".join(failed)
