"""The committed card of the pocket demo set is what this ovt renders of the version it was made from."""

import re

import pytest
import yaml

from ovt.curate.versions.manifest import read_manifest


@pytest.fixture(scope="module")
def refresh(load_file):
    return load_file("data_cards/refresh")


@pytest.fixture
def card(refresh) -> str:
    return (refresh.CARDS / "pocket.md").read_text(encoding="utf-8")


@pytest.fixture
def manifest(refresh):
    return read_manifest(refresh.KEPT)


def test_it_is_what_the_tool_renders(refresh, card, manifest):
    assert card == refresh.render(manifest), "run tests/data_cards/refresh.py (its docstring says how)"


def test_its_numbers_add_up(card, manifest):
    sft, rl = (int(*re.findall(rf"\| {split} \| (\d+) \|", card)[:1]) for split in ("sft", "rl"))
    assert (sft, rl) == (manifest.rows["sft"], manifest.rows["rl"])
    last = [row for row in manifest.funnel if row.stage == "version"]
    assert {row.level: row.rows_out for row in last} == {"question": sft + rl, "caption": 200, "sample": sft}
    bars = re.findall(r"^ *[\d-]+ words  [█ ]+ (\d+)$", card, re.MULTILINE)
    assert sum(map(int, bars)) == sft


def test_what_it_refers_to_is_there(refresh, card):
    for path in re.findall(r"!\[[^]]+\]\(([^)]+)\)", card):
        assert (refresh.CARDS / path).read_bytes().startswith(b"\x89PNG")
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == ["apache-2.0"]
