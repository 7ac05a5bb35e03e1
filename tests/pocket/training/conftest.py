"""The training script: another package's name hides its own, so that it is loaded by its path."""

from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def script(load_file) -> ModuleType:
    return load_file("../examples/pocket_training/train")
