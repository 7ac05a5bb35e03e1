"""Texts are found the same unpacked and as they are, whatever is in them and wherever a block ends."""

import shutil
from collections import namedtuple
from pathlib import Path

import polars as pl
import pytest

from ovt.view.search import pattern
from ovt.view.shelf import Shelf
from ovt.view.texts import BLOCK, PART, SPARE, Texts, Unpacked

SAID = (
    "<think>Wait, the BAR is\n\n red.</think> <answer>12</answer>",
    "等一下，柱子是红色的。答案是 12。",
    "Größe und STRASSE, straße; naïve cafe\u0301 and café",
    "\u202egnp.exe\u202c \u2066hidden\u2069 \x00\x1b[31m zero\u200bwidth",
    "Ελλάδα ΣΊΣΥΦΟΣ σίσυφος",
    "🙂🙂 (.*) $\\frac{1}{2}$ a+b 100%",
    "",
    None,
)
WANTED = ("bar is red", "WAIT", "红色", "答案是 12", "straße", "café", "\u202egnp", "\u2066HIDDEN", "\u200b", "Σίσυφος")
WANTED += ("🙂", "(.*)", "\\frac{1}", "100%", "\x00", "nowhere")
Disk = namedtuple("Disk", "free")
WRITE = Unpacked._write
COUNT = PART + 2 * BLOCK + 77


def texts() -> Texts:
    said = pl.DataFrame({"text": [SAID[place % len(SAID)] for place in range(COUNT)]}, schema={"text": pl.String})
    return Texts(Shelf("x", "1", lambda _: said.lazy()))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Texts:
    found = texts()
    found.unpack(tmp_path_factory.mktemp("home"), few=0)
    assert found.unpacked
    return found


@pytest.mark.parametrize("wanted", WANTED)
def test_a_search_finds_the_same(unpacked, wanted):
    as_they_are = texts().holding(pattern(wanted))
    found = unpacked.holding(pattern(wanted))
    assert found.to_list() == as_they_are.to_list()
    assert len(found) == COUNT
    folded = " ".join(wanted.casefold().split())
    held = [bool(one) and folded in " ".join(one.casefold().split()) for one in SAID]
    if "ß" not in wanted:  # which str.casefold makes "ss" of, and a search does not
        assert found.to_list()[: len(SAID)] == held


def test_texts_are_read_by_their_places(unpacked):
    places = pl.Series([0, 6, 7, BLOCK - 1, BLOCK, PART, COUNT - 1], dtype=pl.UInt32)
    assert unpacked.at(places).to_list() == texts().at(places).to_list() == [SAID[at % len(SAID)] for at in places]
    assert unpacked.at(places.head(0)).to_list() == []


def test_a_disk_that_fills_meanwhile_leaves_the_rest_as_it_is(unpacked, tmp_path, monkeypatch):
    room = iter([SPARE, 0])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(next(room)))
    half = texts()
    half.unpack(tmp_path, few=0)
    assert not half.unpacked
    assert half.holding(pattern("红色")).to_list() == unpacked.holding(pattern("红色")).to_list()
    places = pl.Series([1, PART - 1, PART, COUNT - 1], dtype=pl.UInt32)
    assert half.at(places).to_list() == unpacked.at(places).to_list()


def test_a_write_that_fails_leaves_what_was_there(unpacked, tmp_path, monkeypatch):
    written = []

    def write(blocks: Unpacked, block) -> tuple[int, int]:
        written.append(block)
        if len(written) > PART // BLOCK + 1:
            raise OSError(28, "No space left on device")
        return WRITE(blocks, block)

    monkeypatch.setattr(Unpacked, "_write", write)
    half = texts()
    half.unpack(tmp_path, few=0)
    assert not half.unpacked
    assert half.holding(pattern("红色")).to_list() == unpacked.holding(pattern("红色")).to_list()


def test_nothing_is_left_in_the_folder(unpacked, tmp_path):
    again = texts()
    again.unpack(tmp_path, few=0)
    assert list(tmp_path.iterdir()) == []


def test_few_texts_and_full_disks_are_left_as_they_are(tmp_path, monkeypatch):
    few = texts()
    few.unpack(tmp_path)
    nowhere = texts()
    nowhere.unpack(Path(tmp_path / "missing"), few=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Disk(1 << 20))
    full = texts()
    full.unpack(tmp_path, few=0)
    for one in (few, nowhere, full):
        assert not one.unpacked
        assert one.holding(pattern("nowhere")).sum() == 0
        assert one.holding(pattern("红色")).sum() == sum(place % len(SAID) == 1 for place in range(COUNT))
