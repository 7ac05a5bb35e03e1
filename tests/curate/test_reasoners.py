"""Several reasoners: each with endpoint, k, prompt and sampling; all of their samples are judged and chosen from, and
every report says whose they are."""

import json
import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from ovt.core.errors import RecipeError
from ovt.core.section import read_section, set_key
from ovt.curate.build import build
from ovt.curate.plan import plan
from ovt.curate.recipe import Recipe, load_recipe
from ovt.curate.reports import funnel
from ovt.curate.reports.diff.diff import compare
from ovt.curate.reports.figures import report as stats
from ovt.curate.reports.what_if import what_if
from ovt.curate.reports.why import story
from ovt.curate.run import Session
from ovt.curate.versions.models import by_model
from ovt.curate.versions.profile import profile
from ovt.curate.versions.read import scan

QUESTIONS = 8


@pytest.fixture
def tree(tmp_path, loopback) -> dict[str, Any]:
    """A recipe with a careful and a quick reasoner, of two models of one server."""
    rows = []
    for i in range(QUESTIONS):
        Image.new("RGB", (56, 56), (i, 9, 90)).save(tmp_path / f"{i}.png")
        rows.append({"image": f"{i}.png", "question": f"What is number {i}?", "answer": str(i)})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    loopback.models, loopback.reply = ("test-model", "quick-model"), answers
    server = {"base_url": loopback.url, "usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 1.0}
    return {
        "name": "both",
        "sources": [{"path": str(tmp_path / "rows.jsonl")}],
        "endpoints": {"careful": server | {"model": "test-model"}, "quick": server | {"model": "quick-model"}},
        "caption": {"endpoint": "careful", "sampling": {"max_tokens": 64}},
        "reason": [
            {"endpoint": "careful", "k": 3, "sampling": {"seed": 1, "max_tokens": 64}},
            {"endpoint": "quick", "k": 2, "see": "image", "prompt": "Quickly: {question}", "sampling": {"seed": 1}},
        ],
    }


def number_of(body: Any) -> int:
    return int(str(body["messages"]).partition("What is number ")[2].partition("?")[0] or -1)


def answers(body: Any, choice: int) -> str:
    """The careful one is right, with many words; the quick one has fewer, and is wrong about odd numbers."""
    number = number_of(body)
    if number < 0:
        return "A picture of a number."
    if body["model"] == "test-model":
        return f"<think>I look at it for a long time, {choice}.</think>It is.\n<answer>{number}</answer>"
    return f"<think>Easy {choice}.</think>\n<answer>{number + number % 2}</answer>"


@pytest.fixture
def built(tree, home):
    return build(Recipe.model_validate(tree), Session(home))


def test_samples_are_numbered_through_and_keep_their_model(built):
    said = scan(built, "samples").filter(pl.col("stage") == "reason").collect()
    assert said["index"].to_list() == [0, 1, 2, 3, 4] * QUESTIONS
    assert said["model"].to_list() == (["test-model"] * 3 + ["quick-model"] * 2) * QUESTIONS
    assert said["endpoint"].to_list() == (["careful"] * 3 + ["quick"] * 2) * QUESTIONS
    assert said["reply_key"].n_unique() == 5 * QUESTIONS


def test_the_choice_is_among_the_samples_of_all(built):
    rows = scan(built, "sft").sort("answer").collect()
    chosen = [int(sample_id.rpartition("-")[2]) for sample_id in rows["sample_id"]]
    assert chosen == [3, 0] * (QUESTIONS // 2)  # the shortest correct one: the quick one's, where it is right
    assert rows["pass_rate"].to_list() == [1.0, 0.6] * (QUESTIONS // 2)


def test_every_report_tells_them_apart(built, home):
    careful, quick = by_model(built.manifest, built.path)
    assert (careful["model"], careful["samples"], careful["correct"], careful["kept"]) == ("test-model", 24, 1.0, 4)
    assert (quick["model"], quick["samples"], quick["correct"], quick["kept"]) == ("quick-model", 16, 0.5, 4)
    said = scan(built, "samples").filter(pl.col("endpoint") == "quick").collect()
    assert quick["usd_per_row"] == pytest.approx(math.fsum(said["cost_usd"].to_list()) / 4)
    assert quick["tokens_per_row"] == said.select(pl.sum("prompt_tokens") + pl.sum("completion_tokens")).item() / 4
    assert profile(built)["by_model"] == [careful, quick]
    assert "quick-model" in str(stats([profile(built)]))
    card = (built.path / "README.md").read_text()
    assert "| quick-model | 16 | 0 | 50% | 4 |" in card
    assert card.count("### reason: ") == 2


def test_the_funnel_of_each_adds_up_to_the_whole(built):
    parts, whole = funnel.by_model(built), funnel.by_stage(built)
    for row in (row for row in whole if row["level"] == "sample"):
        of_stage = [part for part in parts if part["stage"] == row["stage"]]
        assert [part["model"] for part in of_stage] == ["test-model", "quick-model"]
        assert (sum(part["rows_in"] for part in of_stage), sum(part["rows_out"] for part in of_stage)) == (
            row["rows_in"], row["rows_out"]
        )  # fmt: skip
    assert "quick-model" in str(funnel.report(built, "model"))


def test_a_diff_shows_the_models_of_both_sides_and_their_prompts(built, tree, home, loopback):
    loopback.seen.clear()
    alone = build(Recipe.model_validate(tree | {"reason": tree["reason"][0]}), Session(home))
    assert loopback.seen == []  # its replies are there
    about = compare(alone, built).about
    assert [one["model"] for one in about["models"]["a"]] == ["test-model"]
    assert [one["model"] for one in about["models"]["b"]] == ["test-model", "quick-model"]
    assert [one["stage"] for one in about["prompts"]] == ["reason 2"]
    assert "quick-model" in str(compare(alone, built))
    assert "models" not in compare(alone, alone).about


def test_a_story_has_the_prompt_of_each(built):
    told = story(built, scan(built, "questions").collect()["question_id"][0])
    assert list(told["prompts"]) == ["caption", "reason 1: careful", "reason 2: quick"]
    assert "Quickly" in str(told["prompts"]["reason 2: quick"])
    assert len(told["samples"]) == 5


def test_a_plan_has_a_line_for_each(tree, home):
    lines = [(one.stage, one.endpoint, one.expected.wanted) for one in plan(Recipe.model_validate(tree), Session(home))]
    assert lines == [("caption", "careful", 8), ("reason", "careful", 24), ("reason", "quick", 16)]


def test_the_judge_is_asked_about_all_of_them(tree, home, loopback):
    judge = "Answer to judge"
    loopback.reply = lambda body, choice: (
        "CORRECT" if judge in str(body["messages"]) else f"<think>So.</think>\n<answer>a word {body['model']}</answer>"
    )
    row = {"image": "0.png", "question": "What is number 0?", "answer": "the word"}
    Path(tree["sources"][0]["path"]).write_text(json.dumps(row))
    tree["verify"] = {"judge": {"endpoint": "careful"}}
    session = Session(home)
    version = build(Recipe.model_validate(tree), session)
    assert scan(version, "verdicts").collect()["reason"].to_list() == ["judge"] * 5
    assert (session.progress.stages["reason 1"].done, session.progress.stages["reason 2"].done) == (3, 2)
    assert len([seen for seen in loopback.seen if judge in str(seen.body)]) == 2  # equal answers are judged once


def test_a_list_of_one_is_the_same_recipe(tree, home):
    one = Recipe.model_validate(tree | {"reason": tree["reason"][0]})
    assert Recipe.model_validate(tree | {"reason": tree["reason"][:1]}) == one
    assert isinstance(one.model_dump(mode="json")["reason"], dict)
    assert Recipe.model_validate(Recipe.model_validate(tree).model_dump(mode="json")) == Recipe.model_validate(tree)


def test_what_if_may_take_samples_of_the_last(built, home):
    about = what_if(built, ["reason.1.k=1"])
    assert about["funnel"]["b"][-1]["rows_in"] <= about["funnel"]["a"][-1]["rows_in"]
    assert [
        row["rows_in"] for row in about["funnel"]["b"] if row["stage"] == "reason" and row["level"] == "sample"
    ] == [4 * QUESTIONS]
    with pytest.raises(RecipeError, match=r"reason\.0\.k needs a model"):
        what_if(built, ["reason.0.k=1"])


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("reason.1.n=3", r"reason\.1\.n is not a known key; .*\bk\b"),
        ("reason.1.k=0", r"reason\.1\.k is 0"),
        ("reason.1.endpoint=nobody", r"reason\.1\.endpoint is 'nobody', which is not under \[endpoints\]"),
        ("reason.2.k=1", "should be a number from 0 to 1"),
        ("reason=[]", "reason is \\[\\]: List should have at least 1 item"),
        ("caption.n=3", r"caption\.n is not a known key"),
    ],
)
def test_what_is_wrong_with_one_of_them_is_said_with_its_number(tree, override, said):
    def read() -> None:
        set_key(tree, override)
        read_section(Recipe, tree, "recipe")

    with pytest.raises(RecipeError, match=said):
        read()


def test_two_who_would_be_asked_the_same_are_refused(tree):
    tree["endpoints"]["mirror"] = tree["endpoints"]["careful"] | {"base_url": "http://127.0.0.1:9/v1"}
    twin = tree["reason"][0] | {"endpoint": "mirror", "k": 9}
    with pytest.raises(RecipeError, match=r"reason\.1 asks the same as reason\.0.*raise reason\.0\.k instead"):
        read_section(Recipe, tree | {"reason": [tree["reason"][0], twin]}, "recipe")
    twin["sampling"] = {"seed": 2}
    assert len(read_section(Recipe, tree | {"reason": [tree["reason"][0], twin]}, "recipe").reasoners) == 2


def test_each_may_have_its_prompt_in_a_file(tmp_path):
    (tmp_path / "quick.txt").write_text("Quickly: {question}\n")
    (tmp_path / "both.toml").write_text(
        """
        name = "both"
        [[sources]]
        path = "rows.jsonl"
        [endpoints.one]
        base_url = "http://127.0.0.1:9/v1"
        model = "m"
        [[reason]]
        endpoint = "one"
        see = "image"
        [[reason]]
        endpoint = "one"
        see = "image"
        prompt_file = "quick.txt"
        [reason.sampling]
        temperature = 0.2
        """
    )
    first, second = load_recipe(tmp_path / "both.toml").reasoners
    assert second.prompt == "Quickly: {question}"
    assert (first.sampling.temperature, second.sampling.temperature) == (0.6, 0.2)
