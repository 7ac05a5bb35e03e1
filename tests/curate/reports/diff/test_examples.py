"""The rows that are shown: every reason has its turn, and each is read from its own place."""

import json

import pytest

from ovt.curate.reports.diff.examples import examples, read_places
from ovt.curate.versions import data
from ovt.curate.versions.read import scan


@pytest.fixture
def found(write, ask, diff):
    a = write([ask(number) for number in range(12)])
    b = write([ask(0, edit=True), *(ask(number, too_long=True) for number in range(1, 9)), ask(9), ask(20)])
    return diff(a, b)


def test_each_reason_has_its_turn(found):
    shown = examples(found, 3)
    assert [(one["status"], one["reason"]) for one in shown] == [
        ("changed", None),
        ("removed", "too_long"),
        ("removed", "not_in_sources"),
        ("removed", "too_long"),
        ("added", "not_in_sources"),
    ]
    assert shown[1]["detail"] == "99 words, more than 9"


def test_a_changed_row_has_both_sides_and_the_difference(found):
    changed = examples(found, 1)[0]
    assert changed["kinds"] == ["text"]
    assert changed["a"]["question_id"] == changed["b"]["question_id"] == changed["question_id"]
    assert ("removed", "First, ") in changed["pieces"]
    assert "images" not in changed["a"]


def test_images_are_read_where_asked(found):
    shown = examples(found, 2, images=True)
    assert all((one["a"] or one["b"])["images"][0].startswith(b"\x89PNG") for one in shown)


def test_rows_are_read_from_their_files_and_row_groups(write, ask, monkeypatch):
    monkeypatch.setattr(data, "GROUP_ROWS", 3)
    monkeypatch.setattr(data, "FILE_BYTES", 1)
    version = write([ask(number) for number in range(10)])
    assert len(list((version.path / "data").glob("sft-*"))) > 2
    ids = scan(version, "sft").select("question_id").collect()["question_id"].to_list()
    there = read_places(version, [("sft", place) for place in (0, 2, 3, 8, 9)], ["question_id"])
    assert {place: row["question_id"] for (_, place), row in there.items()} == {at: ids[at] for at in (0, 2, 3, 8, 9)}


def test_json_of_examples_is_plain(found):
    assert len(json.loads(json.dumps(examples(found, 99)))) == 12
