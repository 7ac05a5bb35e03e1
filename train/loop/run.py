"""`ovt loop run`: every step of a loop, in order; finished steps are found, stopped ones resumed.

A step leaves a version, a run or an evaluation under its own name, each of which resumes by itself, and a
record (steps.py), so that skipping a finished step costs one file read. Killed at any point, a loop loses at most the
training since the last checkpoint.
"""

import time
from dataclasses import replace

import polars as pl

from ovt.core.errors import GateFailed, OvtError
from ovt.core.files import locked, make_folder, write_file
from ovt.core.home import Home
from ovt.core.records import MadeOf
from ovt.core.section import Section, with_defaults
from ovt.curate.recipe import Recipe
from ovt.curate.sources.importing import import_sources
from ovt.curate.versions.read import is_whole, open_version
from ovt.evaluation.question_set import EvaluateSection, without_images_of
from ovt.evaluation.results import RESULT
from ovt.train.loop.recipe import LoopRecipe
from ovt.train.loop.steps import RECIPE, Step, StepRecord, plan_steps, read_record, write_record
from ovt.train.loop.work import DO, Tools, Work, ingredients
from ovt.train.models import resolve_model, weights_revision
from ovt.train.settings import RlSection, SftSection

SECTIONS: dict[str, type[Section]] = {
    "curate": Recipe, "sft": SftSection, "rl": RlSection, "evaluate": EvaluateSection
}  # fmt: skip


def run_loop(
    recipe: LoopRecipe, home: Home, tools: Tools, questions: pl.DataFrame | None = None
) -> dict[str, StepRecord]:
    """Runs all steps and returns their records. questions: the held-out ones, if already chosen (QUESTIONS rows).

    Raises GateFailed if an iteration fails its gate (its report is written), and what steps raise: OvtError,
    BudgetReached, KeyboardInterrupt; the same call then resumes.
    """
    folder = home.make().loops / recipe.name
    make_folder(folder)
    busy = f"loop {recipe.name} is being run by another process: wait for it, or give this one another name"
    with locked(folder, busy):
        asked = held_out(recipe, home, tools) if questions is None else questions
        work = Work(recipe, home, folder, tools, asked, weights_revision(resolve_model(recipe.base, home)))
        refuse_changes(work)
        write_file(folder / RECIPE, recipe.model_dump_json(indent=2) + "\n")
        for step in plan_steps(recipe):
            work.records[step.name] = ensure(step, work)
    return work.records


def held_out(recipe: LoopRecipe, home: Home, tools: Tools) -> pl.DataFrame:
    """The held-out questions, without those that share an image with a question of any iteration."""
    questions = import_sources(recipe.evaluate.sources, home).questions
    trained = [import_sources(one.curate.sources, home, None, None).questions for one in recipe.iterations]
    left = without_images_of(questions, trained)
    if left.is_empty():
        raise OvtError("every held-out question has an image that the loop trains on: choose other evaluate.sources")
    if len(left) < len(questions):
        gone = len(questions) - len(left)
        tools.say(f"{gone:,} of {len(questions):,} held-out questions left out: training questions share their images")
    return left


def refuse_changes(work: Work) -> None:
    """DriftError for the first step that was made from inputs other than the recipe's, before anything is written."""
    known = replace(work, records={})
    for step in plan_steps(work.recipe):
        if step.kind != "gate":
            there = find_done(step, known)
            if there is None:
                return  # the inputs of later steps are not known yet
            known.records[step.name] = there


def find_done(step: Step, work: Work) -> StepRecord | None:
    """The record of a finished step; None otherwise. DriftError if it was made from different inputs."""
    there = read_record(work.folder, step.name)
    if there is None or there.status != "done":
        return None
    before = {key: with_defaults(SECTIONS[key], value) if key in SECTIONS else value
              for key, value in there.made_of.items()}  # fmt: skip
    what, fix = f"step {step.name} of loop {work.recipe.name}", "set them back, or give the loop another name"
    MadeOf(what, ingredients(step, work), fix).require(before)
    return there


def ensure(step: Step, work: Work) -> StepRecord:
    """The record of a step, found or after running it. A gate is always evaluated again."""
    there = find_done(step, work) if step.kind != "gate" else None
    if there and remains(there, work.home):
        return there
    earlier = read_record(work.folder, step.name)
    before = earlier.seconds if earlier else 0.0
    record = StepRecord(step=step.name, kind=step.kind, made_of=ingredients(step, work), seconds=before)
    write_record(work.folder, record)
    work.tools.say(f"{step.name}: {step.title}")
    began, outcome = time.monotonic(), {"status": "running"}
    try:
        outcome = {"status": "done", **DO[step.kind](step, work)}
    finally:  # stopped or not, the time was spent
        done = record.model_copy(update={**outcome, "seconds": before + time.monotonic() - began})
        write_record(work.folder, done)
    if done.status == "failed" and work.recipe.gate.enabled:
        raise GateFailed(
            f"iteration {step.iteration} of loop {work.recipe.name} did not pass its gate: {done.numbers['failed']};"
            f" the report, and how to continue, are in {done.ref}"
        )
    return done


def remains(record: StepRecord, home: Home) -> bool:
    """Whether the output of a finished step still exists."""
    ref = record.ref or ""
    if record.kind == "data":
        try:
            return is_whole(open_version(ref, home))
        except OvtError:
            return False
    if record.kind == "eval":
        return (home.evals / ref / RESULT).is_file()
    return (home.runs / ref / "model").is_dir()  # it appears when it is whole; an adapter has no config.json
