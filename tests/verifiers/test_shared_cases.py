"""The shared cases (public graders' own tests, real model outputs), where their folder is present."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ovt.verifiers import Verdict, verify, verify_many, verify_response

FOLDER = Path(__file__).parents[3] / "shared" / "verifier_cases"

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the shared verifier cases are not beside this checkout")


def read(name: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("name", "column", "judge"), [("answers", "pred", verify), ("responses", "response", verify_response)]
)
def test_accuracy(name: str, column: str, judge: Callable[..., Verdict]) -> None:
    """At least 98% of the core cases right, at most 3 false positives, nothing above two seconds."""
    rows = read(name)
    verify("\\sqrt{8}", "2\\sqrt{2}")
    right, accepted, slowest = [], [], 0.0
    for row in rows:
        started = time.monotonic()
        verdict = judge(row[column], row["gold"], choices=row["choices"])
        slowest = max(slowest, time.monotonic() - started)
        if row["tier"] == "core":
            right.append(bool(verdict) == row["expected"])
        if verdict and not row["expected"]:
            accepted.append(row["id"])
    assert sum(right) >= 0.98 * len(right)
    assert len(accepted) <= 3, accepted
    assert slowest < 2 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_the_batch_agrees() -> None:
    rows = read("answers")
    verdicts = verify_many((row["pred"], row["gold"], row["choices"]) for row in rows)
    assert verdicts == [verify(row["pred"], row["gold"], choices=row["choices"]) for row in rows]


def test_every_gold_is_accepted_by_itself() -> None:
    refused = [row["id"] for row in read("answers") if not verify(row["gold"], row["gold"], choices=row["choices"])]
    assert not refused
