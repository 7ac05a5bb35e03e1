"""Three families, each through what `scripts/families.py` tries all of them with."""

from typing import Any

import pytest

from ovt.core.home import Home

CHECKS = ("SFT", "log-probabilities", "rows of text", "evaluation")


@pytest.fixture(scope="module")
def families(load_file) -> Any:
    return load_file("train/families")


@pytest.fixture(scope="module")
def script(load_file) -> Any:
    return load_file("../scripts/families")


@pytest.fixture(scope="module", params=["qwen3_vl", "gemma3", "idefics3"])
def one(request, families, script, tmp_path_factory, colour_rows, write_version) -> Any:
    home = Home(tmp_path_factory.mktemp("home"))
    rows = colour_rows(8)
    write_version(home, [row | {"prompt": row["prompt"] + " Look." * number} for number, row in enumerate(rows)])
    folder = families.write(families.FAMILIES[request.param], home.path / "models" / request.param)
    return script.Try(folder, "colours", home)


@pytest.mark.parametrize("check", CHECKS)
def test_a_family(one, script, check):
    assert script.CHECKS[check](one)
