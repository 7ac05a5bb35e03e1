"""Held-out evaluation: against a real server and an embedded model, stopped and gone on, scored as curation scores."""

import asyncio
import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

from ovt.core.errors import BudgetReached, OvtError, RecipeError
from ovt.core.home import Home
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.run import Session, import_questions
from ovt.evaluation.evaluate import aevaluate, evaluate
from ovt.evaluation.question_set import EvaluateSection, load_question_set, without_images_of
from ovt.evaluation.results import evaluation_names, open_evaluation, read_answers
from ovt.evaluation.scores import difference


def answer(body: dict, choice: int) -> str:
    """Right for even numbers; question 4 is answered without the format, 6 not at all."""
    text = next(part["text"] for part in body["messages"][0]["content"] if part["type"] == "text")
    number = int(re.findall(r"number (\d+)", text)[0])
    if number == 4:
        return "It is 4."
    if number == 6:
        return "<think>First, wait. Let me check that again and"
    given = number if (number + choice + body.get("seed", 0)) % 2 == 0 else number + 1
    return f"<think>First, I look at it.</think>\nIt is {given}.\n<answer>{given}</answer>"


@pytest.fixture
def questions(tmp_path, home) -> pl.DataFrame:
    """12 questions about 6 pictures in two sources; the gold of number i is i."""
    sources = []
    for name, first in (("one", 0), ("two", 6)):
        rows = []
        for i in range(first, first + 6):
            Image.new("RGB", (56, 56), (20 * (i // 2), 9, 90)).save(tmp_path / f"{i // 2}.png")
            rows.append({"image": f"{i // 2}.png", "question": f"What is number {i}?", "answer": str(i)})
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        sources.append({"name": name, "path": str(path)})
    file = tmp_path / "set.toml"
    file.write_text(
        "name = 'numbers'\n" + "".join(f"[[sources]]\nname='{s['name']}'\npath='{s['path']}'\n" for s in sources)
    )
    return import_questions(load_question_set(file).sources, Session(home)).questions


@pytest.fixture
def ask(questions, home, loopback):
    """Evaluate the questions with the loopback server."""
    loopback.reply = answer

    def run(name="first", settings=None, budget=None, rows=None, model="test-model"):
        section = EndpointSection(base_url=loopback.url, model=model, max_concurrency=4, max_retries=1)
        session = Session(home, budget=budget or Budget())
        rows = questions if rows is None else rows
        return evaluate(name, rows, section, settings or EvaluateSection(), session)

    return run


def test_scores(ask, home):
    scores = ask().scores
    assert (scores.questions, scores.answers, scores.images) == (12, 12, 6)
    assert scores.outcomes == {"wrong": 7, "correct": 5}
    assert scores.accuracy == pytest.approx(5 / 12)
    assert scores.low < 5 / 12 < scores.high
    assert scores.by_source["one"].accuracy == pytest.approx(3 / 6)
    assert scores.by_source["two"].accuracy == pytest.approx(2 / 6)
    assert scores.format_valid == pytest.approx(10 / 12)
    assert scores.truncated == 0
    assert scores.behaviours["plan"] > 0
    answers = read_answers("first", home)
    assert scores.words == pytest.approx(answers["response_words"].mean())
    assert answers.filter(~pl.col("valid"))["sample_id"].len() == 2


def test_greedy_by_default_and_the_prompt_of_the_settings(ask, loopback):
    ask(settings=EvaluateSection(prompt="{question}\nAnswer directly."))
    body = loopback.seen[0].body
    assert (body["temperature"], body["max_tokens"]) == (0.0, 2048)
    kinds = [part["type"] for part in body["messages"][0]["content"]]
    assert kinds == ["image_url", "text"]
    assert body["messages"][0]["content"][1]["text"].endswith("\nAnswer directly.")


def test_k_answers_each(ask):
    scores = ask(settings=EvaluateSection(k=4, sampling={"temperature": 1.0, "seed": 3})).scores
    assert scores.answers == 48
    assert scores.accuracy == pytest.approx(
        (10 * 2 + 4) / 48
    )  # each number is right every other time; "It is 4." always
    assert scores.solved == pytest.approx(11 / 12)


def test_a_finished_evaluation_is_found_and_another_one_refused(ask, loopback, home):
    first = ask()
    asked = len(loopback.seen)
    assert ask() == first
    assert len(loopback.seen) == asked
    with pytest.raises(OvtError, match=r"evaluation first was made from different inputs \(.*settings"):
        ask(settings=EvaluateSection(prompt="{question}"))
    assert evaluation_names(home) == ["first"]
    assert open_evaluation("first", home) == first
    with pytest.raises(OvtError, match=r"no evaluation is named 'second'.*there are: first"):
        open_evaluation("second", home)


@pytest.mark.parametrize("name", ["../evals/first", "/tmp", "a\0b", "", ".first"])
def test_an_evaluation_is_found_by_name_alone(ask, home, name):
    with pytest.raises(OvtError, match="cannot name an evaluation: use letters"):
        open_evaluation(name, home)


def test_a_home_may_have_brackets_in_its_name_and_a_missing_table_is_told(ask, home):
    ask()
    odd = Home(Path(shutil.copytree(home.path, home.path.with_name("home [old]"))))
    assert len(read_answers("first", odd)) == 12
    (odd.evals / "first" / "answers.parquet").write_bytes(b"PAR1")
    for _ in range(2):
        with pytest.raises(OvtError, match=r"answers\.parquet cannot be read \(.*first, and evaluate again"):
            read_answers("first", odd)
        (odd.evals / "first" / "answers.parquet").unlink(missing_ok=True)


def test_a_stopped_evaluation_asks_nothing_twice(ask, loopback, home):
    with pytest.raises(BudgetReached):
        ask(budget=Budget(max_tokens=2_300))
    some = len(loopback.answered)
    assert 0 < some < 12
    assert evaluation_names(home) == []
    ask()
    assert len(loopback.answered) == 12


def test_failed_requests_are_told_and_tried_again(ask, loopback):
    loopback.status = lambda body: (400, {"error": {"message": "no"}}) if "number 3" in str(body["messages"]) else None
    done = ask()
    assert (done.failed, done.scores.answers) == (1, 11)
    loopback.status = lambda body: None
    again = ask()
    assert (again.failed, again.scores.answers) == (0, 12)


def test_nothing_answered(ask, loopback):
    loopback.status = lambda body: (400, {"error": {"message": "not today"}})
    with pytest.raises(OvtError, match="not today"):
        ask()


def test_cut_off_answers_are_counted(ask):
    scores = ask(settings=EvaluateSection(sampling={"max_tokens": 5})).scores
    assert scores.truncated > 0.8
    assert scores.reasons


def test_differences_are_paired_by_question(ask, home, loopback):
    ask("first")
    loopback.reply = lambda body, choice: answer(body, choice + 1)
    ask("other", settings=EvaluateSection(sampling={"seed": 9}))
    one, other = read_answers("first", home), read_answers("other", home)
    gain = difference(one, other)
    assert gain.value == pytest.approx((sum(one["right"]) - sum(other["right"])) / 12)
    assert difference(one, one) == (0, 0, 0)
    with pytest.raises(OvtError, match="share no question"):
        difference(one.head(6), other.tail(6))


def test_an_embedded_model_answers(questions, home, small_vlm):
    from ovt.evaluation.evaluate import embedded_endpoint

    session = Session(home)
    settings = EvaluateSection(sampling={"max_tokens": 8})
    endpoint = embedded_endpoint(str(small_vlm), "small")
    first = evaluate("small", questions, endpoint, settings, session)
    assert first.scores.answers == 12
    assert first.asked.model == "small"
    assert len(first.asked.revision or "") == 64  # of the weights: another model under this name is another evaluation
    assert evaluate("small", questions, endpoint, settings, session) == first


def test_question_sets(tmp_path):
    of_recipe = load_question_set("pocket", ["sources.0.limit=5"])
    assert of_recipe.sources[0].limit == 5
    assert of_recipe.prompt.strip().endswith("Think step by step.")
    alone = load_question_set("pocket:figures", ["sources.0.seed=9"])
    assert (alone.sources[0].path, alone.sources[0].seed) == ("pocket:figures", 9)
    of_a_loop = load_question_set("pocket-loop", ["k=4", "sampling.temperature=0.5"])
    assert (of_a_loop.k, of_a_loop.sampling.temperature, len(of_a_loop.sources)) == (4, 0.5, 5)
    for what in ("pocket", "pocket-loop"):
        with pytest.raises(RecipeError, match="evaluate is not a known key"):
            load_question_set(what, ["evaluate.k=4"])
        with pytest.raises(RecipeError, match="k is 4, and greedy answers are all alike: set"):
            load_question_set(what, ["k=4"])
    (tmp_path / "bad.toml").write_text("prompts = 'x'\n[[sources]]\npath='pocket:figures'\n")
    with pytest.raises(RecipeError, match="prompts is not a known key; did you mean prompt"):
        load_question_set(tmp_path / "bad.toml")
    with pytest.raises(RecipeError, match="question"):
        load_question_set("pocket:figures", ["prompt='Answer.'"])


def test_questions_that_share_an_image_with_others_are_left_out(questions):
    seen = questions.filter(pl.col("question") == "What is number 3?")
    left = without_images_of(questions, [seen])
    assert len(left) == 10  # number 2 shows the same picture
    assert without_images_of(questions, [questions.clear()]).equals(questions)


def test_evaluations_work_in_a_running_loop_and_beside_it(questions, home, loopback):
    loopback.reply = answer
    endpoint = EndpointSection(base_url=loopback.url, model="test-model")

    async def cell() -> tuple:
        here = evaluate("here", questions, endpoint, EvaluateSection(), Session(home))
        return here, await aevaluate("beside", questions, endpoint, EvaluateSection(), Session(home))

    here, beside = asyncio.run(cell())
    assert here.scores == beside.scores
    assert len(loopback.answered) == 12
