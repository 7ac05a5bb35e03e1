"""`ovt eval bench | score | why | rescore | power` as typed, in this process."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from ovt.cli import app
from ovt.core.errors import GateFailed, OvtError, RecipeError
from ovt.core.home import Home
from ovt.evaluation.results import list_evaluations

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


def test_one_that_cannot_be_read_hides_no_other(typed, tmp_path):
    typed(*SCORE, "--name", "kept")
    (tmp_path / "home/evals/broken").mkdir()
    (tmp_path / "home/evals/broken/result.json").write_text("{")
    assert "kept" in typed("list")
    assert [one["name"] for one in json.loads(typed("list", "--json"))] == ["kept"]
    (line,) = list_evaluations(Home.locate())[1]
    assert "broken/result.json cannot be read" in line


def test_all_evaluations_of_a_command_share_its_budget(typed, monkeypatch):
    budgets = []

    def evaluate(session):
        budgets.append(session.budget)
        return SimpleNamespace(benchmark=None)

    monkeypatch.setattr("ovt.api.prepared", lambda order, session: ((), None))
    monkeypatch.setattr("ovt.evaluation.evaluate.evaluate", evaluate)
    monkeypatch.setattr("ovt.commands.eval.show_evaluations", lambda *_: None)
    typed("run", "pocket", "mathvista,emma", "--max-usd", "5")
    first, second = budgets
    assert first is second
    assert first.max_usd == 5


RUN = ("run", "http://127.0.0.1:9/v1", "mathvista", "--served-as", "m", "--data", "rows.jsonl", "--dry-run")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*RUN, "--min", "nonsense"), "write it as --min mathvista=68.5"),
        ((*RUN, "--min", "emma=3"), "write it as --min mathvista=68.5"),
        ((*RUN, "--judge", "grader"), "expected MODEL@URL"),
        (("run", "pocket", "pocket:figures", "--dry-run", "--min", "68"), "this is a question set"),
        ((*SCORE[:1], "missing.jsonl", *SCORE[2:], "--min", "nonsense"), "write it as --min mathvista=68.5"),
    ],
)
def test_what_is_mistyped_is_told_before_anything_is_asked(typed, words, said):
    with pytest.raises(OvtError, match=said):
        typed(*words)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[1, 2]", b'{"a": 1}\n', b"", b"\x00" * 100])
def test_files_that_are_no_outputs_are_one_line(typed, tmp_path, content):
    (tmp_path / "out.jsonl").write_bytes(content)
    with pytest.raises(OvtError) as found:
        typed(*SCORE)
    assert "out.jsonl" in str(found.value)
    assert "\n" not in str(found.value)
