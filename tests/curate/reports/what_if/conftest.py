"""One version for all tests that only read it, or save others beside it."""

from typing import Any

import pytest

from ovt.core.home import Home
from ovt.curate.versions.read import Version


@pytest.fixture(scope="session")
def home(tmp_path_factory) -> Home:
    return Home(tmp_path_factory.mktemp("whatif"))


@pytest.fixture(scope="session")
def replies(home, make_replies) -> Any:
    return make_replies(home, 40)


@pytest.fixture(scope="session")
def version(home, replies, recipe_with) -> Version:
    return replies.write(home, recipe_with())
