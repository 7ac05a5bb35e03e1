"""Versions to publish, and the client to publish them with."""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

_PATH = Path(__file__).parents[1] / "versions" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("tests_versions", _PATH)
versions: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(versions)
home, make_build = versions.home, versions._make_build


@pytest.fixture
def api(hub, tmp_path, monkeypatch) -> HfApi:
    """The real client, with the token of "you" at the stand-in."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no-token"))
    return HfApi(hub.url, token=next(iter(hub.tokens)))


@dataclass(frozen=True)
class Shell:
    """Commands as a user types them, with the stand-in as the Hub."""

    folder: Path
    environ: dict[str, str]

    def start(self, *command: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environ | environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def python(self, code: str, **environ: str) -> str:
        """What a script of somebody else's prints."""
        return self._end(self.start(sys.executable, "-c", code, **environ))

    def ovt(self, *arguments: str, code: int = 0, **environ: str) -> str:
        """What the command prints; with another exit code, its errors."""
        return self._end(self.start(str(Path(sys.executable).with_name("ovt")), *arguments, **environ), code)

    def _end(self, process: subprocess.Popen[str], code: int = 0) -> str:
        out, err = process.communicate(timeout=100)
        assert process.returncode == code, (out, err)
        return err if code else out


@pytest.fixture
def shell(hub, home, tmp_path) -> Shell:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": next(iter(hub.tokens)),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "OVT_HOME": str(home.path),
    }
    return Shell(tmp_path, environ)


@pytest.fixture
def slow_retries(monkeypatch) -> Callable[[], None]:
    """Makes the client try again at once instead of after seconds."""
    return lambda: monkeypatch.setattr("time.sleep", lambda _seconds: None)
