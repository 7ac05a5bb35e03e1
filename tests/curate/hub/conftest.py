"""Versions to publish, and the client to publish them with."""

import copy
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

from ovt.cli import main
from ovt.core.home import Home
from ovt.curate.hub.push import prepare, publish


@pytest.fixture(scope="session")
def built(make_build_in, tmp_path_factory) -> Callable[[int], Any]:
    """`built(10)`: a version of ten questions, tiny@v1 of a home of its own; always the same one, so only to read."""
    made: dict[int, Any] = {}

    def build(count: int) -> Any:
        if count not in made:
            home = Home(tmp_path_factory.mktemp(f"built-{count}"))
            made[count] = make_build_in(home, count).write(home)
        return made[count]

    return build


@pytest.fixture(scope="session")
def shelf(built, load_file) -> Any:
    """The repositories of a Hub to which built(10) was pushed as you/tiny@v3, made once."""
    stand_in = load_file("hub")
    with pytest.MonkeyPatch.context() as patch, stand_in.Hub() as server:
        patch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        publish(prepare(built(10), "you/tiny", "v3", {}), HfApi(server.url, token=stand_in.TOKEN))
        return server.repos


@pytest.fixture
def pushed(hub, shelf, built) -> Any:
    """The version that is at you/tiny@v3 of the stand-in."""
    hub.repos = copy.deepcopy(shelf)
    return built(10)


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
    patch: pytest.MonkeyPatch
    output: pytest.CaptureFixture[str]

    def start(self, *command: str) -> subprocess.Popen[str]:
        """A process of its own: slow to start, but it can be killed."""
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environ,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def ovt(self, *arguments: str, code: int = 0, **environ: str) -> str:
        """What the command prints, run in this process; with another exit code, its errors."""
        self.output.readouterr()
        with self.patch.context() as patch:
            for name, value in (self.environ | environ).items():
                patch.setenv(name, value)
            endpoint = environ.get("HF_ENDPOINT", self.environ["HF_ENDPOINT"])
            patch.setattr("huggingface_hub.constants.ENDPOINT", endpoint)
            resolve = f"{endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
            patch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", resolve)
            patch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(self.folder / "hf"))
            patch.setattr(sys, "argv", ["ovt", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
        printed = self.output.readouterr()
        assert (ended.value.code or 0) == code, printed
        return printed.err if code else printed.out


@pytest.fixture
def shell(hub, home, tmp_path, monkeypatch, capsys) -> Shell:
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HF_HOME": str(tmp_path / "hf"),
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": next(iter(hub.tokens)),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "OVT_HOME": str(home.path),
        "OMP_NUM_THREADS": "1",
    }
    return Shell(tmp_path, environ, monkeypatch, capsys)


@pytest.fixture
def no_waiting(monkeypatch) -> None:
    """Makes the client try again at once instead of after seconds."""
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
