"""Serving: a command starts a real server, which is waited for and stopped; what goes wrong is told in one line."""

import asyncio
import os
import socket
import sys
from pathlib import Path

import pytest

from ovt.core.agreed import agree
from ovt.core.errors import OvtError
from ovt.core.used_keys import used_keys
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.keys import TOKENS, hosts
from ovt.curate.endpoints.section import LOOPBACK as HERE
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.serving import check_listeners, listeners, on_loopback
from ovt.train.loop.recipe import ServingSection
from ovt.train.loop.serve import served, token_for

LOOPBACK = Path(__file__).parents[2] / "loopback.py"


@pytest.fixture(autouse=True)
def agreed(monkeypatch):
    """The user has agreed to the programs that are started here."""
    monkeypatch.setattr("ovt.curate.claims.not_agreed", lambda lines: [])


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


def test_a_program_is_not_started_unless_the_user_agreed(config, tmp_path, port, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(config.parent))
    ran = tmp_path / "ran"
    serving = section(port, f"touch {ran}", ready_s=1)
    with (
        pytest.raises(OvtError, match=r"this recipe would run touch .*, which you have not agreed to; .* --yes-recipe"),
        served(serving, "m", "n", None, tmp_path / "log"),
    ):
        pass
    assert not ran.exists()
    agree(["run " + str(serving.command)])
    with pytest.raises(OvtError, match="ended with exit code 0"), served(serving, "m", "n", None, tmp_path / "log"):
        pass
    assert ran.exists()


def test_the_server_gets_a_token_that_no_list_of_processes_shows(config, tmp_path, port):
    script = tmp_path / "serve.py"
    script.write_text(
        "import os, sys\n"
        f"sys.path.insert(0, {str(LOOPBACK.parent)!r})\n"
        "from loopback import Loopback\n"
        "import threading\n"
        f"with Loopback(port={port}, api_key=os.environ['VLLM_API_KEY'], models=('n',)):\n"
        "    threading.Event().wait()\n"
    )
    serving = section(port, f"{sys.executable} {script}")
    body = {"model": "n", "messages": [{"role": "user", "content": "hi"}]}

    async def ask(endpoint):
        async with open_endpoint("served", endpoint, {}) as opened:
            return await opened.urls.all[0].transport.send(body)

    with served(serving, "m", "n", None, tmp_path / "log") as endpoint:
        assert asyncio.run(ask(endpoint))["choices"]
        assert endpoint.api_key_env is None  # what a version says about its endpoint is as before
        (token,) = TOKENS.values()
        assert len(token) > 30
        assert listeners(port) == {os.getuid()}
    assert TOKENS == {}
    assert used_keys() == []


def test_a_listener_of_another_user_is_not_taken_for_the_server(monkeypatch, port):
    url = f"http://127.0.0.1:{port}/v1"
    check_listeners([url], "serving.command")
    monkeypatch.setattr("ovt.curate.endpoints.serving.listeners", lambda port: {os.getuid(), 4321})
    with pytest.raises(OvtError, match=rf"port {port} of this machine belongs to another user \(uid 4321\)"):
        check_listeners([url], "serving.command")


@pytest.mark.parametrize(
    ("command", "url", "more"),
    [
        ("vllm serve m --port 8000", "http://127.0.0.1:8000/v1", ["--host", "127.0.0.1"]),
        ("vllm serve m --host=0.0.0.0", "http://127.0.0.1:8000/v1", []),
        ("vllm serve m --host 0.0.0.0", "http://127.0.0.1:8000/v1", []),
        ("vllm serve m", "http://gpu7:8000/v1", []),
        ("other serve m", "http://127.0.0.1:8000/v1", []),
    ],
)
def test_vllm_listens_on_this_machine_alone(command, url, more):
    near = hosts(EndpointSection(base_url=url, model="n")) <= HERE
    assert on_loopback(command.split(), near) == [*command.split(), *more]


def test_the_users_own_key_for_the_server_stays(monkeypatch):
    endpoint = EndpointSection(base_url="http://127.0.0.1:8000/v1", model="n")
    monkeypatch.setenv("VLLM_API_KEY", "mine")
    with token_for(endpoint) as environ:
        assert environ["VLLM_API_KEY"] == "mine"
        assert TOKENS == {}
