"""benchmarks/study.py: the loops of both worlds, what is held out, and the table."""

import json
import random
import tomllib
from dataclasses import replace
from typing import Any

import batches as rows
import numpy as np
import polars as pl
import pytest
from PIL import Image

from ovt.curate.run import Session
from ovt.curate.sources.images import image_path
from ovt.pocket import WEIGHTS, WEIGHTS_VL
from ovt.pocket.model import load_processor
from ovt.train.loop.steps import plan_steps

KNOBS = "[glance]\nbars = 0.5\n[captions]\nmax_tokens = 21\n[questions]\nasked = '^W|^[a-z]'\n"
TRAINING: dict[str, Any] = {
    "seed": 3,
    "schedule": {"steps": 4},
    "phases": [{"from_step": 0, "rows": [
        {"kind": "caption", "rows": 2, "batches": 1, "more": []},
        {"kind": "see", "rows": 3, "batches": 1, "more": ["bars"], "glance": {"bars": 0.5}, "asked": "^W"},
    ]}],
}  # fmt: skip


@pytest.fixture
def base(tmp_path):
    """The folder of a base, as far as the study reads it before a model is asked."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "training.json").write_text(json.dumps(TRAINING))
    return tmp_path / "base"


@pytest.fixture
def worlds(study, tmp_path, base):
    (tmp_path / "world.toml").write_text(KNOBS)
    return {"lossless": study.LOSSLESS, "seeing": study.seeing(tmp_path / "world.toml", base)}


def made(study, world, tmp_path, **more):
    """Its study, small."""
    return study.Study(world, tmp_path / "study", 0.01, **more)


@pytest.mark.parametrize("name", ["lossless", "seeing"])
def test_every_condition_is_a_loop_with_the_steps_that_the_table_reads(study, worlds, tmp_path, name):
    world = worlds[name]
    steps = {
        condition: {step.name for step in plan_steps(study.make_recipe(condition, 2, made(study, world, tmp_path)))}
        for condition in world.conditions
    }
    wanted = [(condition, step) for _, _, condition, step in world.rows]
    wanted += [end for _, *ends in world.pairs for end in ends]
    assert all(f"eval-{step}" in steps[condition] for condition, step in wanted)
    assert all(len({step for step in of if step.startswith("data")}) == (3 if condition in world.repeated else 1)
               for condition, of in steps.items())  # fmt: skip


def test_the_knobs_and_the_base_reach_the_loop(study, worlds, base, tmp_path):
    recipe = study.make_recipe("iterations", 1, made(study, worlds["seeing"], tmp_path))
    assert recipe.base == str(base)
    assert recipe.iterations[0].curate.caption.sampling.max_tokens == 21
    drawn = [source for one in recipe.iterations for source in one.curate.sources] + list(recipe.evaluate.sources)
    assert {source.where for source in drawn} == {"question ~ '^W|^[a-z]'"}


@pytest.mark.parametrize("iterations", [1, 3])
def test_rl_alone_has_the_rollouts_of_all_iterations(study, worlds, base, tmp_path, iterations):
    world = study.seeing(tmp_path / "world.toml", base, iterations)

    def rollouts(condition: str) -> int:
        recipe = study.make_recipe(condition, 1, made(study, world, tmp_path))
        return sum(rl.max_steps * rl.global_batch_size * rl.num_generations
                   for one in recipe.iterations for rl in one.rl)  # fmt: skip

    assert rollouts("iterations") == rollouts("rl-only") == rollouts("longer") > 0
    assert rollouts("sft-only") == 0


def test_seeds_and_validation_have_questions_of_their_own(study, worlds, tmp_path):
    for world in worlds.values():
        recipes = [study.make_recipe("iterations", seed, made(study, world, tmp_path)) for seed in (1, 2, 3)]
        seeds = [source.seed for recipe in recipes for one in recipe.iterations for source in one.curate.sources]
        validation = study.make_recipe("iterations", 1, made(study, world, tmp_path, validates=True))
        asked = {source.seed for source in recipes[0].evaluate.sources}
        checked = {source.seed for source in validation.evaluate.sources}
        assert len(set(seeds)) == len(seeds)
        assert not asked & checked
        assert not (asked | checked) & set(seeds)


def test_a_bases_own_pictures_are_drawn_again_once(study, base, tmp_path, monkeypatch):
    tokenizer = load_processor(WEIGHTS).tokenizer
    plans = [rows.Plan(**plan) for plan in TRAINING["phases"][0]["rows"]]
    families = sorted(rows.pocket.FAMILIES)
    trained = [row.picture for plan in plans for row in rows.make_rows(
        3, plan.kind, range(plan.rows * rows.GROUP), rows.drawn_families(plan, families), tokenizer,
        plan if plan.kind == "see" else None)]  # fmt: skip
    known = study.drawn_figures(base, tmp_path)
    assert known == {study.pixels(Image.fromarray(np.asarray(picture))) for picture in trained}
    monkeypatch.setattr(study, "pictures_of", lambda training: pytest.fail("drawn again"))
    assert study.drawn_figures(base, tmp_path) == known


def test_no_held_out_picture_was_trained_on(study, worlds, base, tmp_path, monkeypatch):
    world = worlds["seeing"]
    small = made(study, replace(world, trainings=(base,)), tmp_path)
    asked = study.import_questions(study.make_recipe("iterations", 1, small).evaluate.sources, Session(small.home))
    pictures = [study.pixels(Image.open(image_path(small.home, images[0]))) for images in asked.questions["images"]]
    seen = random.Random(1).sample(pictures, 5)
    monkeypatch.setattr(study, "drawn_figures", lambda trained, keep: set(seen))
    left = study.held_out(small)
    there = {study.pixels(Image.open(image_path(small.home, images[0]))) for images in left["images"]}
    assert not there & set(seen)
    assert there <= set(pictures)
    assert len(left) < len(asked.questions)
    monkeypatch.setattr(study, "drawn_figures", lambda trained, keep: pytest.fail("drawn to choose a setting"))
    assert len(study.held_out(replace(small, validates=True, size=0.04))) > 0


def test_pooled_answers_of_a_picture_are_one_cluster(study):
    def seed(number: int, right: list[bool]) -> dict:
        answers = pl.DataFrame({"question_id": list("abcd"), "cluster": list("wxyz"), "right": right})
        numbers = {"accuracy": sum(right) / 4, "words": 10.0, "format_valid": 1.0, "truncated": 0.0}
        return {"seed": number, "answers": answers, "seconds": [60.0, 30.0 * number], "behaviours": {"plan": 1.0},
                **numbers}  # fmt: skip

    pooled = study.pooled([seed(1, [True, True, False, False]), seed(2, [True, True, True, False])])
    alone = study.pooled([seed(1, [True, True, False, False])])
    assert pooled["accuracy"] == pytest.approx(5 / 8)
    assert pooled["by_seed"] == [0.5, 0.75]
    assert pooled["minutes"] == pytest.approx(1.5)
    assert pooled["high"] - pooled["low"] > 0.7 * (alone["high"] - alone["low"])
    assert "| 62.5 |" in study.table([{"label": "base", **pooled}])


def test_the_shipped_loop_is_the_world_of_the_knobs_that_come_with_it(study):
    recipe = study.load_loop("pocket-loop")
    world = study.seeing(study.EXAMPLES / "world.toml")
    drawn = [source for one in recipe.iterations for source in one.curate.sources] + list(recipe.evaluate.sources)
    assert {source.where for source in drawn} == {world.where}
    assert (
        f"curate.caption.sampling.max_tokens={recipe.iterations[0].curate.caption.sampling.max_tokens}" in world.changes
    )


def test_shipped_bases_tell_what_they_were_trained_on(study):
    assert study.LOSSLESS.trainings == (WEIGHTS,)
    world = study.seeing(study.EXAMPLES / "world.toml")
    assert world.trainings == (WEIGHTS, WEIGHTS_VL)
    knobs = tomllib.loads((study.EXAMPLES / "world.toml").read_text())
    (see,) = [plan for plan in json.loads((WEIGHTS_VL / "training.json").read_text())["phases"][0]["rows"]
              if plan["kind"] == "see"]  # fmt: skip
    assert (see["glance"], see["asked"]) == (knobs["glance"], knobs["questions"]["asked"])
