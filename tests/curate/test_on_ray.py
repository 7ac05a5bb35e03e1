"""The engine on real Ray: the same bytes as here, whatever dies, and nothing secret in a worker's hands.

Needs Ray (`make test-ray`); skipped without.
"""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ovt.core.engine import map_chunks
from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.core.progress import Progress
from ovt.core.section import read_section
from ovt.curate import on_ray, parts, servers_on_ray
from ovt.curate.build import build
from ovt.curate.decide import deciding
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.serving import listeners, lists_models
from ovt.curate.recipe import Recipe
from ovt.curate.reports.what_if import what_if
from ovt.curate.run import Session
from ovt.curate.servers import Record, read_record
from ovt.curate.versions.read import Version

QUESTIONS = 12
SECRET = "sk-not-for-anybody-else-0123456789"

has_ray = importlib.util.find_spec("ray") is not None
needs_ray = [
    pytest.mark.ray,
    pytest.mark.timeout(600),  # Ray takes half a minute to start on a busy machine
    pytest.mark.skipif(not has_ray, reason="needs Ray: make test-ray"),
]


def with_ray(test: Any) -> Any:
    for mark in needs_ray:
        test = mark(test)
    return test


@pytest.fixture(scope="module")
def engine() -> Iterator[on_ray.OnRay]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", SECRET)
        with on_ray.OnRay(cores=2) as engine:
            [*map_chunks(engine, abs, [1])]  # starts it
            yield engine


