"""The study's script, which is no module of the package."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="session")
def study(load_file) -> ModuleType:
    sys.path.append(str(BENCHMARKS))  # it imports the files beside it
    return load_file("../benchmarks/study")
