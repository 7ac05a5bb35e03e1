"""`ovt` as a user types it: in this process, which takes no time to start, or in its own, which can be killed.

Processes of their own are forks of one that has imported the large libraries once (multiprocessing's fork server):
PyTorch and TRL alone are seconds of each start.
"""

import contextlib
import functools
import io
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock

OVT = Path(sys.executable).with_name("ovt")
# Nothing of it starts threads that would be missing in a fork: Polars, and with it most of ovt, does.
IMPORTED = (
    "ovt.cli", "openai", "aiohttp", "pydantic", "datasets", "peft", "trl.trainer.sft_trainer",
    "trl.trainer.grpo_trainer", "transformers.models.qwen2_5_vl.modeling_qwen2_5_vl",
    "transformers.models.auto.modeling_auto", "transformers.models.auto.processing_auto",
)  # fmt: skip


@dataclass(frozen=True)
class Shell:
    """A folder to work in, all of the environment that its commands see, and a recipe to build.

    With `apart`, each command is a new Python, which imports what its environment says.
    """

    folder: Path
    environ: dict[str, str]
    recipe: Path = Path()
    apart: bool = False

    @property
    def home(self) -> Path:
        return Path(self.environ["OVT_HOME"])

    def run(self, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """The command's exit code and what it printed. A bug in it is raised here, unless it runs apart."""
        environ = self.environ | environ
        if self.apart:
            return subprocess.run(
                [OVT, *arguments],
                cwd=self.folder,
                env=environ,
                text=True,
                capture_output=True,
                timeout=110,
                check=False,
            )
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run_here(arguments, self.folder, environ)
        said = (stream.buffer.getvalue().decode() for stream in (out, err))
        return subprocess.CompletedProcess(["ovt", *arguments], code, *said)

    def build(self, *options: str, home: Path | None = None, **environ: str) -> dict[str, Any]:
        """`ovt curate build … --json` that has to work; the outline of the version."""
        there = {"OVT_HOME": str(home or self.home)}
        done = self.run("curate", "build", str(self.recipe), "--json", *options, **there, **environ)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str, program: str = "", **environ: str) -> "Started":
        """The command, or a Python program, in a process and a process group of its own, as a terminal starts it."""
        return Started(functools.partial(run_here, arguments, self.folder, self.environ | environ, program))


def run_here(arguments: tuple[str, ...], folder: Path, environ: dict[str, str], program: str = "") -> int:
    """The exit code of a command through its entry point, or of a program in its place."""
    from ovt.cli import main

    with (
        contextlib.chdir(folder),
        mock.patch.dict(os.environ, environ, clear=True),
        mock.patch.object(sys, "argv", [str(OVT), *map(str, arguments)]),
    ):
        try:
            if program:
                exec(compile(program, "program", "exec"), {"__name__": "__main__"})
            else:
                main()
        except SystemExit as end:
            if isinstance(end.code, str):
                print(end.code, file=sys.stderr)
                return 1
            return end.code or 0
    return 0


class Started:
    """A fork that runs `work`, with what subprocess.Popen has for it. What it prints is read when it has ended."""

    def __init__(self, work: Callable[[], int]) -> None:
        self._files = TemporaryDirectory(prefix="ovt-started-")
        self._process = server().Process(target=run_apart, args=(work, self._files.name))
        self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float = 110) -> int | None:
        self._process.join(timeout)
        if self._process.exitcode is None:
            self.kill()
            raise subprocess.TimeoutExpired("ovt", timeout)
        return self._process.exitcode

    def communicate(self, timeout: float = 110) -> tuple[str, str]:
        self.wait(timeout)
        out, err = ((Path(self._files.name) / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return out, err

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()


@functools.cache
def server() -> ForkServerContext:
    """The process to fork, with one thread for PyTorch, as tests run beside each other."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*IMPORTED])
    with mock.patch.dict(os.environ, {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}):
        forkserver.ensure_running()
    return context


def run_apart(work: Callable[[], int], folder: str) -> None:
    """The fork's part: its output goes to files."""
    os.setsid()
    for stream, name in ((sys.stdout, "out"), (sys.stderr, "err")):
        stream.flush()
        number = os.open(Path(folder) / name, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        os.dup2(number, stream.fileno())
    sys.exit(work())