@pytest.fixture
def recipe(tmp_path: Path, loopback: Any, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    """12 questions in chunks of two, each with a caption and two chains, one of them right; a judge is asked."""
    monkeypatch.setattr("ovt.curate.run.CHUNK", 2)
    monkeypatch.setenv("OVT_TEST_KEY", SECRET)
    rows = []
    for i in range(QUESTIONS):
        Image.new("RGB", (56 + i, 56), (i, 9, 90)).save(tmp_path / f"{i}.bmp")
        rows.append({"image": f"{i}.bmp", "question": f"What is number {i}?", "answer": "12" if i % 2 else "a red bar"})
    rows.append({"image": "nowhere.png", "question": "And this?", "answer": "12"})
    rows.append(rows[0])
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    loopback.reply = lambda body, choice: (
        "CORRECT"
        if "CORRECT" in str(body)
        else f"<think>I see step {choice}.</think>It is.\n<answer>{12 + choice}</answer>"
    )
    server = {"base_url": loopback.url, "model": "test-model", "api_key_env": "OVT_TEST_KEY"}
    tree = {
        "name": "small",
        "sources": [{"path": str(tmp_path / "rows.jsonl"), "max_pixels": 2500}],
        "endpoints": {"server": server},
        "caption": {"endpoint": "server"},
        "reason": {"endpoint": "server", "k": 2},
        "verify": {"judge": {"endpoint": "server"}},
        "dedup": {},
    }
    return Recipe.model_validate(tree)


def hash_of(version: Version) -> str:
    return version.manifest.content_hash


@with_ray
def test_a_build_has_the_bytes_of_one_without_ray(recipe, home, engine, tmp_path):
    there = build(recipe, Session(home, engine=engine))
    here = build(recipe, Session(Home(tmp_path / "here")))
    assert hash_of(there) == hash_of(here)
    assert there.manifest.rows["sft"] == QUESTIONS
    assert [use.samples for use in there.manifest.usage if use.stage == "judge"] == [QUESTIONS]
    changed = ["filter.length.max_words=2"]
    assert what_if(there, changed, engine=engine) == what_if(there, changed)


@with_ray
def test_a_worker_that_dies_is_replaced_and_its_chunk_done_again(recipe, home, engine, monkeypatch, tmp_path):
    here = build(recipe, Session(Home(tmp_path / "here")))
    real, dead = parts.decide_part, tmp_path / "dead"

    def dying(recipe: Recipe, part: parts.Part) -> Any:
        try:
            with dead.open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return real(recipe, part)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    monkeypatch.setattr(parts, "decide_part", dying)
    there = build(recipe, Session(home, engine=engine))
    assert int(dead.read_text()) != os.getpid()
    assert hash_of(there) == hash_of(here)


KILLED = """
import os, sys
from pathlib import Path
from ovt.core.home import Home
from ovt.curate import on_ray, parts, run
from ovt.curate.build import build
from ovt.curate.recipe import Recipe
run.CHUNK = 2
keep = parts.Results.put
def put(self, part, result):
    keep(self, part, result)
    if len([*self.folder.glob("decided-*")]) == 3:
        session = on_ray.ray_module()._private.worker._global_node.get_session_dir_path()
        Path(sys.argv[3]).write_text(session)
        os.kill(os.getpid(), 9)
parts.Results.put = put
with on_ray.OnRay(cores=2) as engine:
    build(Recipe.model_validate_json(sys.argv[1]), run.Session(Home(Path(sys.argv[2])), engine=engine))
"""


@with_ray
def test_after_kill_9_of_the_driver_nothing_is_asked_or_decided_again(
    recipe, home, engine, loopback, monkeypatch, tmp_path
):
    loopback.chaos = replace(loopback.chaos, share=0.2, kinds=("429", "500", "drop"))  # none of them is a reply
    code = [sys.executable, "-c", KILLED, recipe.model_dump_json(), str(home.path), str(tmp_path / "session")]
    assert subprocess.run(code, check=False).returncode == -9
    put = []
    keep = parts.Results.put
    monkeypatch.setattr(parts.Results, "put", lambda self, *of: put.append(self.name) or keep(self, *of))
    there = build(recipe, Session(home, engine=engine))
    assert put.count("decided") == QUESTIONS // 2 - 3
    answered = Counter(seen.digest for seen in loopback.seen if seen.outcome == "answered")
    assert len(answered) > QUESTIONS
    assert max(answered.values()) == 1
    assert hash_of(there) == hash_of(build(recipe, Session(Home(tmp_path / "here"))))
    session = (tmp_path / "session").read_text()
    wait_for(lambda: not [one for one in Path("/proc").glob("[0-9]*") if session in words_of(one, "cmdline")])


@with_ray
def test_a_chunk_that_kills_every_worker_is_one_line(engine):
    def deadly(chunk: int) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return chunk

    with pytest.raises(OvtError, match="Ray gave up on a chunk after 4 tries"):
        [*map_chunks(engine, deadly, [1])]


@with_ray
def test_an_error_in_a_task_comes_through_as_it_is(engine):
    def wrong(chunk: int) -> int:
        raise OvtError(f"chunk {chunk} is wrong", "mend it")

    with pytest.raises(OvtError, match=r"^chunk 7 is wrong; mend it$"):
        [*map_chunks(engine, wrong, [7])]


@with_ray
def test_no_secret_is_in_an_argument_an_environment_or_a_log(recipe, home, engine):
    import ray  # ty: ignore[import-not-found] (optional)

    build(recipe, Session(home, engine=engine))
    ((_, environ),) = map_chunks(engine, lambda _: dict(os.environ), [1])
    assert SECRET not in str(environ)
    task = ray.cloudpickle.dumps(partial(parts.decide_part, deciding(recipe)))
    assert not any(word in task for word in (SECRET.encode(), b"OVT_TEST_KEY", b"127.0.0.1"))
    session = Path(ray._private.worker._global_node.get_session_dir_path())
    logs = [path for path in session.rglob("*") if path.is_file()]
    assert logs
    assert not [path for path in logs if SECRET.encode() in path.read_bytes()]
    started = [process for process in Path("/proc").glob("[0-9]*") if str(session) in words_of(process, "cmdline")]
    assert started
    assert not [process for process in started if SECRET in words_of(process, "environ")]


@with_ray
@pytest.mark.parametrize("victim", ["actor", "server"])
def test_an_actor_or_its_server_that_dies_is_replaced(engine, monkeypatch, victim):
    monkeypatch.setattr("ovt.curate.servers_on_ray.check_agreed", lambda found: None)
    port = free_port()
    command = f"{sys.executable} {Path(__file__).parents[1] / 'loopback.py'} --port {{port}}"
    serve = {"command": command, "replicas": 1, "ready_s": 60}
    own = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "test-model", "serve": serve, "max_concurrency": 2}
    section = read_section(EndpointSection, own, "own")
    with servers_on_ray.serving_on_ray({"server": section}, engine, Progress()) as servers:
        (one,) = servers.placed
        url, token = one.where
        assert (url, lists_models(url), bool(token)) == (section.urls[0], True, True)
        record = record_of(port)
        killed = {"actor": record.owner, "server": record.process}[victim]
        os.kill(killed.number, signal.SIGKILL)
        wait_for(lambda: not killed.is_alive())
        wait_for(lambda: lists_models(url))
        assert on_ray.ray_module().get(one.actor.where.remote()) == (url, token)
        last = record_of(port)
        assert (last.process == record.process) == (victim == "actor")  # a server that was left over is taken over
    wait_for(lambda: not last.process.is_alive())
    assert not listeners(port)


