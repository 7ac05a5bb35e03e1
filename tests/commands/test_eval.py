"""`ovt eval bench | score | why | rescore | power` as typed, in this process."""

import json

import pytest
from typer.testing import CliRunner

from ovt.cli import app
from ovt.core.errors import GateFailed, OvtError, RecipeError

ROW = {"question_type": "multi_choice", "answer_type": "text", "choices": ["red", "blue"], "answer": "blue"}


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """What a command prints; its OvtError is raised."""
    monkeypatch.setenv("OVT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")
    rows = [{**ROW, "pid": str(number), "question": f"Which is bar {number}?"} for number in range(3)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = [
        {"pid": str(number), "response": reply} for number, reply in enumerate(("B", "It is \\boxed{A}", "x\x1b[2J"))
    ]
    (tmp_path / "out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in said))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> str:
        done = CliRunner().invoke(app, ["eval", *words])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.stdout

    return run


SCORE = ("score", "out.jsonl", "--bench", "mathvista", "--questions", "rows.jsonl")


def test_benchmarks_are_listed_and_shown(typed):
    assert "hallusionbench" in typed("bench", "list")
    assert "Hint: Please answer the question and provide the correct option letter" in typed(
        "bench", "show", "mathvista"
    )
    assert json.loads(typed("bench", "show", "emma:mini", "--json"))["variants"]["mini"]["rows"] == 400
    with pytest.raises(RecipeError, match="'mathvist' is not a known benchmark; did you mean mathvista"):
        typed("bench", "show", "mathvist")


def test_a_file_is_scored(typed):
    said = typed(*SCORE, "--by", "answer_type")
    assert "33.3%" in said
    assert "\x1b" not in said
    assert "out, by answer_type" in said
    assert json.loads(typed(*SCORE, "--json"))[0]["readings"]["ours"]["answers"] == 3
    with pytest.raises(GateFailed, match="expected at least 68%"):
        typed(*SCORE, "--min", "mathvista=68")
    with pytest.raises(RecipeError, match="'answer_typ' is not a group of mathvista; did you mean answer_type"):
        typed(*SCORE, "--by", "answer_typ")


def test_kept_runs_are_explained_compared_and_read_again(typed):
    typed(*SCORE, "--name", "kept")
    assert "⟦A⟧" in typed("why", "kept", "1")
    assert "0 answers change" in typed("rescore", "kept", "--rule", "openvlthinker", "--keep", "other")
    assert "against kept" in typed("compare", "kept", "other")
    assert json.loads(typed("power", "--gain", "2", "--json"))["needed"][1] == {"gain": 0.02, "questions": 3917}
    with pytest.raises(OvtError, match="no evaluation is named 'nothing'"):
        typed("why", "nothing", "1")
    with pytest.raises(RecipeError, match="is not a rule of mathvista"):
        typed("rescore", "kept", "--rule", "x")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[1, 2]", b'{"a": 1}\n', b"", b"\x00" * 100])
def test_files_that_are_no_outputs_are_one_line(typed, tmp_path, content):
    (tmp_path / "out.jsonl").write_bytes(content)
    with pytest.raises(OvtError) as found:
        typed(*SCORE)
    assert "out.jsonl" in str(found.value)
    assert "\n" not in str(found.value)
