"""Outputs of every kit, joined and scored."""

import json
from dataclasses import replace

import polars as pl
import pytest

from ovt.core.errors import GateFailed, OvtError, RecipeError
from ovt.evaluation.benchmark import Rule, Ruling, find_benchmark
from ovt.evaluation.benchmark_scores import require
from ovt.evaluation.outputs import read_outputs
from ovt.evaluation.readings import _REFUSED, REFUSALS
from ovt.evaluation.score_file import score_file

ROW = {
    "question": "Which bar is the tallest?", "choices": ["red", "blue"], "precision": None, "unit": None,
    "question_type": "multi_choice", "answer_type": "text", "query": "Question: Which bar?",
}  # fmt: skip


def questions(tmp_path, count=4):
    rows = [{**ROW, "pid": str(n), "question": f"Which bar is number {n}?", "answer": "blue"} for n in range(count)]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def write(tmp_path, rows, name="outputs.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_several_runs_and_what_does_not_join(tmp_path):
    rows = [{"model": "a", "pid": str(n), "response": "The answer is B."} for n in range(4)]
    rows += [{"model": "b", "pid": str(n), "response": "I'm sorry, I cannot see it."} for n in (0, 1, 1)]
    rows += [{"model": "b", "pid": "99", "response": "B"}]
    first, second = score_file(write(tmp_path, rows), "mathvista", questions(tmp_path)).scores
    assert first.complete
    assert first.readings["ours"].accuracy == 1.0
    assert (second.missing, second.doubled, second.unknown) == (2, 1, 1)
    assert not second.complete
    assert second.shares["refused"] == 1.0
    require([first], ["mathvista=99", "50"])
    with pytest.raises(
        GateFailed, match=r"b has 0\.0% on mathvista:testmini, 4 of 1,000, 2 missing, expected at least 0%"
    ):
        require([first, second], ["0"])
    with pytest.raises(RecipeError, match=r"cannot be checked; write it as --min mathvista=68\.5"):
        require([first], ["emma=3"])
    with pytest.raises(RecipeError, match="this is a question set"):
        require([], ["68"])


def test_the_kits_files(tmp_path):
    place = questions(tmp_path, 1)
    doc = {**ROW, "pid": "0", "answer": "blue"}
    lmms = {
        "doc_id": 0,
        "doc": doc,
        "target": "blue",
        "resps": [["B"]],
        "gpt_eval_score": {"true_false": True, "extraction": "B"},
    }
    paper = {
        "instruction": "Which bar is number 0?",
        "response": "blue",
        "reasoning": "\\boxed{B}",
        "answer": "B",
        "correct": 1,
    }
    for name, rows in (
        ("lmms.jsonl", [lmms]),
        ("paper.jsonl", [paper]),
        ("own.jsonl", [{"question": "Which bar is  number 0?", "prediction": "B", "hit": "1"}]),
    ):
        (one,) = score_file(write(tmp_path, rows, name), "mathvista", place).scores
        assert one.run == name.removesuffix(".jsonl")
        assert {reading: found.accuracy for reading, found in one.readings.items()} == dict.fromkeys(
            ("ours", "strict", "official", "filed"), 1.0
        )


def test_tables_and_json_by_id(tmp_path):
    place = questions(tmp_path, 2)
    frame = pl.DataFrame({"index": ["0", "1"], "question": ["Which bar is number 0?", "?"], "prediction": ["B", "A"]})
    frame.write_csv(tmp_path / "kit.tsv", separator="\t")
    (one,) = score_file(tmp_path / "kit.tsv", "mathvista", place).scores
    assert (one.rows, one.readings["ours"].accuracy) == (2, 0.5)
    (tmp_path / "own.json").write_text(
        json.dumps({"0": {"pid": "0", "response": "B"}, "1": {"pid": "1", "response": ""}})
    )
    (one,) = score_file(tmp_path / "own.json", "mathvista", place).scores
    assert one.shares["failed"] == 0.5


def test_rows_are_joined_by_number_only_where_numbers_are_ids(tmp_path):
    """VLMEvalKit and lmms-eval count rows from 0; a question's text, repeated in the benchmark, does not tell which."""
    rows = [{**ROW, "pid": str(n), "question": "What is x?", "answer": str(n), "choices": None} for n in (1, 2, 3)]
    place = str(write(tmp_path, [*rows, {**ROW, "pid": "4", "question": "What is y?", "answer": "4"}], "q.jsonl"))
    from_0 = [{"index": n, "question": "What is x?", "prediction": str(n + 1)} for n in range(3)]
    told = {"index": 3, "question": "What is y?", "prediction": "4"}
    for file in ([*from_0, told], [*from_0[1:], told]):  # 0 is no id, or y is not 3
        (one,) = score_file(write(tmp_path, file), "mathvista", place).scores
        assert (one.rows, one.unknown) == (1, len(file) - 1)
    without_doc = [{"doc_id": n, "resps": [[str(n + 1)]]} for n in range(3)]
    with pytest.raises(OvtError, match="no row of outputs"):
        score_file(write(tmp_path, without_doc), "mathvista", place)
    from_1 = [{"index": n, "question": "What is x?", "prediction": str(n)} for n in (1, 2, 3)]
    (one,) = score_file(write(tmp_path, from_1), "mathvista", place).scores
    assert (one.rows, one.unknown, one.readings["ours"].accuracy) == (3, 0, 1.0)


def test_an_id_with_another_questions_text_is_no_id(tmp_path):
    rows = [{"question": text, "options": ["a", "b"], "answer": "0"} for text in ("Which?", "Which?", "What?", "What?")]
    place = str(write(tmp_path, rows, "q.jsonl"))  # AI2D has no ids: they are the rows' numbers
    (one,) = score_file(
        write(tmp_path, [{"index": 1, "question": "What?", "prediction": "A"}, {"index": 3, "prediction": "A"}]),
        "ai2d",
        place,
    ).scores
    assert (one.rows, one.unknown) == (1, 1)


def test_a_rule_that_fails_on_a_reply_leaves_it_open(tmp_path, monkeypatch):
    def judge(item, said):
        return Ruling("B", True) if said.response == "B" else {}[said.response]

    benchmark = find_benchmark("mathvista")[0]
    broken = replace(benchmark, rules=(Rule("official", "", judge), *benchmark.rules[1:]))
    monkeypatch.setattr("ovt.evaluation.score_file.find_benchmark", lambda name: (broken, "testmini"))
    found = score_file(write(tmp_path, [{"pid": "0", "response": "B"}, {"pid": "1", "response": "A"}]), "mathvista",
                       questions(tmp_path, 2))  # fmt: skip
    assert found.table["official"].to_list() == [True, None]
    assert found.table["official_answer"][1] == "the rule failed: KeyError: 'A'"
    assert "the official rule leaves 1 answers open" in str(found.report())


def test_golds_of_the_file_itself_and_a_second_question_under_one_id(tmp_path):
    keys = {"category": "VD", "subcategory": "map", "set_id": "1", "figure_id": "1", "visual_input": "1"}
    rows = [
        {**keys, "question_id": "0", "question": "Is it red?", "gt_answer": "1", "response": "Yes"},
        {**keys, "question_id": "0", "question": "Is it blue?", "gt_answer": "0", "response": "No"},
        {**keys, "question_id": "1", "question": "Is it big?", "gt_answer": "0", "response": "Yes"},
    ]
    found = score_file(write(tmp_path, rows), "hallusionbench")
    (one,) = found.scores
    assert (one.rows, one.doubled) == (3, 0)
    assert one.further["ours"]["aAcc"] == pytest.approx(2 / 3)
    assert one.further["ours"]["fAcc"] == 0.0
    assert one.further["ours"]["qAcc"] == pytest.approx(1 / 2)
    assert found.notes[0] == "the golds are those of the file itself"


def test_open_thinking_counts_in_ours_alone(tmp_path):
    rows = [
        {"pid": "0", "response": "<think>so \\boxed{B}"},
        {"pid": "1", "response": "<think>A?</think> The answer is A. <think> \\boxed{B}"},
        {"pid": "2", "response": "<think>I wonder", "finish_reason": "length"},
        {"pid": "3", "response": "<answer>B</answer>"},
    ]
    found = score_file(write(tmp_path, rows), "mathvista", questions(tmp_path))
    assert found.table["ours"].to_list() == [True, False, False, True]
    assert found.table["strict"].to_list() == [False, False, False, True]
    assert found.table["in_thinking"].to_list() == [True, False, False, False]
    assert found.table["truncated"].to_list() == [False, False, True, False]
    whole = found.scores[0].whole
    assert whole is not None
    assert whole.answers == 3
    assert "without them" in str(found.report())


def test_mistakes(tmp_path):
    place = questions(tmp_path)
    with pytest.raises(OvtError, match=r"has no replies \(its columns: pid\); expected one of response"):
        score_file(write(tmp_path, [{"pid": "1"}]), "mathvista", place)
    with pytest.raises(OvtError, match=r"no row of outputs\.jsonl is about MathVista"):
        score_file(write(tmp_path, [{"pid": "x", "response": "B"}]), "mathvista", place)
    with pytest.raises(OvtError, match="is not there"):
        score_file(tmp_path / "nothing.jsonl", "mathvista", place)
    outputs = write(tmp_path, [{"pid": "1", "response": "B"}])
    twice = str(write(tmp_path, [{**ROW, "pid": "1", "answer": "blue"}] * 2, "q.jsonl"))
    with pytest.raises(OvtError, match="has a row of MathVista twice"):
        score_file(outputs, "mathvista", twice)
    with pytest.raises(RecipeError, match="is not a group of mathvista"):
        score_file(write(tmp_path, [{"pid": "1", "response": "B"}]), "mathvista", place).report("level")


@pytest.mark.parametrize("name", ["fastexcel", None])  # Polars raises it without
def test_a_spreadsheet_without_its_library_says_what_to_install(tmp_path, monkeypatch, name):
    def missing(*_, **__):
        raise ModuleNotFoundError("required package 'fastexcel' not found", name=name)

    monkeypatch.setattr(pl, "read_excel", missing)
    path = tmp_path / "kit.xlsx"
    path.write_bytes(b"PK")
    with pytest.raises(OvtError, match=r"kit.xlsx needs fastexcel, which is not installed; pip install 'ovt\[xlsx\]'"):
        read_outputs(path)


def test_a_damaged_spreadsheet_is_told(tmp_path, monkeypatch):
    def damaged(*_, **__):
        raise RuntimeError("calamine error: Cannot detect file format\ncontext")

    monkeypatch.setattr(pl, "read_excel", damaged)
    path = tmp_path / "kit.xlsx"
    path.write_bytes(b"x")
    with pytest.raises(
        OvtError, match=r"kit\.xlsx cannot be read as a spreadsheet \(calamine error: .* format\): save"
    ):
        read_outputs(path)


@pytest.mark.parametrize(("pattern", "refusal", "answer"), REFUSALS)
def test_refusals(pattern, refusal, answer):
    assert _REFUSED.match(refusal)
    assert not _REFUSED.match(answer)


def test_hostile_replies_change_nothing(tmp_path):
    hostile = [
        "<think>" * 5_000,
        "\\boxed{" * 5_000,
        "{" * 100_000,
        "Answer:" * 20_000,
        "\x1b[2J" * 100,
        "is " * 50_000,
    ]
    rows = [{"model": "h", "pid": str(n % 4), "response": text} for n, text in enumerate(hostile[:4])]
    rows += [{"model": "i", "pid": str(n), "response": text} for n, text in enumerate(hostile[4:])]
    found = score_file(write(tmp_path, rows), "mathvista", questions(tmp_path))
    assert not found.table["ours"].any()
    assert "\x1b" not in str(found.report())
