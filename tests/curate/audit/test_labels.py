"""Disagreements out, labels back in."""

import json
from pathlib import Path

import pytest

from ovt.core.errors import OvtError
from ovt.curate.audit.audit import Audit, Graded, Pair
from ovt.curate.audit.labels import adopt, read_cases, write_disputed

PAIRS = [Pair("3:1", "3:7", None, "?"), Pair("A", "red", ("red", "blue"), "?"), Pair("\ud800\u2028x", "x", None, "?")]


@pytest.fixture
def audit() -> Audit:
    rows = [Graded(pair, 1, "text", "different", {"ovt": "wrong", "math-verify": "correct"}) for pair in PAIRS]
    return Audit("small@v1", "1", "auto", 3, 0, (), tuple(rows))


def label(path: Path, *labels: str | None) -> None:
    rows = [json.loads(line) for line in path.read_text().split("\n") if line]
    for row, given in zip(rows, labels, strict=True):
        row["label"] = given
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_there_and_back(audit: Audit, tmp_path: Path) -> None:
    out, cases = tmp_path / "label.jsonl", tmp_path / "regressions.jsonl"
    assert write_disputed(audit, out) == 3
    first = json.loads(out.read_text().split("\n")[0])
    assert first["label"] is None
    assert {"answer", "gold", "choices", "kind", "verdicts", "question", "asked_kind"} <= set(first)
    label(out, "wrong", "correct", None)
    adopted = adopt(out, cases)
    assert (adopted.added, adopted.known, adopted.unlabelled, adopted.failing) == (2, 0, 1, ())
    assert [(case.answer, case.choices, case.label) for case in read_cases(cases)] == [
        ("3:1", None, "wrong"),
        ("A", ("red", "blue"), "correct"),
    ]
    before = cases.read_bytes()
    assert adopt(out, cases).known == 2
    assert cases.read_bytes() == before


def test_a_label_that_the_rules_miss_is_told(audit: Audit, tmp_path: Path) -> None:
    out = tmp_path / "label.jsonl"
    write_disputed(audit, out)
    label(out, "correct", None, None)
    adopted = adopt(out, tmp_path / "cases.jsonl")
    assert [case.answer for case in adopted.failing] == ["3:1"]
    assert adopted.as_dict()["failing"][0]["label"] == "correct"


def test_labels_are_not_written_over(audit: Audit, tmp_path: Path) -> None:
    out = tmp_path / "label.jsonl"
    write_disputed(audit, out)
    write_disputed(audit, out)
    label(out, "wrong", None, None)
    with pytest.raises(OvtError, match="already holds labels"):
        write_disputed(audit, out)


@pytest.mark.parametrize("given", ["right", 1, ["wrong"]])
def test_other_labels_are_refused(audit: Audit, tmp_path: Path, given: str) -> None:
    out = tmp_path / "label.jsonl"
    write_disputed(audit, out)
    label(out, None, given, None)
    with pytest.raises(OvtError, match=r"label.jsonl line 2: label is"):
        adopt(out, tmp_path / "cases.jsonl")
    assert not (tmp_path / "cases.jsonl").exists()


def test_a_label_against_a_known_case_is_refused(audit: Audit, tmp_path: Path) -> None:
    out, cases = tmp_path / "label.jsonl", tmp_path / "cases.jsonl"
    write_disputed(audit, out)
    label(out, "wrong", None, None)
    adopt(out, cases)
    label(out, "correct", None, None)
    with pytest.raises(OvtError, match="line 1 labels '3:1' against '3:7' correct, but it is already labelled wrong"):
        adopt(out, cases)


@pytest.mark.parametrize(("line", "said"), [("{", "is not JSON"), ("[1]", "expected a JSON object")])
def test_lines_that_are_none(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "bad.jsonl").write_text(line)
    with pytest.raises(OvtError, match=said):
        adopt(tmp_path / "bad.jsonl", tmp_path / "cases.jsonl")


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(OvtError, match=r"cannot read .*nowhere"):
        adopt(tmp_path / "nowhere.jsonl", tmp_path / "cases.jsonl")
