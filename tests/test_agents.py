"""AGENTS.md and CONTRIBUTING.md name what is there."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def tree() -> list[str]:
    """The paths of AGENTS.md's tree, each indented by two spaces below its folder."""
    block = (ROOT / "AGENTS.md").read_text().split("```")[1]
    parents: list[str] = []
    paths = []
    for line in block.strip().splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        parents = [*parents[:depth], name]
        paths.append("".join(parents))
    return paths


def test_the_tree_is_there_and_whole():
    found = tree()
    assert [path for path in found if not (ROOT / path).exists()] == []
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folders = {name.split("/")[0] + "/" for name in tracked if "/" in name}
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders |= {name.removeprefix("ovt.").replace(".", "/") + "/" for name in packages if name != "ovt"}
    assert folders <= {*found, ".typing/"}


@pytest.mark.parametrize("page", ["AGENTS.md", "CONTRIBUTING.md"])
def test_paths_exist(page):
    text = (ROOT / page).read_text()
    named = {path for path in re.findall(r"`([\w.][\w./-]*)`", text) if "/" in path and "NAME" not in path}
    linked = {link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")}
    assert len(named) > 5
    assert sorted(path for path in named | linked if not (ROOT / path).exists()) == []


def test_links_into_a_page_meet_a_heading():
    headings = re.findall(r"^## (.+)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-") for heading in headings}
    linked = set(re.findall(r"CONTRIBUTING\.md#([\w-]+)", (ROOT / "AGENTS.md").read_text()))
    assert linked
    assert linked <= anchors
