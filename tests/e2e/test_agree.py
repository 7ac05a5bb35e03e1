"""A recipe from elsewhere sends no key unasked; in a terminal the question comes once, elsewhere one line says how."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

# Not among the names of this machine that need no question, and nobody listens there.
ENDPOINT = 'base_url = "https://127.0.0.9:9/v1"\napi_key_env = "MY_BANK"'


@pytest.fixture
def stranger(shell: Any, loopback: Any) -> Any:
    """A shell whose recipe wants a key sent."""
    text = shell.recipe.read_text()
    shell.recipe.write_text(text.replace(f'base_url = "{loopback.url}"', ENDPOINT))
    assert "MY_BANK" in shell.recipe.read_text()
    return shell


def test_a_key_is_not_sent_unless_somebody_agreed(stranger: Any) -> None:
    line = "send $MY_BANK to https://127.0.0.9:9"
    build = ("curate", "build", str(stranger.recipe))
    done = stranger.run(*build, MY_BANK="hunter2-hunter2")
    assert done.returncode == 1
    assert f"ovt: this recipe would {line}, which you have not agreed to; agree once:" in done.stderr
    assert done.stderr.count("\n") == 1
    planned = stranger.run(*build, "--dry-run")
    assert f"{line} (you will be asked once)" in planned.stdout
    as_json = stranger.run(*build, "--dry-run", "--json")
    assert line in as_json.stderr
    assert {stage["stage"] for stage in json.loads(as_json.stdout)} == {"caption", "reason"}
    agreed = stranger.run(*build, "--yes-send-key", MY_BANK="hunter2-hunter2")
    assert "no server answers at https://127.0.0.9:9/v1" in agreed.stderr
    again = stranger.run(*build, MY_BANK="hunter2-hunter2")
    assert "no server answers" in again.stderr
    kept = (stranger.folder / ".config/ovt/agreed.json").read_text()
    assert line in kept
    assert "hunter2" not in kept + (stranger.folder / ".config/ovt/used_keys.json").read_text()
    assert not any("hunter2" in done.stdout + done.stderr for done in (done, planned, agreed, again))


@pytest.mark.parametrize(("answer", "said"), [("n\n", "not agreed to"), ("y\n", "no server answers")])
def test_in_a_terminal_it_is_asked(stranger: Any, answer: str, said: str) -> None:
    ours, theirs = pty.openpty()
    env = {"HOME": str(stranger.folder), "OVT_HOME": str(stranger.home), "MY_BANK": "hunter2-hunter2"}
    env |= {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    command = [Path(sys.executable).with_name("ovt"), "curate", "build", str(stranger.recipe)]
    process = subprocess.Popen(command, cwd=stranger.folder, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while chunk := read(ours):
        shown += chunk
        if b"[y/N]" in shown and answer:
            os.write(ours, answer.encode())
            answer = ""
    assert process.wait(60) == 1
    assert b"send $MY_BANK to https://127.0.0.9:9" in shown
    assert said in shown.decode()


def read(terminal: int) -> bytes:
    """What the other side wrote; nothing once it has gone."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
