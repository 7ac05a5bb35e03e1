"""`build` and `abuild` from Python: inside a running event loop, beside other work, stopped and gone on."""

import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from PIL import Image

from ovt.core.errors import OvtError, TooManyFailed
from ovt.core.home import Home
from ovt.curate.build import abuild, build, judge_usage, write
from ovt.curate.decide import decide
from ovt.curate.endpoints.chat import Reply
from ovt.curate.plan import plan, preview
from ovt.curate.recipe import LimitsSection, Recipe
from ovt.curate.reports.failures import failures
from ovt.curate.run import Session
from ovt.curate.versions.read import Version, open_version
from ovt.curate.versions.write import VersionWriter

QUESTIONS = 12


@pytest.fixture
def recipe(tmp_path, loopback) -> Recipe:
    """12 questions, each with a caption and two chains, one of them right."""
    rows = []
    for i in range(QUESTIONS):
        Image.new("RGB", (56, 56), (i, 9, 90)).save(tmp_path / f"{i}.png")
        rows.append({"image": f"{i}.png", "question": f"What is number {i}?", "answer": "12"})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    loopback.reply = lambda body, choice: f"<think>I see step {choice}.</think>It is.\n<answer>{12 + choice}</answer>"
    tree = {
        "name": "small",
        "sources": [{"path": str(tmp_path / "rows.jsonl")}],
        "endpoints": {"server": {"base_url": loopback.url, "model": "test-model", "max_concurrency": 2}},
        "caption": {"endpoint": "server"},
        "reason": {"endpoint": "server", "k": 2},
    }
    return Recipe.model_validate(tree)


def in_a_notebook(cell: Callable[[], Any]) -> Any:
    """What a cell comes to, run as a notebook does: synchronous code on the thread whose event loop is running."""

    async def run() -> Any:
        return cell()

    loop = asyncio.new_event_loop()
    try:
        return loop.run_until_complete(run())
    finally:
        loop.close()


def test_build_works_inside_a_running_loop(recipe, home, loopback):
    session = Session(home)
    version = in_a_notebook(lambda: build(recipe, session))
    assert version.manifest.rows["sft"] == QUESTIONS
    assert len(loopback.answered) == 2 * QUESTIONS
    assert (session.progress.stages["caption"].done, session.progress.stages["reason"].done) == (12, 24)
    assert in_a_notebook(lambda: build(recipe, Session(home))).path == version.path
    assert in_a_notebook(lambda: plan(recipe, Session(home)))[1].expected.calls == 0
    assert len(in_a_notebook(lambda: preview(recipe, Session(home, limit=2)))) == 2
    assert len(loopback.answered) == 2 * QUESTIONS


def test_servers_are_started_only_for_replies_that_are_missing(recipe, home, loopback):
    build(recipe, Session(home))
    serve = {"base_url": loopback.url, "model": "test-model", "serve": {"command": "false {port}"}}
    own = Recipe.model_validate(recipe.model_dump() | {"endpoints": {"server": serve}})
    assert build(own, Session(home)).manifest.rows["sft"] == QUESTIONS
    more = Recipe.model_validate(own.model_dump() | {"reason": {"endpoint": "server", "k": 3}})
    with pytest.raises(OvtError, match="would run false"):
        build(more, Session(home))


def test_an_awaited_build_leaves_the_loop_free(recipe, home, loopback):
    loopback.latency_s = 0.05
    gaps = []

    async def tick() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            gaps.append(time.monotonic() - began)

    async def run() -> Version:
        ticking = asyncio.create_task(tick())
        version = await abuild(recipe, Session(home))
        ticking.cancel()
        return version

    version = asyncio.run(run())
    assert version.manifest.rows["sft"] == QUESTIONS
    assert len(gaps) > 20
    assert build(recipe, Session(home)).path == version.path


