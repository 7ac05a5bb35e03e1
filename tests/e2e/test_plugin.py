"""examples/plugin, installed beside ovt: a recipe uses each of its parts, and nothing else notices it."""

import importlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ovt.core.registry import KINDS
from ovt.verifiers.reading import read_text

ROOT = Path(__file__).parents[2]
RECIPE = """
name = "pages"
[[sources]]
path = "{folder}/*.wds"
license = "CC0"
[endpoints.server]
base_url = "{url}"
model = "test-model"
[caption]
endpoint = "server"
prompt = "Describe."
[reason]
endpoint = "server"
k = 2
prompt = "{{caption}} | {{question}}"
[verify]
kind = "roman"
[filter.min_words]
words = 12
"""
NUMERALS = ("I", "IV", "IX", "XIV", "XL", "CD", "MIX", "MCMXCIX", "XXI", "VIII")


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> str:
    """A PYTHONPATH with the package and this ovt, for commands in processes of their own: this one has no plugin."""
    copy = tmp_path_factory.mktemp("plugin") / "source"
    shutil.copytree(ROOT / "examples" / "plugin", copy)
    target = copy.with_name("installed")
    offline = ("--no-deps", "--no-index", "--no-build-isolation", "--quiet", "--disable-pip-version-check")
    subprocess.run([sys.executable, "-m", "pip", "install", *offline, "--target", target, copy], check=True)
    return os.pathsep.join([str(target), str(ROOT / ".typing")])


@pytest.fixture(scope="module")
def pages(installed, tmp_path_factory, load_file):
    """A shell with the plugin, and the version that it built: of an archive of pages, each with its number in roman
    numerals, by a server that can read them."""
    folder = tmp_path_factory.mktemp("pages")
    write_archive(folder / "pages-000.wds", NUMERALS)
    environ = {"HOME": str(folder), "OVT_HOME": str(folder / "home"), "PYTHONPATH": installed, "COLUMNS": "120"}
    shell = load_file("shell").Shell(folder, environ, folder / "pages.toml", apart=True)
    with load_file("loopback").Loopback() as server:
        server.reply = read_page
        shell.recipe.write_text(RECIPE.format(folder=folder, url=server.url))
        return shell, shell.build()


def read_page(body: dict, choice: int) -> str:
    """Captions name the page; chains say its number in lower case where that can be read; one page's are too short."""
    content = body["messages"][0]["content"]
    text = content if isinstance(content, str) else next(part["text"] for part in content if part["type"] == "text")
    asked = re.search(r"page (\d+)", text)
    if asked is None:
        return "A page of a book."
    numeral = NUMERALS[int(asked[1])]
    said = numeral if numeral == "I" else numeral.lower()
    thought = "I look at the foot of the page, where its number is printed" if numeral != "VIII" else "I see"
    return f"<think>{thought}.</think>\nIt is page {numeral}.\n<answer>{said}</answer>"


def write_archive(path: Path, numerals: tuple[str, ...]) -> None:
    """Rows in both ways: a .txt and a .cls, or one .json; and one whose .json is broken."""
    with tarfile.open(path, "w") as tar:
        for number, numeral in enumerate(numerals):
            question = f"What is the number of page {number}?"
            picture = io.BytesIO()
            Image.new("RGB", (56, 56), (number * 20, 90, 60)).save(picture, "PNG")
            add(tar, f"book/{number:04}.png", picture.getvalue())
            add(tar, f"book/{number:04}.json", json.dumps({"question": question, "answer": numeral}).encode())
            add(tar, f"book/{number:04}.notes.bin", b"\0")
        add(tar, "book/broken.json", b"{")


