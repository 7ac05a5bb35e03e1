"""Fixtures shared by all tests."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def loopback() -> Iterator[Any]:
    """A started OpenAI-compatible server on this machine (tests/loopback.py says what it can do)."""
    with load_loopback().Loopback() as server:
        yield server


def load_loopback() -> Any:
    """The module tests/loopback.py; tests are no package, so it has no name to import it by."""
    if "loopback" not in sys.modules:
        spec = importlib.util.spec_from_file_location("loopback", Path(__file__).parent / "loopback.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules["loopback"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["loopback"])
    return sys.modules["loopback"]
