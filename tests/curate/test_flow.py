"""Stages that overlap: a question's chains are asked as soon as its caption is there, and nothing else changes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from ovt.core.errors import BudgetReached, EndpointError
from ovt.curate.build import build
from ovt.curate.endpoints.budget import Budget
from ovt.curate.recipe import Recipe
from ovt.curate.reports.failures import failures, report
from ovt.curate.run import Session
from ovt.curate.versions.read import scan

QUESTIONS = 40


@pytest.fixture
def make_recipe(tmp_path, loopback) -> Callable[..., Recipe]:
    """`make_recipe(reasoner=URL, judge=URL)`: 40 questions, captions from the loopback server."""
    rows = []
    for i in range(QUESTIONS):
        Image.new("RGB", (56, 56), (i, 9, 90)).save(tmp_path / f"{i}.png")
        rows.append({"image": f"{i}.png", "question": f"What is number {i}?", "answer": f"the word{i}"})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def make(reasoner: str = "", judge: str = "", at_once: int = 2, **prices: float) -> Recipe:
        def endpoint(url: str) -> dict[str, Any]:
            return {"base_url": url or loopback.url, "model": "test-model", "max_concurrency": at_once, **prices}

        tree: dict[str, Any] = {
            "name": "small",
            "sources": [{"path": str(tmp_path / "rows.jsonl")}],
            "endpoints": {"eyes": endpoint(""), "head": endpoint(reasoner), "judge": endpoint(judge)},
            "caption": {"endpoint": "eyes", "sampling": {"max_tokens": 64}},
            "reason": {"endpoint": "head" if reasoner else "eyes", "k": 2, "sampling": {"seed": 1, "max_tokens": 64}},
        }
        if judge:
            tree["verify"] = {"judge": {"endpoint": "judge"}}
        return Recipe.model_validate(tree)

    return make


def text_of(body: Any) -> str:
    return str(body["messages"])


def number_of(text: str) -> str:
    return text.partition("What is number ")[2].partition("?")[0]


def answers(body: Any, choice: int) -> str:
    """A caption, a chain with a synonym of the gold, or a judgement, as asked."""
    text = text_of(body)
    if "Answer to judge" in text:
        return "It means the same.\nCORRECT"
    if "What is number" in text:
        return f"<think>I see it, {choice}.</think>It is.\n<answer>a word like {number_of(text)}</answer>"
    return "A picture of a word."


def test_chains_and_judgements_are_asked_while_captions_are_under_way(make_recipe, home, loopback):
    loopback.reply = answers
    with type(loopback)(reply=answers) as head, type(loopback)(reply=answers) as judge:
        # The last captions do not come before a judgement was asked, which needs a chain.
        busy = (429, {"error": {"message": "later"}})
        loopback.status = lambda body: busy if len(loopback.answered) >= QUESTIONS - 4 and not judge.seen else None
        session = Session(home)
        version = build(make_recipe(head.url, judge.url), session)
    assert (len(loopback.answered), len(head.seen), len(judge.seen)) == (QUESTIONS, QUESTIONS, QUESTIONS)
    stages = session.progress.stages
    told = {
        name: (stages[name].total, stages[name].done + stages[name].cached) for name in ("caption", "reason", "judge")
    }
    assert told == {"caption": (40, 40), "reason": (80, 80), "judge": (80, 80)}
    assert set(session.progress.ended) >= {"caption", "reason", "judge"}
    assert version.manifest.rows["sft"] == QUESTIONS


def test_overlapping_stages_write_the_same_bytes(make_recipe, home, loopback, tmp_path):
    loopback.reply = answers
    first = build(make_recipe(), Session(home))
    other = type(home)(tmp_path / "other")
    with type(loopback)(reply=answers, latency_s=0.005) as head:
        second = build(make_recipe(head.url), Session(other))
    assert scan(first, "samples").drop("endpoint").collect().equals(scan(second, "samples").drop("endpoint").collect())
    for table in ("questions", "verdicts", "decisions"):
        assert first.manifest.files[f"ledger/{table}.parquet"] == second.manifest.files[f"ledger/{table}.parquet"]


def test_stages_share_one_endpoint_and_never_exceed_its_limit(make_recipe, home, loopback):
    loopback.reply = answers
    loopback.latency_s = 0.05
    build(make_recipe(at_once=4), Session(home))
    assert loopback.most_at_once <= 4
    kinds = ["chain" if "What is number" in text_of(seen.body) else "caption" for seen in loopback.seen]
    assert "caption" in kinds[kinds.index("chain") + 8 :]  # neither waits for the other


def test_a_question_without_a_caption_is_asked_no_further(make_recipe, home, loopback):
    loopback.reply = answers
    refused = {"error": {"message": "what a picture"}}
    loopback.status = lambda body: (400, refused) if len(loopback.seen) == 3 else None
    session = Session(home)
    version = build(make_recipe(), session)
    assert (session.progress.stages["caption"].failed, session.progress.stages["reason"].total) == (1, 78)
    assert version.manifest.rows["samples"] == 40 + 78


def test_a_judgement_that_failed_is_among_the_failures(make_recipe, home, loopback):
    loopback.reply = answers
    with type(loopback)(reply=answers) as judge:
        judge.status = lambda body: (
            (400, {"error": "no"}) if "a word like 7\n" in str(body["messages"][0]["content"]) else None
        )
        version = build(make_recipe(judge=judge.url), Session(home))
    (row,) = failures(version)
    assert (row["stage"], row["endpoint"], row["samples"], row["of_stage"]) == ("judge", "judge", 1, 1 / QUESTIONS)
    assert "HTTP 400: no" in str(report(version))


def test_what_ends_one_stage_ends_all(make_recipe, home, loopback):
    loopback.reply = answers
    with type(loopback)(reply=answers) as head:
        head.models = ("other",)
        # The last captions would never come.
        later = (429, {"error": {"message": "later"}})
        loopback.status = lambda body: later if len(loopback.answered) >= QUESTIONS - 4 else None
        with pytest.raises(EndpointError, match="test-model"):
            build(make_recipe(head.url), Session(home))
        assert len(loopback.answered) < QUESTIONS
        head.models, loopback.status = ("test-model",), lambda body: None
        build(make_recipe(head.url), Session(home))
        assert len(loopback.answered) <= QUESTIONS + 2


def test_a_budget_holds_over_both_stages(make_recipe, home, loopback):
    loopback.reply = answers
    prices = {"usd_per_million_prompt_tokens": 1000.0, "usd_per_million_completion_tokens": 1000.0}
    budget = Budget(max_tokens=4_000)
    with pytest.raises(BudgetReached):
        build(make_recipe(**prices), Session(home, budget))
    spent = sum(seen.prompt_tokens + seen.completion_tokens for seen in loopback.seen)
    assert budget.spent_tokens <= 4_000
    assert spent <= 4_000
