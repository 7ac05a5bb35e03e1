"""Serving: a command starts a real server, which is waited for and stopped; what goes wrong is told in one line."""

import os
import socket
import sys
from pathlib import Path

import pytest

from ovt.core.errors import OvtError
from ovt.curate.endpoints.section import EndpointSection
from ovt.train.loop.recipe import ServingSection
from ovt.train.loop.serve import served

LOOPBACK = Path(__file__).parents[2] / "loopback.py"


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def section(port: int, command: str | None, ready_s: int = 20) -> ServingSection:
    endpoint = EndpointSection(base_url=f"http://127.0.0.1:{port}/v1", model="{name}")
    return ServingSection(endpoint=endpoint, command=command, ready_s=ready_s)


def test_a_server_is_started_and_stopped(tmp_path, port):
    pid = tmp_path / "pid"
    script = tmp_path / "serve.py"
    script.write_text(
        "import os, sys, runpy, pathlib\n"
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid()) + ' ' + sys.argv[-1])\n"
        f"sys.argv = ['loopback', '--port', '{port}']\nrunpy.run_path({str(LOOPBACK)!r}, run_name='__main__')\n"
    )
    command = f"{sys.executable} {script} {{model}}"
    with served(section(port, command), "/models/a b", "rl-1", "abc", tmp_path / "logs" / "server.log") as endpoint:
        assert (endpoint.model, endpoint.revision) == ("rl-1", "abc")
        started, _, model = pid.read_text().partition(" ")
        assert model == "/models/a b"  # one argument, whatever is in it
        os.kill(int(started), 0)
    with pytest.raises(ProcessLookupError):
        os.kill(int(started), 0)
    assert "127.0.0.1" in (tmp_path / "logs" / "server.log").read_text()


@pytest.mark.parametrize(
    ("command", "said"),
    [("false", "ended with exit code 1"), ("no-such-program-here", "no-such-program-here: No such file")],
)
def test_a_server_that_does_not_come_up(tmp_path, port, command, said):
    with pytest.raises(OvtError, match=said), served(section(port, command), "m", "n", None, tmp_path / "log"):
        pass


def test_another_server_at_the_place_is_not_taken_for_ones_own(tmp_path, loopback):
    there = EndpointSection(base_url=loopback.url, model="{name}")
    with (
        pytest.raises(OvtError, match=r"a server answers at http://127.0.0.1:\d+/v1 before serving.command is started"),
        served(ServingSection(endpoint=there, command="false"), "m", "n", None, tmp_path / "log"),
    ):
        pass


def test_a_server_that_takes_too_long(tmp_path, port):
    waiting = section(port, f"{sys.executable} -c 'import time; time.sleep(60)'", ready_s=1)
    with (
        pytest.raises(OvtError, match=r"did not answer .* within 1 s"),
        served(waiting, "m", "n", None, tmp_path / "log"),
    ):
        pass


def test_an_embedded_model_needs_no_server(tmp_path):
    with served(ServingSection(), "/runs/rl-1/model", "rl-1", "abc", tmp_path / "log") as endpoint:
        assert (endpoint.embedded, endpoint.model, endpoint.revision) == ("/runs/rl-1/model", "rl-1", None)
