"""Labels given over HTTP, and everything that reads them."""

import json
import shutil
from pathlib import Path

import pytest

from ovt.core.home import Home
from ovt.curate.audit.audit import answers, audit, count_by_kind, labelled
from ovt.curate.labels import labels_path
from ovt.curate.reports.what_if import Saving, what_if
from ovt.curate.versions.read import open_version, verify_files
from ovt.view.answers import View


@pytest.fixture
def home(old_home, tmp_path) -> Home:
    return Home(Path(shutil.copytree(old_home.path, tmp_path / "home")))


@pytest.fixture
def own(served, home):
    with served(View(home)) as site:
        yield site


def give(site, **asked):
    body = json.dumps({"version": "small@v2"} | asked).encode()
    status, _, content = site.ask("/api/labels", "POST", body, Content_Type="application/json")
    return status, json.loads(content)


def test_a_label_is_beside_the_version_and_part_of_none(own, home):
    version = open_version("small", home)
    row = own.get("rows", version="small@v2")["rows"][0]
    assert give(own, id=row["id"], label="bad", note="blurred")[0] == 200
    assert give(own, id=row["question_id"], label="wrong_gold")[0] == 200
    verify_files(version)
    held = own.get("labels", version="small@v2")
    assert held["file"] == str(labels_path(version.path, "small"))
    assert [(one["id"], one["label"], one["note"]) for one in held["labels"]] == [
        (row["id"], "bad", "blurred"),
        (row["question_id"], "wrong_gold", ""),
    ]
    assert not {"who", "when"} & held["labels"][0].keys()
    assert own.get("rows", version="small@v2", label="bad")["total"] == 1
    counted = {one["value"]: one["rows"] for one in own.get("rows", version="small@v2")["values"]["label"]}
    assert counted == {"bad": 1, "wrong_gold": 3}  # all three samples of the question
    assert own.get("rows", version="small@v2", label="bad")["rows"][0]["labels"] == ["bad", "wrong_gold"]
    assert give(own, id=row["id"], label="bad", undo=True)[0] == 200
    assert own.get("rows", version="small@v2", label="bad")["total"] == 0


def test_a_reply_is_labelled_in_every_version_that_has_it(own, home):
    what_if(open_version("small@2", home), ["filter.length.max_words=1"], saving=Saving("small", home, "-"))
    both = own.get("rows", version="small@v2")["rows"][0]["id"]
    give(own, id=both, label="leaks_answer")
    assert [own.get("rows", version=f"small@{number}", label="leaks_answer")["total"] for number in (1, 2, 3)] == [
        0,
        1,
        1,
    ]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"id": "nobody", "label": "bad"}, "small@v2 has no question or sample 'nobody'"),
        ({"label": "Bad one"}, "'Bad one' cannot be a label"),
        ({"label": 7}, "a label is given as texts"),
        ({"label": "bad", "id": "\ud800"}, "is not a text: it holds half of a surrogate pair"),
        ({"label": "bad", "undo": "yes"}, "a label is given as texts"),
        ({"label": "bad", "version": "eval:done-test"}, "eval:done-test is not a version"),
        ({"label": "bad", "version": None}, "the parameter version is missing"),
    ],
)
def test_what_is_no_label_is_refused(own, asked, line):
    first = own.get("rows", version=asked.get("version") or "small@v2")["rows"][0]["id"]
    status, answer = give(own, **({"id": first} | asked))
    assert status == 400
    assert line in answer["error"]


def test_only_our_own_page_can_label(own):
    for headers in (
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/json", "Origin": "http://evil.example"},
    ):
        assert own.ask("/api/labels", "POST", b'{"version": "small"}', **headers)[0] in (403, 415)
    assert own.ask("/api/labels", "POST", b"[1]", Content_Type="application/json")[0] == 400
    assert own.ask("/api/labels", "POST", b"{" + b" " * 70_000, Content_Type="application/json")[0] in (400, 413)


def test_an_audit_reads_them(own, home):
    version = open_version("small", home)
    rows = own.get("rows", version="small@v2")["rows"]
    wrong, right = (next(one for one in rows if one["outcome"] == outcome) for outcome in ("wrong", "correct"))
    assert labelled(version) == {}
    give(own, id=wrong["id"], label="wrong_verdict")
    give(own, id=right["id"], label="good")
    told = audit(version, answers(version))
    people = {row.pair.answer: row.verdicts["people"] for row in told.graded if "people" in row.verdicts}
    assert people == {wrong["extracted"]: "correct", right["extracted"]: "correct"}
    assert any(row["grader"] == "people" and row["only grader correct"] for row in count_by_kind(told))


def test_a_filter_drops_what_was_labelled(own, home):
    kept = own.get("rows", version="small@v2", stage="version")["rows"][0]
    give(own, id=kept["question_id"], label="wrong_gold")
    file = own.get("labels", version="small@v2")["file"]
    setting = f'filter.labels={{file = {json.dumps(file)}, drop = ["wrong_gold"]}}'
    about = what_if(open_version("small", home), [setting])
    assert about["removed"] == [{"stage": "filter", "reason": "labelled_wrong_gold", "rows": 1}]
