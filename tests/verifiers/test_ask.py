"""Many rows give the verdicts that one row at a time gives, in order, whoever judges them."""

import os
import signal
import threading
import time
from typing import Any

import polars as pl
import pytest

from ovt.verifiers import ask, join_golds, lint_gold, lint_golds, split_golds, verify, verify_many, verify_response
from ovt.verifiers.process import pool

ROWS = [
    ("B", "B", None),
    ("B", "55", ["45", "55"]),
    ("\\sqrt{8}", "2\\sqrt{2}", None),
    ("\\sqrt{8}", "2\\sqrt{3}", None),
    ("", "7", None),
    ("12 or 13", "12", []),
]


def test_in_order_and_as_one_at_a_time() -> None:
    rows = ROWS * 3
    assert verify_many(rows) == [verify(text, gold, choices=choices) for text, gold, choices in rows]


def test_whole_responses() -> None:
    rows = [("<think>7</think> <answer>8</answer>", "8"), ("<think>8</think> <answer>7</answer>", "8")]
    assert verify_many(rows, responses=True) == [verify_response(*row) for row in rows]
    assert [bool(verdict) for verdict in verify_many(iter(rows), responses=True)] == [True, False]


def test_rows_of_a_polars_frame() -> None:
    frame = pl.DataFrame(
        {"response": ["B", "A", None], "gold": ["B", "B", "B"], "choices": [["x", "y"], None, ["x", "y"]]}
    )
    verdicts = verify_many(frame.select("response", "gold", "choices").iter_rows())
    frame = frame.with_columns(outcome=pl.Series([verdict.outcome for verdict in verdicts]))
    assert frame["outcome"].to_list() == ["correct", "wrong", "wrong"]


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "MAX_WORKERS", 2)
    monkeypatch.setattr(ask, "SPREAD_FROM", 1)


@pytest.mark.usefixtures("two_workers")
def test_spread_over_processes_gives_the_same() -> None:
    rows = [(f"{n}", f"{n - n % 3}", None) for n in range(500)] + ROWS
    assert verify_many(rows) == [verify(text, gold, choices=choices) for text, gold, choices in rows]


@pytest.mark.usefixtures("two_workers")
def test_spread_survives_killed_workers() -> None:
    rows = [(f"\\sqrt{{{n}}}", f"\\sqrt{{{n}}}+0", None) for n in range(2, 900)]

    def kill() -> None:
        for _ in range(3):
            time.sleep(0.15)
            for worker in list(pool._pool.all):
                os.kill(worker.process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    verdicts = verify_many(rows)
    killer.join()
    assert all(verdicts)


def test_texts_that_differ_are_wrong_or_left_open() -> None:
    rows = [("a hound", "a dog"), ("a dog", "a dog"), ("a dog or a cat", "a dog"), ("not a dog", "a dog"), ("8", "7")]
    assert [verdict.outcome for verdict in verify_many(rows)] == ["wrong", "correct", "wrong", "wrong", "wrong"]
    left = verify_many(rows, presume_wrong=False)
    assert [verdict.outcome for verdict in left] == ["abstain", "correct", "wrong", "wrong", "wrong"]
    assert (left[0].reason, left[0].extracted) == ("texts_differ", "a hound")
    assert verify("red", "blue", choices=["red", "blue"], presume_wrong=False).outcome == "wrong"
    assert verify_response("<think>a hound</think>", "a dog", presume_wrong=False).outcome == "wrong"


def test_rows_of_many_characters_are_not_sent_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that still takes in a hundred megabytes when its first row's time is over loses that row."""
    monkeypatch.setattr(pool, "WALL_LIMIT_S", pool.START_LIMIT_S)  # a busy machine takes its time over a few, too
    rows = [("é" * 1_900_000 + str(index), "7", None) for index in range(4)]
    assert [len(chunk) for chunk in ask._chunks(rows)] == [1] * 4
    assert [len(chunk) for chunk in ask._chunks([("7", str(index), None) for index in range(450)])] == [200, 200, 50]
    assert "timeout" not in {verdict.reason for verdict in verify_many(rows, responses=True)}


def test_the_number_0_is_an_answer_and_null_is_none() -> None:
    rows: list[Any] = [("0", 0), (0, "0"), (None, "0"), ("0", None)]
    assert [verdict.reason for verdict in verify_many(rows)] == ["identical", "identical", "no_answer", "empty_gold"]
    golds: list[Any] = [(0, None), (None, None)]
    assert lint_golds(golds) == [None, "empty_gold"]


def test_no_rows() -> None:
    assert verify_many([]) == []


def test_of_several_golds_any_is_right():
    gold = join_golds(["basil", "basil leaves", "basil", "1/2"])
    assert gold == "basil ||| basil leaves ||| 1/2"
    assert split_golds(gold) == ["basil", "basil leaves", "1/2"]
    said = [("Basil.", gold), ("the answer is 0.5", gold), ("mint", gold), ("mint", "basil")]
    assert [verdict.outcome for verdict in verify_many(said, responses=True)] == [
        "correct",
        "correct",
        "wrong",
        "wrong",
    ]
    assert verify("0.5", gold).normalized_gold == "1/2"
    assert verify("C", "A ||| C", choices=["x", "y", "z"]).outcome == "correct"
    assert lint_gold(gold) is None
    assert lint_gold("A ||| D", ["x", "y"]) == "gold_not_in_choices"
    rows = [("7", None), ("A ||| D", ["x", "y"]), ("", None), ("7", None), ("x" * (ask.MAX_CHARS + 1), None)]
    assert lint_golds(rows) == [None, "gold_not_in_choices", "empty_gold", None, "gold_too_long"]
    assert lint_golds([]) == []
    assert verify("mint", gold, presume_wrong=False).outcome == "abstain"
