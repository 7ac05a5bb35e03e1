"""Tables of cases: (prediction, gold, outcome, why). `check_table` runs one and names every row that went wrong."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest

from ovt.verifiers import verify
from ovt.verifiers.process import pool

# labelled.py, which the benchmark reads, too; last, so that no name here hides another's.
sys.path.append(str(Path(__file__).parent))

Case = tuple[str, str, str, str]
CheckTable = Callable[..., None]


@pytest.fixture
def check_table() -> CheckTable:
    """The function that runs a table."""
    return _check_table


def _check_table(cases: Iterable[Case], choices: Sequence[str] | None = None, kind: str | None = None) -> None:
    """Every row's outcome is the one written down ("right" for correct, "wrong" for not correct)."""
    failed = []
    for prediction, gold, outcome, why in cases:
        verdict = verify(prediction, gold, choices=choices)
        if bool(verdict) != (outcome == "right"):
            failed.append(f"{prediction!r} against {gold!r} should be {outcome} ({why}): {verdict.explanation}")
        if kind and verdict.kind != kind:
            failed.append(f"{gold!r} was read as {verdict.kind}, not {kind}")
    assert not failed, "\n" + "\n".join(failed)


@pytest.fixture
def cpu_s() -> Callable[[], float]:
    """The CPU seconds of this process and of the workers that judge for it: what a busy machine does not change."""

    def of_workers() -> list[float]:
        return [look[1] for worker in pool._pool.all if (look := pool._look(worker.process.pid))]

    return lambda: sum([*os.times()[:4], *of_workers()])
