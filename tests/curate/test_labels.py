"""The table of labels: appended to, replayed, taken back; and the filter that reads it."""

import json

import polars as pl
import pytest

from ovt.core.errors import OvtError, RecipeError
from ovt.curate.filters.labels import LabelsSection, apply
from ovt.curate.labels import Label, append_label, by_label, labels_path, read_labels
from ovt.curate.recipe import Recipe


@pytest.fixture
def path(tmp_path):
    return labels_path(tmp_path / "v1", "charts")


def one(id_="q1", label="bad", **more):
    return Label(version="charts@1f0c2d3e4a5b", id=id_, label=label, **more)


def test_labels_hold_until_they_are_taken_back(path):
    assert path.name == "charts.labels.jsonl"
    assert read_labels(path) == []
    for line in (one(), one("q1-reason-0", "good", reply_key="77"), one(label="leaks_answer", note="A is circled")):
        append_label(path, line)
    append_label(path, one(undo=True))
    append_label(path, one("q1-reason-0", "good", reply_key="77", note="again"))
    held = read_labels(path)
    assert [(row.id, row.label, row.note) for row in held] == [
        ("q1-reason-0", "good", "again"),
        ("q1", "leaks_answer", "A is circled"),
    ]
    assert len(path.read_text().splitlines()) == 5  # nothing is rewritten
    assert list(by_label(held)) == ["good", "leaks_answer"]


def test_who_and_when_only_if_given(path):
    append_label(path, one())
    append_label(path, one("q2", who="ann", when="2026-01-02T03:04:05+00:00"))
    first, second = map(json.loads, path.read_text().splitlines())
    assert not {"who", "when", "undo"} & first.keys()
    assert second["who"] == "ann"


@pytest.mark.parametrize("label", ["", "Bad", "a b", "../x", "a" * 41, "<b>"])
def test_other_labels_are_refused(path, label):
    with pytest.raises(OvtError, match="cannot be a label"):
        append_label(path, one(label=label))
    assert not path.exists()


def test_hostile_notes_are_kept_as_they_are(path):
    note = '\u202e"\n{"label": "good"}\x00</script>'
    append_label(path, one(note=note))
    assert [row.note for row in read_labels(path)] == [note]
    with pytest.raises(OvtError, match="too long"):
        append_label(path, one(note="a" * 2_001))


def test_half_a_line_is_told(path):
    append_label(path, one())
    with path.open("a") as file:
        file.write('{"version": "cha')
    with pytest.raises(OvtError, match="line 2 is not JSON"):
        read_labels(path)
    for line, said in (
        ("[" * 100_000, "is not JSON"),
        ("3", "expected a JSON object"),
        ('{"id": "q"}', "is not a label"),
    ):
        path.write_text(line)
        with pytest.raises(OvtError, match=said):
            read_labels(path)
    append_label(path, one("q2"))  # the next one is whole
    assert json.loads(path.read_text().splitlines()[-1])["id"] == "q2"


ROWS = pl.DataFrame(
    {
        "sample_id": ["q1-reason-0", "q2-reason-0", "q3-reason-0", "q4-reason-0"],
        "question_id": ["q1", "q2", "q3", "q4"],
        "reply_key": ["k1", "k2", "k3", None],
    }
)


def drops(section):
    return apply(ROWS.lazy(), section).collect()["drop"].to_list()


def test_the_filter_drops_and_keeps_by_label(path):
    for line in (
        one("q1"),
        one("other-reason-3", "wrong_gold", reply_key="k2"),
        one("q3", "good"),
        one("q2-reason-0", "bad", reply_key="k9"),
    ):
        append_label(path, line)
    section = LabelsSection(file=str(path), drop=("bad", "wrong_gold"))
    assert drops(section) == ["labelled_bad", "labelled_wrong_gold", None, None]  # a reply wherever it is, and no other
    assert drops(LabelsSection(file=str(path), keep=("good",))) == [
        "not_labelled",
        "not_labelled",
        None,
        "not_labelled",
    ]
    assert drops(LabelsSection(file=str(path))) == [None] * 4


RECIPE = {
    "name": "small",
    "sources": [{"path": "pocket:figures"}],
    "endpoints": {"server": {"base_url": "http://127.0.0.1:9/v1", "model": "reasoner"}},
    "reason": {"endpoint": "server", "see": "image"},
}


def test_other_labels_are_another_build(path):
    without = Recipe.model_validate(RECIPE).model_dump(mode="json")
    assert "labels" not in without["filter"]
    append_label(path, one())
    asked = RECIPE | {"filter": {"labels": {"file": str(path), "drop": ["bad"]}}}
    first = Recipe.model_validate(asked)
    assert first.plugins == {}
    append_label(path, one("q2"))
    second = Recipe.model_validate(asked)
    content = [recipe.model_dump(mode="json")["filter"]["labels"]["content"] for recipe in (first, second)]
    assert content[0] != content[1]
    again = Recipe.model_validate(first.model_dump(mode="json"))
    assert again == first  # a version's recipe is read as it was written
    with pytest.raises(RecipeError, match="has changed since this recipe was read"):
        drops(LabelsSection.model_validate(again.model_dump(mode="json")["filter"]["labels"]))


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(RecipeError, match="is not a file"):
        LabelsSection(file=str(tmp_path / "none"))
