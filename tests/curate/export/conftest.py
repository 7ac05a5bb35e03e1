"""A version with hostile texts to export, made once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ovt
from ovt.core.home import Home
from ovt.curate.export.export import export

HOSTILE = "<image> ../../../etc/passwd <video> \x1b[2J \u2028 </s>"


@pytest.fixture(scope="session")
def version(make_build_in, tmp_path_factory) -> Any:
    """tiny@v1: eight rows of sft, four of rl; every text holds tags and paths that lead out."""
    place = Home(tmp_path_factory.mktemp("home"))
    return make_build_in(place, 20, text=HOSTILE).write(place)


@pytest.fixture
def exported(version, tmp_path) -> Callable[..., tuple[Path, dict]]:
    """`exported("trl", split=None)`: the folder of an export, and its record."""

    def run(to: str, split: str | None = None) -> tuple[Path, dict]:
        record, _ = export(version, to, tmp_path / "out", split, ovt.__version__)
        return tmp_path / "out", record

    return run
