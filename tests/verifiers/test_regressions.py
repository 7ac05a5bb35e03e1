"""regressions.jsonl: answers that a person labelled, one JSON object a line, as `ovt verify labels` adds them.

    answer, gold   as they were given          choices  the options' texts, or null
    kind           as the comparison is asked for: "auto", or one of KINDS
    label          "correct" or "wrong"        why      for readers; may be left out

"wrong" holds for whatever earns nothing, an abstention included.
"""

import json
from pathlib import Path

import pytest

from ovt.verifiers import verify

LINES = (Path(__file__).parent / "regressions.jsonl").read_text(encoding="utf-8").split("\n")
CASES = [json.loads(line) for line in LINES if line]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['answer'][:20]!a} {case['gold'][:20]!a}")
def test_labelled_answers_are_judged_as_labelled(case: dict) -> None:
    verdict = verify(case["answer"], case["gold"], choices=case["choices"], kind=case["kind"])
    assert bool(verdict) == {"correct": True, "wrong": False}[case["label"]], verdict.explanation