def test_errors_come_through(recipe, home, loopback):
    loopback.models = ("other",)
    with pytest.raises(OvtError, match="test-model"):
        in_a_notebook(lambda: build(recipe, Session(home)))
    with pytest.raises(OvtError, match="test-model"):
        asyncio.run(abuild(recipe, Session(home)))


def test_ctrl_c_in_a_notebook_keeps_what_was_answered(recipe, home, loopback):
    loopback.latency_s = 0.05
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever started the tests may ignore it
    try:
        after_some(loopback, 6, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt):
            in_a_notebook(lambda: build(recipe, Session(home)))
    finally:
        signal.signal(signal.SIGINT, before)
    goes_on(recipe, home, loopback)


def test_a_cancelled_build_keeps_what_was_answered(recipe, home, loopback):
    loopback.latency_s = 0.05

    async def run() -> None:
        task = asyncio.create_task(abuild(recipe, Session(home)))
        loop = asyncio.get_running_loop()
        after_some(loopback, 6, lambda: loop.call_soon_threadsafe(task.cancel))
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(run())
    goes_on(recipe, home, loopback)


def after_some(server: Any, count: int, act: Callable[[], Any]) -> None:
    """Acts, from another thread, when `server` has answered `count` requests."""

    def wait() -> None:
        while len(server.answered) < count:
            time.sleep(0.005)
        act()

    threading.Thread(target=wait, daemon=True).start()


def goes_on(recipe: Recipe, home: Home, server: Any) -> None:
    """The build stopped early, and the same again asks for nothing that had been answered before."""
    assert 6 <= len(server.answered) < 2 * QUESTIONS
    version = build(recipe, Session(home))
    assert version.manifest.rows["sft"] == QUESTIONS
    assert len(server.answered) <= 2 * QUESTIONS + 2  # those under way when it was stopped may be asked again


def refuses(*numbers: int) -> Callable[[Any], tuple[int, Any] | None]:
    """A server that refuses these questions' chains."""

    def status(body: Any) -> tuple[int, Any] | None:
        number = next((n for n in numbers if f"What is number {n}?" in str(body)), None)
        return None if number is None else (400, {"error": {"message": f"prompt {number} is too long"}})

    return status


def test_a_build_with_many_failures_is_no_success(recipe, home, loopback):
    loopback.status = refuses(1, 2)
    with pytest.raises(TooManyFailed, match=r"4 of 20 requests of reason failed|4 of 24 requests of reason") as stopped:
        build(recipe, Session(home))
    assert stopped.value.exit_code == 5
    assert stopped.value.version == "small@v1"
    (row,) = stopped.value.failures
    assert (row["stage"], row["samples"], row["said"]) == ("reason", 4, "HTTP 400: prompt 1 is too long")
    written = open_version("small@v1", home)
    assert written.manifest.incomplete
    assert "Incomplete" in (written.path / "README.md").read_text()
    loopback.status = lambda body: None
    asked = len(loopback.answered)
    version = build(recipe, Session(home))
    assert (version.ref, version.manifest.incomplete, version.manifest.rows["sft"]) == ("small@v2", False, QUESTIONS)
    assert len(loopback.answered) == asked + 2


def test_what_a_higher_limit_allows_is_complete(recipe, home, loopback):
    loopback.status = refuses(1, 2)
    with pytest.raises(TooManyFailed):
        build(recipe, Session(home))
    allowing = recipe.model_copy(update={"limits": LimitsSection(max_failed=0.5)})
    version = build(allowing, Session(home))
    assert (version.ref, version.manifest.incomplete) == ("small@v2", False)


def test_a_few_failures_may_be_allowed(recipe, home, loopback):
    loopback.status = refuses(1)
    allowing = recipe.model_copy(update={"limits": LimitsSection(max_failed=0.1)})
    version = build(allowing, Session(home))
    assert not version.manifest.incomplete
    assert [row["samples"] for row in failures(version)] == [2]


def test_limits_at_their_default_change_no_recipe(recipe):
    assert "limits" not in recipe.model_dump(mode="json")


