"""Counting agreement, and telling what is worth a look."""

import io

import pytest
from rich.console import Console

from ovt.commands.views.verify import audit_report
from ovt.curate.audit.audit import Audit, Graded, Pair, as_dict, count_by_kind, labelled
from ovt.curate.labels import Label, append_label, labels_path


def graded(ours: str, theirs: str, samples: int = 1, kind: str = "number") -> Graded:
    pair = Pair(f"{ours} {theirs}", "7", None, "How high?")
    return Graded(pair, samples, kind, "different", {"ovt": ours, "math-verify": theirs})


def audited(*rows: Graded) -> Audit:
    return Audit("small@v1", "1", "auto", sum(row.samples for row in rows) + 3, 3, ("mathruler",), rows)


@pytest.mark.parametrize(
    ("ours", "theirs", "disputed", "column"),
    [
        ("correct", "correct", False, "agree"),
        ("wrong", "wrong", False, "agree"),
        ("correct", "wrong", True, "only ovt correct"),
        ("wrong", "correct", True, "only grader correct"),
        ("abstain", "correct", True, "abstain"),
        ("wrong", "abstain", False, "abstain"),
        ("correct", "error", False, "error"),
        ("abstain", "timeout", True, "timeout"),
    ],
)
def test_each_pair_of_verdicts_has_its_column(ours: str, theirs: str, disputed: bool, column: str) -> None:
    one = graded(ours, theirs, samples=5)
    (row,) = count_by_kind(audited(one))
    assert one.is_disputed is disputed
    assert {name: count for name, count in row.items() if count == 5} == {"answers": 5, column: 5}


def test_counts_are_of_samples_by_kind() -> None:
    rows = (graded("correct", "wrong", 2), graded("correct", "correct", 3), graded("wrong", "correct", 4, "ratio"))
    table = count_by_kind(audited(*rows))
    assert [(row["kind"], row["answers"]) for row in table] == [("number", 5), ("ratio", 4)]
    told = as_dict(audited(*rows))
    assert (told["samples"], told["without_answer"], told["disagreements"]) == (12, 3, 2)
    assert [example["samples"] for example in told["examples"]] == [4, 2]
    assert told["not_installed"] == ["mathruler"]


def test_a_verdict_labelled_wrong_is_the_opposite_and_an_abstention_has_none(make_build, home) -> None:
    build = make_build(5)
    build.verdicts[2]["outcome"] = "abstain"
    version = build.write(home)
    file = labels_path(version.path, version.manifest.name)
    keys = {row["sample_id"]: row["reply_key"] for row in build.samples}
    for row in (build.verdicts[0], build.verdicts[2]):
        reply = keys[row["sample_id"]]
        append_label(file, Label(version="tiny", id=row["sample_id"], reply_key=reply, label="wrong_verdict"))
    assert [*labelled(version).values()] == ["wrong"]


def test_the_table_fits_a_terminal_of_80_columns() -> None:
    file = io.StringIO()
    about = as_dict(audited(graded("correct", "wrong", 1_000), graded("wrong", "wrong", 99_999)))
    Console(file=file, width=80).print(audit_report(about))
    text = file.getvalue()
    assert "…" not in text
    assert all(name in text for name in ("answers", "only ovt", "only it", "timeout", "100,999"))
