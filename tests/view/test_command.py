"""`ovt view` as a user types it: it starts, answers, and ends with Ctrl-C; mistakes are one line."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

OVT = Path(sys.executable).with_name("ovt")


def start(home, *arguments: str) -> subprocess.Popen[str]:
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.environ.get("PYTHONPATH", ""), "OVT_HOME": str(home.path)}
    command = [OVT, "view", *arguments]
    return subprocess.Popen(command, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_it_starts_answers_and_ends(old_home):
    running = start(old_home, "small", "--no-open", "--port", "0")
    try:
        assert running.stdout
        address = running.stdout.readline().strip()
        assert address.endswith("/#/version?version=small%40v2")
        with urllib.request.urlopen(address.split("#")[0] + "api/home", timeout=30) as answer:
            assert json.load(answer)["home"] == str(old_home.path)
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=30)
        assert (running.returncode, "Traceback" in said) == (0, False)
    finally:
        running.kill()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nobody",), "ovt: no version is named 'nobody' under"),
        (("--host", "203.0.113.7", "--no-open"), "ovt: cannot listen on 203.0.113.7"),
        (("small", "--out", "."), "ovt: . exists and is not a saved view: choose another folder"),
        (("eval:nobody", "--out", "x"), "ovt: no evaluation is named 'nobody'"),
    ],
)
def test_mistakes_are_one_line(old_home, arguments, line):
    done = start(old_home, *arguments)
    _, said = done.communicate(timeout=60)
    assert done.returncode == 1
    assert said.startswith(line), said
    assert len(said.splitlines()) == 1
