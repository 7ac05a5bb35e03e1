"""A recipe's own servers: a build starts and stops them; `ovt serve` keeps them for the builds beside it."""

import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ovt.curate.endpoints.serving import listeners

LOOPBACK = Path(__file__).parents[1] / "loopback.py"
SERVE = """
import os, sys, threading
sys.path.insert(0, {folder!r})
from loopback import Loopback
with Loopback(port=int(sys.argv[1]), api_key=os.environ["VLLM_API_KEY"]):
    threading.Event().wait()
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def own(shell: Any, loopback: Any, port: int) -> Any:
    """A shell whose recipe starts its server, which answers nobody without its key, as vLLM does."""
    text = shell.recipe.read_text()
    script = shell.folder / "serve.py"
    script.write_text(SERVE.format(folder=str(LOOPBACK.parent)))
    command = f"{sys.executable} {script} {{port}}"
    served = f'base_url = "http://127.0.0.1:{port}/v1"\nserve = {{ command = "{command}", ready_s = 100 }}'
    shell.recipe.write_text(text.replace(f'base_url = "{loopback.url}"', served))
    assert "serve =" in shell.recipe.read_text()
    return shell


def test_a_build_starts_what_it_asks_and_stops_it(own: Any, port: int) -> None:
    refused = own.run("curate", "build", str(own.recipe))
    assert refused.returncode == 1
    assert "this recipe would run" in refused.stderr
    assert not listeners(port)
    planned = own.run("curate", "build", str(own.recipe), "--dry-run")
    assert "serve.py PORT (you will be asked once)" in " ".join(planned.stdout.split())
    done = own.run("curate", "build", str(own.recipe), "--yes-recipe", "--json", "--set", "limits.max_failed=1.0")
    assert done.returncode == 0, done.stderr
    assert "serve server: 1/1 done" in done.stderr
    assert not listeners(port)
    again = own.run("curate", "build", str(own.recipe), "--json", "--set", "limits.max_failed=1.0")
    assert "serve server" not in again.stderr  # nothing is left to ask


def test_builds_use_what_serve_keeps_running(own: Any, port: int) -> None:
    keeping = own.start("serve", str(own.recipe), "--yes-recipe")
    give_up = time.monotonic() + 100
    while not listeners(port):
        assert keeping.poll() is None
        assert time.monotonic() < give_up
        time.sleep(0.05)
    record = own.home / "servers" / f"{port}.json"
    done = own.run("curate", "build", str(own.recipe), "--json", "--set", "limits.max_failed=1.0")
    assert done.returncode == 0, done.stderr
    assert record.is_file()
    assert listeners(port) == {os.getuid()}  # it stays
    keeping.send_signal(signal.SIGINT)
    out, err = keeping.communicate(timeout=60)
    assert keeping.returncode == 0, err
    assert f"http://127.0.0.1:{port}/v1" in out
    assert not listeners(port)
    assert not record.exists()


def test_a_recipe_without_serve_has_nothing_to_serve(shell: Any) -> None:
    done = shell.run("serve", str(shell.recipe))
    assert done.returncode == 1
    assert "gives ovt no server to start: add serve to one of its endpoints" in done.stderr
