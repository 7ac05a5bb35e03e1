"""`ovt` as a user types it: in this process, which takes no seconds to start, or in its own, which can be killed."""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

OVT = Path(sys.executable).with_name("ovt")


@dataclass(frozen=True)
class Shell:
    """A folder to work in, all of the environment that its commands see, and a recipe to build.

    With `apart`, each command is its own process, which imports what its environment says.
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
        if self.apart:
            return finished(self.start(*arguments, **environ))
        from ovt.cli import main

        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        with (
            contextlib.chdir(self.folder),
            mock.patch.dict(os.environ, self.environ | environ, clear=True),
            mock.patch.object(sys, "argv", ["ovt", *arguments]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            code = exit_code(main)
        said = (stream.buffer.getvalue().decode() for stream in (out, err))  # ty: ignore[unresolved-attribute]
        return subprocess.CompletedProcess(["ovt", *arguments], code, *said)

    def build(self, *options: str, home: Path | None = None, **environ: str) -> dict[str, Any]:
        """`ovt curate build … --json` that has to work; the outline of the version."""
        there = {"OVT_HOME": str(home or self.home)}
        done = self.run("curate", "build", str(self.recipe), "--json", *options, **there, **environ)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start(self, *arguments: str, program: Sequence[str | Path] = (OVT,), **environ: str) -> subprocess.Popen[str]:
        """The command as its own process, in a process group of its own, as a terminal starts it."""
        return subprocess.Popen(
            [*program, *arguments],
            cwd=self.folder,
            env=self.environ | environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )


def exit_code(main) -> int:
    """What a process would end with."""
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    return 0


def finished(process: subprocess.Popen[str], timeout: float = 110) -> subprocess.CompletedProcess[str]:
    """The process once it has ended."""
    out, err = process.communicate(timeout=timeout)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
