"""Fixtures shared by all tests."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ovt.core.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def loopback() -> Iterator[Any]:
    """A started OpenAI-compatible server on this machine (tests/loopback.py says what it can do)."""
    with load("loopback").Loopback() as server:
        yield server


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A started stand-in for the Hugging Face Hub (tests/hub.py says what it can do)."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    with load("hub").Hub() as server:
        yield server


@pytest.fixture(scope="session")
def load_file() -> Callable[[str], Any]:
    """`load_file("hub")`: the module tests/hub.py."""
    return load


def load(name: str) -> Any:
    """The module tests/NAME.py; tests are no package, so it has no name to import it by."""
    module = f"tests_{name.replace('/', '_')}"
    if module not in sys.modules:
        spec = importlib.util.spec_from_file_location(module, Path(__file__).parent / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules[module] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[module])
    return sys.modules[module]
