"""Every attack of `attacks.py`, by `drive.py` in one process, ends as it must: in bounded time and memory, and with
nothing executed or written elsewhere."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from attacks import ATTACKS

HERE = Path(__file__).parent
pytestmark = pytest.mark.timeout(600)  # all attacks run where the first is asked for

MOST_MIB = 350  # above what the process had; the bombs unpack to 400 MiB and up to terabytes
MOST_SECONDS = 10  # of CPU


@pytest.fixture(scope="module")
def outcomes(load_file, tmp_path_factory):
    """What came of each attack, by name."""
    from ovt.core.home import Home

    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("peaks of memory are measured on Linux only")
    home = Home(tmp_path_factory.mktemp("home"))
    honest = load_file("curate/versions/conftest").make_build(home, 10).write(home)
    folder = tmp_path_factory.mktemp("attacks")
    done = subprocess.run(
        [sys.executable, str(HERE / "drive.py"), str(folder)],
        env=os.environ
        | {"OVT_TEST_VERSION": str(honest.path), "OVT_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return {(about := json.loads(line))["name"]: about for line in done.stdout.splitlines()}


@pytest.mark.parametrize("one", ATTACKS, ids=lambda one: one.name)
def test_attack(one, outcomes):
    about = outcomes[one.name]
    assert re.search(one.expected, about["outcome"], re.DOTALL), about["outcome"]
    assert not re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", about["outcome"].partition("error: ")[0]
    )
    assert about["mib"] <= MOST_MIB
    assert about["seconds"] <= MOST_SECONDS
