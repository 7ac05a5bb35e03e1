"""Sources of which no answer is right."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import polars as pl
import pytest
from PIL import Image
from rich.console import Console

from ovt.commands.panel import live_panel, panel
from ovt.core.progress import Progress
from ovt.curate import watch
from ovt.curate.build import build
from ovt.curate.recipe import Recipe
from ovt.curate.run import Session
from ovt.curate.watch import ENOUGH, never_right


@pytest.fixture
def recipe_of(tmp_path, loopback) -> Callable[..., Recipe]:
    """A recipe of yes-or-no questions, `count` of them with the golds 0 and 1."""

    def make(count: int, **source) -> Recipe:
        Image.new("RGB", (56, 56), (9, 9, 90)).save(tmp_path / "0.png")
        rows = [{"image": "0.png", "question": f"Is bar {at} red?", "answer": at % 2} for at in range(count)]
        (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        tree = {
            "name": "small",
            "sources": [{"path": str(tmp_path / "rows.jsonl"), **source}],
            "endpoints": {"server": {"base_url": loopback.url, "model": "test-model"}},
            "reason": {"endpoint": "server", "see": "image", "k": 1},
        }
        return Recipe.model_validate(tree)

    loopback.reply = lambda body, choice: "<think>I see.</think>\n<answer>Yes</answer>"
    return make


def test_golds_that_no_answer_matches_are_told_before_the_build_is_over(recipe_of, home) -> None:
    session = Session(home)
    build(recipe_of(ENOUGH), session)
    early, last = session.progress.alarms
    hint = 'gold_map = {0 = "No", 1 = "Yes"}'
    assert early == f"source rows: 0 of {ENOUGH} right; golds '0', '1'; answers 'Yes'; {hint}"
    assert last.startswith(f"source rows: none of {ENOUGH} answered questions is right, and {ENOUGH} are now for RL")


@pytest.mark.parametrize("settings", [{"gold_map": {"0": "No", "1": "Yes"}}, {}])
def test_nothing_is_told_where_some_are_right_or_too_few_are_known(recipe_of, home, settings) -> None:
    session = Session(home)
    build(recipe_of(ENOUGH if settings else ENOUGH - 1, **settings), session)
    assert session.progress.alarms == []


def test_every_question_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where few answers can be decided: here a tenth."""
    columns = ["question_id", "source", "question", "gold", "choices", "right", "extracted"]
    questions = pl.DataFrame(
        [(str(n), "s", "How many?", "7", None, False, "8") for n in range(1_000)], columns, orient="row"
    )
    run, verified = Mock(questions=questions), []
    run.session.progress.alarms = []

    def judge(_: Any, some: pl.DataFrame) -> pl.DataFrame:
        verified.extend(some["question_id"])
        return some.filter(pl.col("question_id").str.ends_with("0"))

    monkeypatch.setattr(watch, "judge", judge)
    following = watch.Watch(run, before=1, ended=1)
    for row in range(1_000):
        following.arrive(row)
    asyncio.run(watch.look(following))
    assert verified == [str(n) for n in range(200)]
    assert "0 of 20 right" in run.session.progress.alarms[0]


def test_each_source_is_judged_by_itself() -> None:
    rows = [
        (f"{name}{at}", name, "How many?", "7", None, name == "b" and at == 19, "8")
        for name in "ab"
        for at in range(20)
    ]
    columns = ["question_id", "source", "question", "gold", "choices", "right", "extracted"]
    judged = pl.DataFrame(rows, columns, orient="row")
    assert never_right(judged) == [
        "source a: 0 of 20 right; golds '7'; answers '8'; see gold_map, gold_pattern and gold_is in docs/sources.md"
    ]


def test_an_alarm_is_shown_at_once_and_without_control_characters() -> None:
    progress = Progress(alarms=["source a: 0 of 20 right; answers '\x1b[2J'"])
    screen = Console(record=True, width=100, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    screen.print(panel(progress))
    with live_panel(progress, screen):
        pass
    assert screen.export_text().count("source a: 0 of 20 right; answers '\ufffd[2J'") == 2
