"""How commands end: one harmless line, and the code that says why."""

import io
import os
import signal
import subprocess
import sys

import pytest

from ovt.cli import main
from ovt.commands.terminal import ask, print_error, print_json, say
from ovt.core.records import rebuild_line


def test_an_error_is_one_line_without_control_characters(capsys):
    print_error("no file \x1b[2Jcharts\r\n.toml\tthere")
    assert capsys.readouterr().err == "ovt: no file \ufffd[2Jcharts .toml there\n"


def test_lines_of_a_result_are_not_wrapped_and_do_no_harm(capsys):
    say("x" * 300, "\x1b[2J")
    assert capsys.readouterr().out == "x" * 300 + "\n\ufffd[2J\n"


def test_a_default_that_others_have_named_is_shown_harmlessly_and_taken_as_it_is(monkeypatch):
    offered = []

    def prompt(question, default, err):
        offered.append(default)
        return default if len(offered) == 1 else "typed"

    monkeypatch.setattr("typer.prompt", prompt)
    assert [ask("question is in", "q\x1b[2J"), ask("model", "m")] == ["q\x1b[2J", "typed"]
    assert offered == ["q\ufffd[2J", "m"]


def test_output_that_takes_few_characters(monkeypatch):
    """As PYTHONIOENCODING or a locale may choose: JSON stays JSON, and other lines lose what cannot be written."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr("ovt.cli.app", lambda: (print_json({"gold": "30°"}), say("30°")))
    main()
    out.seek(0)
    assert out.read() == '{\n  "gold": "30\\u00b0"\n}\n30?\n'


def test_a_command_line_to_build_again_is_one_that_a_shell_takes():
    line = rebuild_line("data", "what-if", "a@1", overrides=["x='b c'"], reverify=True, limit=None, save_as="d")
    assert line == """ovt data what-if a@1 --set 'x='"'"'b c'"'"'' --reverify --save-as d"""


WAITING = """
import asyncio, signal, sys
import ovt.cli, ovt.commands.terminal as terminal

async def work():
    print("ready", flush=True)  # a signal before the loop runs would not be the loop's to answer
    await asyncio.sleep(60)

def wait():
    with terminal.resumable():
        asyncio.run(work())

if sys.argv[1] == "ignored":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.argv = ["ovt", "curate", "build", "x"]
ovt.cli.app = wait
import typer
try:
    ovt.cli.main()
except typer.Exit as end:
    sys.exit(end.exit_code)
"""


@pytest.mark.parametrize("ctrl_c", ["heard", "ignored"])
def test_sigterm_ends_an_event_loop_as_ctrl_c_does(ctrl_c):
    process = subprocess.Popen(
        [sys.executable, "-c", WAITING, ctrl_c], text=True, env=dict(os.environ),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 143
    assert err == "ovt: terminated; every reply so far is kept; resume with: ovt curate build x\n"