def test_a_disk_that_fills_while_the_version_is_written_costs_nothing(recipe, home, loopback, monkeypatch):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def write_on_a_full_disk(run):
        resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, hard))  # larger files are refused, as all are on a full disk
        try:
            return write(run)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    monkeypatch.setattr("ovt.curate.build.write", write_on_a_full_disk)
    with pytest.raises(OvtError, match="free some space"):
        build(recipe, Session(home))
    assert not [path for path in home.path.glob("versions/small/*") if path.name != ".lock"]
    monkeypatch.undo()
    asked = len(loopback.seen)
    assert build(recipe, Session(home)).manifest.rows["sft"] == QUESTIONS
    assert len(loopback.seen) == asked


KILLED = """
import os, sys
from pathlib import Path
from ovt.core.home import Home
from ovt.curate import parts, run
from ovt.curate.build import build
from ovt.curate.recipe import Recipe
run.CHUNK = 2
keep = parts.Results.put
def put(self, part, result):
    keep(self, part, result)
    if len([*self.folder.iterdir()]) == 4:
        os.kill(os.getpid(), 9)
parts.Results.put = put
build(Recipe.model_validate_json(sys.argv[1]), run.Session(Home(Path(sys.argv[2]))))
"""


def test_after_kill_9_nothing_is_asked_or_decided_again(recipe, home, loopback, monkeypatch, tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, recipe.model_dump_json(), str(home.path)], check=False)
    assert killed.returncode == -9
    asked, decided = len(loopback.seen), []
    monkeypatch.setattr("ovt.curate.run.CHUNK", 2)
    monkeypatch.setattr("ovt.curate.parts.decide", lambda *of: decided.append(of) or decide(*of))
    version = build(recipe, Session(home))
    assert len(loopback.seen) == asked == 3 * QUESTIONS - QUESTIONS
    assert len(decided) == QUESTIONS // 2 - 4
    assert version.manifest.content_hash == build(recipe, Session(Home(tmp_path / "other"))).manifest.content_hash
    assert [path.name for path in version.path.parent.iterdir() if path.name != ".lock"] == ["v1"]


def test_what_was_decided_from_a_failed_reply_is_decided_again(recipe, home, loopback, monkeypatch, tmp_path):
    loopback.status = refuses(1)
    finish = VersionWriter.finish
    monkeypatch.setattr(VersionWriter, "finish", lambda *_: stop())
    with pytest.raises(KeyboardInterrupt):
        build(recipe, Session(home))
    assert [*home.path.glob("versions/small/.new.*.part/decided/*")]
    monkeypatch.setattr(VersionWriter, "finish", finish)
    loopback.status = lambda body: None
    version = build(recipe, Session(home))
    assert not failures(version)
    assert version.manifest.rows["sft"] == QUESTIONS


def stop() -> None:
    raise KeyboardInterrupt


def test_usage_counts_each_judgement_and_what_it_took() -> None:
    replies = [
        Reply("CORRECT", prompt_tokens=10, completion_tokens=2, cost_usd=0.5),
        Reply("WRONG", cost_usd=0.0),
        None,
        Reply(None, error="HTTP 400: 4097 tokens are too many"),
        Reply(None, error="HTTP 400: 5120 tokens are too many"),
        Reply(None, error="HTTP 500: out of memory"),
    ]
    used = judge_usage(replies)
    assert (used.stage, used.samples, used.failed) == ("judge", 6, 4)
    said = [(error.reason, error.rows) for error in used.errors]
    assert said == [("HTTP 400: 4097 tokens are too many", 2), ("HTTP 500: out of memory", 1)]
    assert (used.prompt_tokens, used.completion_tokens, used.cost_usd) == (10, 2, 0.5)
    assert judge_usage([]).cost_usd is None
    # As with samples: where the price of one is not known, that of all is not.
    assert judge_usage([*replies, Reply("WRONG")]).cost_usd is None