@with_ray
def test_a_build_whose_worker_and_actor_die_has_the_same_bytes(recipe, home, engine, loopback, monkeypatch, tmp_path):
    monkeypatch.setattr("ovt.curate.servers_on_ray.check_agreed", lambda found: None)
    loopback.reply = type(loopback).reply  # as the server that is started answers
    here = build(recipe, Session(Home(tmp_path / "here")))
    port = free_port()
    server = {"base_url": f"http://127.0.0.1:{port}/v1", "model": "test-model", "serve": faulty_server()}
    session = Session(home, engine=engine)
    killing = threading.Thread(target=kill_owner, args=(port, session.progress))
    real, dead = parts.decide_part, tmp_path / "dead"

    def dying(recipe: Recipe, part: parts.Part) -> Any:
        if not dead.exists():
            dead.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return real(recipe, part)

    monkeypatch.setattr(parts, "decide_part", dying)
    killing.start()
    there = build(Recipe.model_validate(recipe.model_dump() | {"endpoints": {"server": server}}), session)
    killing.join()
    assert dead.exists()
    assert session.progress.stages["reason"].retries > 0
    assert hash_of(there) == hash_of(here)
    wait_for(lambda: not listeners(port))


def faulty_server() -> dict[str, Any]:
    """A server, a fifth of whose answers go wrong."""
    command = f"{sys.executable} {Path(__file__).parents[1] / 'loopback.py'} --port {{port}} --latency 0.05"
    return {"command": f"{command} --share 0.2 --kinds 429 500 drop", "replicas": 1, "ready_s": 60}


def kill_owner(port: int, progress: Progress) -> None:
    """Kills the actor that looks after a server, once some chains are there."""
    wait_for(lambda: "reason" in progress.stages and progress.stages["reason"].done > 2)
    os.kill(record_of(port).owner.number, signal.SIGKILL)


def record_of(port: int) -> Record:
    record = read_record(servers_on_ray.own_folder() / "servers" / f"{port}.json")
    assert record is not None
    return record


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_for(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 90
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.05)


def words_of(process: Path, name: str) -> str:
    try:
        return (process / name).read_bytes().decode(errors="replace")
    except OSError:
        return ""


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(OvtError, match=r"--engine ray needs Ray, which is not installed; pip install 'ovt\[ray\]'"):
        on_ray.OnRay()


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (("spark",), "--engine is 'spark'; choose local or ray"),
        (("local", "auto"), "--ray-address is for --engine ray"),
    ],
)
def test_an_option_that_cannot_be_used_is_a_line(asked, told):
    with pytest.raises(RecipeError, match=told):
        on_ray.open_engine(*asked)


def test_workers_with_another_ovt_are_refused():
    with pytest.raises(OvtError, match=r"Ray's workers have ovt 9\.9"):
        on_ray.check_versions(("9.9", "1"))


def test_only_one_file_imports_ray():
    root = Path(on_ray.__file__).parents[1]
    folders = ("core", "verifiers", "curate", "evaluation", "train", "commands", "view", "pocket")
    files = [path for folder in folders for path in (root / folder).rglob("*.py")]
    assert [path.name for path in files if "import ray" in path.read_text()] == ["on_ray.py"]