def add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def test_a_recipe_uses_the_source_the_kind_and_the_filter(pages, table):
    shell, built = pages
    decisions = table(built, "decisions").group_by("level", "stage", "reason").len()
    reasons = {(level, reason): count for level, _, reason, count in decisions.iter_rows()}
    assert reasons["question", "malformed_row"] == 1
    assert reasons["sample", "too_few_words"] == 1
    assert built["sft"] == 9
    made = json.loads((Path(built["path"]) / "manifest.json").read_text())["provenance"]["plugins"]
    assert made == dict.fromkeys(("filter.min_words", "verify.kind", "sources.0"), "ovt-example 0.1.0")
    verdicts = table(built, "verdicts").group_by("kind", "outcome").len()
    assert sorted(verdicts.rows()) == [("roman", "correct", 14), ("text", "correct", 6)]
    linted = shell.run("data", "lint", str(shell.recipe), "--json")
    found = {finding["rule"]: finding["count"] for finding in json.loads(linted.stdout)["findings"]}
    assert found["unparseable_gold"] == 3  # XL, CD and MIX may be words: they were compared as texts


def test_a_version_is_exported_and_read_without_the_package(pages):
    shell, built = pages
    out = shell.folder / "out"
    done = shell.run("data", "export", "pages", str(out), "--to", "jsonl")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in (out / "sft.jsonl").read_text().splitlines()]
    assert len(lines) == built["sft"]
    assert {"question", "answer", "images", "response"} == set(lines[0])
    assert all((out / image).is_file() for line in lines for image in line["images"])
    without = replace(shell, apart=False)
    for command in ("show", "head", "funnel", "stats", "card"):
        shown = without.run("data", command, "pages")
        assert shown.returncode == 0, shown.stderr
    refused = without.run("curate", "build", str(shell.recipe))
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert re.search("roman|min_words", refused.stderr)
    undecided = without.run("data", "what-if", "pages")
    assert undecided.returncode == 2
    assert "(of ovt-example 0.1.0), which is not available: install the package" in undecided.stderr


def test_nothing_else_notices_it(shell, installed, loopback):
    """The same recipe comes to the same version, found and made anew; an older version reads the same."""
    beside = replace(shell, environ=shell.environ | {"PYTHONPATH": installed}, apart=True)
    built = shell.build()
    told = shell.run("data", "show", "small", "--json").stdout
    asked = len(loopback.seen)
    assert beside.build() == built
    assert beside.run("data", "show", "small", "--json").stdout == told
    anew = beside.build("--set", "name=anew")
    again = shell.build("--set", "name=again")
    assert anew["content_hash"] == again["content_hash"]
    assert len(loopback.seen) == asked


@pytest.fixture
def roman(installed, monkeypatch):
    monkeypatch.syspath_prepend(installed.split(os.pathsep)[0])
    return importlib.import_module("ovt_example.roman")


NONE = ("", "CD", "MIX", "LCD", "MILD", "mild", "mix", "DIM", "XL", "i", "x", "c", "mm", "xi", "IIII", "VX", "IC", "14",
        "Xiv", "X I V", "civic", "vivid", "I am")  # fmt: skip


def test_numerals_are_told_from_words(roman):
    for text, number in {"XIV": 14, "xiv": 14, " $MCMXCIX$. ": 1999, "I": 1, "ii": 2, "mmxx": 2020}.items():
        assert roman.read_roman(text) == number
    assert [text for text in NONE if roman.read_roman(text) is not None] == []


def test_a_sentence_has_one_numeral_or_none(roman, monkeypatch):
    monkeypatch.setitem(KINDS.added, "roman", roman.ROMAN)
    for text, numeral in {
        "I think that it is XIV.": 14,
        "I put the CD in, and it says IX; so IX.": 9,
        "I": 1,
        "I am not sure.": None,
        "Either IX or XI.": None,
    }.items():
        reading = read_text(text, None, "roman")
        assert (reading.value.data if reading.value and reading.value.kind.name == "roman" else None) == numeral


def test_a_json_that_is_too_deep_makes_no_row(tmp_path, load_file):
    texts = {"1.json": "[" * 100_000, "2.json": '{"question": "Which page?", "answer": "xii"}'}
    with tarfile.open(tmp_path / "a.wds", "w") as tar:
        for name, text in texts.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    part = load_file("../examples/plugin/ovt_example/webdataset").open_tar(tmp_path / "a.wds")
    rows = dict(part.rows(part.columns, range(part.count)))
    assert rows == {0: None, 1: {"question": "Which page?", "answer": "xii"}}
