"""How commands end: one harmless line, and the code that says why."""

import os
import signal
import subprocess
import sys

import pytest

from ovt.commands.terminal import print_error, say
from ovt.core.records import rebuild_line


def test_an_error_is_one_line_without_control_characters(capsys):
    print_error("no file \x1b[2Jcharts\r\n.toml\tthere")
    assert capsys.readouterr().err == "ovt: no file \ufffd[2Jcharts .toml there\n"


def test_lines_of_a_result_are_not_wrapped_and_do_no_harm(capsys):
    say("x" * 300, "\x1b[2J")
    assert capsys.readouterr().out == "x" * 300 + "\n\ufffd[2J\n"


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
    assert err == "ovt: terminated; everything answered is kept; resume with: ovt curate build x\n"
