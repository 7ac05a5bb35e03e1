"""Servers that ovt starts for an endpoint: real processes that are waited for, watched, shared and stopped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ovt.core.agreed import agree
from ovt.core.errors import OvtError, RecipeError
from ovt.core.files import make_folder
from ovt.core.home import Home
from ovt.core.progress import Progress
from ovt.core.section import read_section
from ovt.curate.endpoints.keys import TOKENS
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.serving import listeners, lists_models, wait_until_ready
from ovt.curate.servers import (
    Process,
    Record,
    Replica,
    gpus,
    read_record,
    replicas_of,
    serving,
    start_again,
    start_all,
    stop_all,
)

LOOPBACK = Path(__file__).parents[1] / "loopback.py"
LONG_S = 60  # what is waited for on a busy machine


@pytest.fixture(autouse=True)
def agreed(monkeypatch):
    """The user has agreed to the programs that are started here."""
    monkeypatch.setattr("ovt.curate.claims.not_agreed", lambda lines: [])


@pytest.fixture
def port() -> int:
    """The first of two free ports in a row."""
    for number in range(20_000 + os.getpid() % 10_000, 60_000, 2):
        if not any(is_taken(one) for one in (number, number + 1)):
            return number
    raise AssertionError("no free ports")


def is_taken(port: int) -> bool:
    with socket.socket() as free:
        return free.connect_ex(("127.0.0.1", port)) == 0


def section(port: int, **serve: object) -> EndpointSection:
    command = f"{sys.executable} {LOOPBACK} --port {{port}}"
    return EndpointSection(
        base_url=f"http://127.0.0.1:{port}/v1", model="m", serve={"command": command, "ready_s": LONG_S, **serve}
    )


def until(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + LONG_S
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def start_and_stop(home: Home, there: EndpointSection) -> None:
    with serving({"a": there}, home, Progress()):
        pass


def numbers(replicas: list[Replica]) -> list[int]:
    return [one.record.process.number for one in replicas if one.record]


def test_replicas_are_started_and_stopped(home: Home, port: int) -> None:
    progress = Progress()
    with serving({"a": section(port, replicas=2)}, home, progress) as replicas:
        assert [one.url for one in replicas] == [f"http://127.0.0.1:{number}/v1" for number in (port, port + 1)]
        assert all(lists_models(one.url) for one in replicas)
        assert len({TOKENS[f"http://127.0.0.1:{number}"] for number in (port, port + 1)}) == 1  # an endpoint's key
        assert (home.servers / f"{port}.json").stat().st_mode & 0o077 == 0
        assert progress.stages["serve a"].done == 2
        started = numbers(replicas)
    assert not any(Process.of(number).is_alive() for number in started)
    assert not list(home.servers.glob("*.json"))
    assert TOKENS == {}
    assert not listeners(port)


def test_one_that_ends_is_started_again(home: Home, port: int) -> None:
    progress = Progress()
    with serving({"a": section(port)}, home, progress) as replicas:
        (first,) = numbers(replicas)
        os.kill(first, signal.SIGKILL)
        until(lambda: numbers(replicas) != [first] and lists_models(replicas[0].url))
        assert f"the server for http://127.0.0.1:{port}/v1 ended" in progress.notes[0]
        assert "it is started again" in progress.notes[0]
    assert not listeners(port)


def test_what_a_killed_command_left_is_used_and_stopped(home: Home, port: int) -> None:
    start_all(replicas := replicas_of({"a": section(port)}, home), home)
    (started,) = numbers(replicas)
    token = TOKENS.pop(f"http://127.0.0.1:{port}")
    gone = subprocess.Popen(["true"])
    dead = Process.of(gone.pid)
    gone.wait()
    record = home.servers / f"{port}.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"owner": {"number": dead.number, "began": "1"}}))
    with serving({"a": section(port)}, home, Progress()) as found:
        assert numbers(found) == [started]
        assert TOKENS[f"http://127.0.0.1:{port}"] == token
    until(replicas[0].has_ended)
    assert not listeners(port)


def test_a_number_alone_is_no_process() -> None:
    """A home may come from elsewhere, and with it a record that names any process of ours."""
    assert Process.of(os.getpid()).is_alive()
    assert not any(Process(os.getpid(), began).is_alive() for began in ("", "1"))
    assert not Process(-1, "").is_alive()


@pytest.mark.parametrize("odd", [{"number": "x"}, {"number": None}, {"began": 1}, 5])
def test_a_record_of_anything_else_is_none(tmp_path: Path, odd: object) -> None:
    process = {"number": 1, "began": "1"}
    told = {"process": process, "owner": process, "command": ["a"], "token": None}
    (tmp_path / "1.json").write_text(json.dumps(told))
    assert read_record(tmp_path / "1.json") == Record(Process(1, "1"), Process(1, "1"), ("a",), None)
    (tmp_path / "1.json").write_text(json.dumps(told | {"owner": process | odd if isinstance(odd, dict) else odd}))
    assert read_record(tmp_path / "1.json") is None


def test_a_server_that_ended_is_started_with_the_token_that_its_owner_uses(home: Home, port: int) -> None:
    start_all(replicas := replicas_of({"a": section(port)}, home), home)
    os.kill(numbers(replicas)[0], signal.SIGKILL)
    until(replicas[0].has_ended)
    start_all(others := replicas_of({"a": section(port)}, home), home)
    assert others[0].token == replicas[0].token
    stop_all(others, home)


def test_what_another_command_keeps_running_is_used_and_stays(home: Home, port: int) -> None:
    with serving({"a": section(port)}, home, Progress()) as replicas:
        with serving({"a": section(port)}, home, Progress()) as found:
            assert numbers(found) == numbers(replicas)
            assert not found[0].mine
        assert lists_models(replicas[0].url)
        other = section(port, command=f"{sys.executable} {LOOPBACK} --latency 0.1 --port {{port}}")
        with (
            pytest.raises(
                OvtError, match=rf"process {os.getpid()} serves something else at http://127.0.0.1:{port}/v1"
            ),
            serving({"a": other}, home, Progress()),
        ):
            pass


def test_two_commands_start_one_that_ends_once(home: Home, port: int) -> None:
    there = {"a": section(port)}
    with serving(there, home, Progress()) as replicas, serving(there, home, Progress()) as others:
        (first,) = numbers(replicas)
        os.kill(first, signal.SIGKILL)
        until(lambda: numbers(replicas) == numbers(others) and numbers(others) not in ([], [first]))
        assert [one.child is None for one in (*replicas, *others)].count(True) == 1
    assert not listeners(port)


def test_the_record_of_the_next_server_there_stays(home: Home, port: int) -> None:
    start_all(replicas := replicas_of({"a": section(port)}, home), home)
    record = home.servers / f"{port}.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"token": "of another command"}))
    stop_all(replicas, home)
    assert "of another command" in record.read_text()
    assert not listeners(port)


def test_one_that_cannot_be_started_again_is_told(home: Home, port: int) -> None:
    (one,) = replicas_of({"a": section(port, command="no-such-program-here {port}")}, home)
    make_folder(home.make().servers)
    start_again(one, home, progress := Progress())
    assert "no-such-program-here: No such file" in progress.notes[0]


def test_a_server_that_has_ended_is_not_the_one_that_answers(loopback) -> None:
    def check() -> None:
        raise OvtError("it has ended")

    with pytest.raises(OvtError, match="it has ended"):
        wait_until_ready([loopback.url], LONG_S, check)


def test_a_server_of_somebody_else_is_not_taken_for_ones_own(home: Home, loopback) -> None:
    there = EndpointSection(base_url=loopback.url, model="m", serve={"command": "false {port}"})
    with pytest.raises(OvtError, match=r"endpoints\.a\.serve: a server that ovt did not start answers at"):
        start_and_stop(home, there)


@pytest.mark.parametrize(
    ("serve", "said"),
    [
        ({"command": "sh -c 'echo CUDA out of memory; exit 3' {port}"},
         r"a\.serve: the server for .* ended with exit code 3 before it answered: CUDA out of memory; see .*log"),
        ({"command": "no-such-program-here {port}"},
         r"endpoints\.a\.serve\.command cannot be run: no-such-program-here: No such file"),
        ({"command": "sleep 60 {port}", "ready_s": 1},
         r"did not answer at .* within 1 s: see .*log, or raise serve\.ready_s"),
    ],
)  # fmt: skip
def test_a_server_that_does_not_come_up_is_one_line(home: Home, port: int, serve: dict, said: str) -> None:
    with pytest.raises(OvtError, match=said):
        start_and_stop(home, section(port, **serve))
    assert not list(home.servers.glob("*.json"))


def test_each_replica_sees_gpus_of_its_own(home: Home, port: int, monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3,5,7,8")
    both = {"a": section(port, replicas=2, gpus=2), "b": section(port + 2, gpus=1)}
    assert [one.devices for one in replicas_of(both, home)] == ["2,3", "5,7", "8"]
    assert replicas_of({"b": section(port)}, home)[0].devices is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(OvtError, match="need 5 GPUs and CUDA_VISIBLE_DEVICES has 1"):
        replicas_of(both, home)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert gpus(3) == ["0", "1", "2"]


def test_it_is_vllm_unless_said_otherwise() -> None:
    there = EndpointSection(base_url="http://127.0.0.1:8000/v1", model="a/b {port}", serve={"gpus": 2, "replicas": 3})
    assert there.urls == [f"http://127.0.0.1:{port}/v1" for port in (8000, 8001, 8002)]
    assert there.serve is not None
    words = ["vllm", "serve", "a/b {port}", "--port", "8001", "--tensor-parallel-size", "2"]
    assert there.serve.words(there.model, 8001) == words


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"serve": {"command": "run"}}, r"serve\.command is 'run': it has no \{port\}"),
        ({"serve": {"command": " "}}, r"serve\.command is ' ': it is empty"),
        ({"base_url": "http://gpu7:8000/v1"}, "with serve, base_url must be on this machine and name a port"),
        (
            {"base_url": ["http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1"]},
            "with serve, base_url must be on this machine",
        ),
        (
            {"base_url": "http://127.0.0.1:65535/v1", "serve": {"replicas": 2}},
            "the ports of 2 replicas end above 65535",
        ),
    ],
)
def test_what_cannot_be_served_is_one_line(changed: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        read_section(
            EndpointSection, {"base_url": "http://127.0.0.1:1/v1", "model": "m", "serve": {}} | changed, "here"
        )


def test_nothing_is_started_unless_the_user_agreed(config, home: Home, port: int, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)  # touch makes a file named after the port, too
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config.parent))
    ran = tmp_path / "ran"
    there = section(port, command=f"touch {ran} {{port}}")
    with pytest.raises(OvtError, match=r"this recipe would run touch .*, which you have not agreed to; .*--yes-recipe"):
        start_and_stop(home, there)
    assert not ran.exists()
    agree([f"run touch {ran} PORT"])
    with pytest.raises(OvtError, match="ended with exit code 0"):
        start_and_stop(home, there)
    assert ran.exists()
