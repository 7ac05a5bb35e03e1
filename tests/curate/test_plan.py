"""The plan with its outlook: what a preview has measured, told for all questions."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

import ovt
from ovt.core.home import Home
from ovt.core.progress import Progress
from ovt.core.section import read_section
from ovt.curate.build import build
from ovt.curate.endpoints.jobs import Expected
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.plan import Outlook, StagePlan, outlook, outlook_parts, plan, preview
from ovt.curate.rates import Rate, keep_rates, read_rates
from ovt.curate.recipe import Recipe
from ovt.curate.run import Session

QUESTIONS = 12
RATE = Rate(rows=100, wanted=400, replies=200, prompt_tokens=20_000, completion_tokens=50_000, seconds=10.0)


@pytest.fixture
def recipe(tmp_path, loopback) -> Recipe:
    """12 questions that are equal but for their pictures, each with a caption and two chains."""
    rows = []
    for i in range(QUESTIONS):
        Image.new("RGB", (56, 56), (i, 9, 90)).save(tmp_path / f"{i}.png")
        rows.append({"image": f"{i}.png", "question": "How many are there?", "answer": "12"})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def reply(body: Any, choice: int) -> str:
        seen = hashlib.sha256(str(body).encode()).hexdigest()[:8]
        return f"<think>I look.</think>It is {seen}.\n<answer>{12 + choice}</answer>"

    loopback.reply = reply
    tree = {
        "name": "small",
        "sources": [{"path": str(tmp_path / "rows.jsonl")}],
        "endpoints": {"server": {"base_url": loopback.url, "model": "test-model"}},
        "caption": {"endpoint": "server"},
        "reason": {"endpoint": "server", "k": 2},
    }
    return Recipe.model_validate(tree)


def looked_ahead(recipe: Recipe, home: Home) -> list[Outlook]:
    stages = plan(recipe, Session(home), read_rates(recipe, home))
    return [stage.outlook for stage in stages if stage.outlook]


def test_a_preview_tells_what_the_build_then_needs(recipe, home):
    preview(recipe, Session(home, limit=4))
    captions, chains = looked_ahead(recipe, home)
    assert (captions.replies, chains.replies) == (QUESTIONS - 4, 2 * (QUESTIONS - 4))
    progress = Progress()
    build(recipe, Session(home, progress=progress))
    for stage, found in (("caption", captions), ("reason", chains)):
        tally = progress.stages[stage]
        assert found.replies == tally.done
        assert found.completion_tokens == pytest.approx(tally.completion_tokens, rel=0.1)
    assert [found.replies for found in looked_ahead(recipe, home)] == [0, 0]


def test_captions_that_do_not_exist_yet_are_not_taken_for_each_other(recipe, home):
    _, chains = plan(recipe, Session(home))
    assert (chains.expected.wanted, chains.expected.answered, chains.expected.calls) == (24, 0, QUESTIONS)


def test_nothing_measured_is_said(recipe, home):
    told = ovt.plan(recipe, measured=True, home=home)
    assert "No rates measured yet" in str(told)
    assert "outlook" not in told.data[0]


def test_the_run_with_the_most_replies_counts(recipe, home):
    def run_with(replies: int) -> None:
        progress = Progress()
        progress.begin("reason", 2 * replies).done = replies
        keep_rates(recipe, home, progress)

    for replies, expected in ((5, 5), (3, 5), (0, 5), (8, 8)):
        run_with(replies)
        assert {stage: rate.replies for stage, rate in read_rates(recipe, home).items()} == {"reason": expected}


def test_other_servers_have_rates_of_their_own(recipe, home):
    progress = Progress()
    progress.begin("reason", 4).done = 4
    keep_rates(recipe, home, progress)
    limited = recipe.model_copy(update={"limits": recipe.limits.model_copy(update={"max_failed": 1.0})})
    assert read_rates(limited, home)
    more = Recipe.model_validate(recipe.model_dump() | {"reason": {"endpoint": "server", "k": 4}})
    assert not read_rates(more, home)


@pytest.mark.parametrize("damaged", ["", "[1]", '{"reason": {"rows": 1}}', '{"reason": 3}'])
def test_a_damaged_file_is_none(recipe, home, damaged):
    progress = Progress()
    progress.begin("reason", 4).done = 4
    keep_rates(recipe, home, progress)
    (place,) = home.rates.iterdir()
    place.write_text(damaged)
    assert read_rates(recipe, home) == {}


def stage(**expected: Any) -> StagePlan:
    told = {"wanted": 4_000, "answered": 400, "calls": 900, "prompt_tokens": 1, "completion_tokens": 1}
    return StagePlan("reason", "server", 1_000, Expected(**(told | expected), cost_usd=None, bounded=True))


def section(**keys: Any) -> EndpointSection:
    return read_section(EndpointSection, {"base_url": "http://127.0.0.1:1/v1", "model": "m"} | keys, "server")


def test_an_outlook_is_the_measured_one_in_proportion():
    priced = section(usd_per_million_completion_tokens=2.0)
    found = outlook(stage(), RATE, priced)
    assert found == Outlook(3_600, 360_000, 900_000, 1.8, 20.0, 3_600 / 20.0 / 3600, None)


def test_a_judge_is_expected_to_be_asked_as_seldom_as_before():
    seldom = replace(RATE, wanted=10)  # one of ten questions
    assert outlook(stage(answered=0), seldom, section()).replies == 100


@pytest.mark.parametrize(
    ("keys", "gpus"),
    [
        ({}, None),
        ({"serve": {"replicas": 4, "gpus": 2}}, 8),
        ({"serve": {"replicas": 4}}, None),
        ({"base_url": "vllm:some/model", "engine": {"tensor_parallel_size": 2}}, 2),
    ],
)
def test_gpus_are_known_where_the_recipe_says_them(keys, gpus):
    assert section(**keys).gpus == gpus


def test_hours_are_those_of_the_longest_stage_and_servers_are_held_as_long():
    told = section(serve={"replicas": 4, "gpus": 2})
    short, long = (replace(stage(), outlook=outlook(stage(), rate, told)) for rate in (RATE, replace(RATE, seconds=40)))
    *_, line = outlook_parts([short, long], {"reason": RATE})
    assert line.startswith("About 0.20 hours of asking, all stages side by side. 8 GPUs for that long: 1.6 GPU-hours.")
