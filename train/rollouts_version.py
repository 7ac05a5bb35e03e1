"""The rollouts of an RL run as a version, so that every `ovt data` command reads them like any samples.

They are the samples of the questions that were asked, decided under the recipe of the version that the run learned
from, by the verdicts that were the reward: what is kept is what rejection sampling would train on.
"""

from collections.abc import Iterator
from typing import Any

import polars as pl

from ovt import __version__
from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.schema import SAMPLES, VERDICTS
from ovt.curate.decide import CHUNK, Tables, decide
from ovt.curate.recipe import Recipe
from ovt.curate.reports.what_if import stored, stored_recipe
from ovt.curate.versions.images import restore_images
from ovt.curate.versions.manifest import ModelUse, Provenance
from ovt.curate.versions.read import Version, list_versions, open_version, scan
from ovt.curate.versions.write import VersionWriter
from ovt.train.data import on_hub
from ovt.train.rollouts import scan as scan_rollouts
from ovt.train.runs import Run

SAMPLING = ("temperature", "top_p", "max_completion_length")  # of a run's settings, what shaped its rollouts


def save_rollouts(run: Run, name: str, home: Home, rebuild: str, git_commit: str | None = None) -> Version:
    """The version of this name that holds all rollouts of a run; where it is there already, that one.

    A question's samples are numbered in the order of the steps. OvtError where the run has no rollouts, or the version
    it learned from is not in this home.
    """
    rollouts = as_samples(run)
    source = learned_from(run, home)
    questions = scan(source, "questions").collect().join(rollouts, on="question_id", how="semi", maintain_order="left")
    recipe = seeing(stored_recipe(source), name, rollouts["question_id"].value_counts()["count"].max())
    restore_images(source, home)
    with VersionWriter(home, name) as writer:
        for tables in decided(recipe, questions, rollouts):
            writer.append(**vars(tables))
        return writer.finish(provenance(run, source, recipe, rebuild, git_commit))


def learned_from(run: Run, home: Home) -> Version:
    """The version whose questions were asked; one of the Hub is known by its content, wherever it came home."""
    record = run.record
    if not on_hub(str(record.data)):
        return open_version(str(record.data), home)
    for version in list_versions(home)[0]:
        if version.manifest.content_hash == record.data_hash:
            return version
    raise OvtError(f"{record.data}, which run {run.name} learned from, is not in this home: `ovt data pull` it first")


def as_samples(run: Run) -> pl.DataFrame:
    """The rollouts with the names of samples: stage "reason", numbered per question, `reply_key` the rollout's own."""
    rollouts = scan_rollouts(run).collect()
    index = pl.int_range(pl.len(), dtype=pl.Int32).over("question_id")
    return rollouts.with_columns(
        reply_key=pl.concat_str(pl.lit(run.name + "/"), "sample_id"),
        sample_id=pl.concat_str("question_id", pl.lit("-reason-"), index),
        stage=pl.lit("reason"),
        index=index,
        endpoint=pl.lit("rollouts"),
        cost_usd=pl.lit(0.0),
    )


def decided(recipe: Recipe, questions: pl.DataFrame, rollouts: pl.DataFrame) -> Iterator[Tables]:
    """Each chunk of the questions with its rollouts, decided by the verdicts that were the reward."""
    for chunk in questions.iter_slices(CHUNK):
        of_question = chunk.select("question_id").join(rollouts, on="question_id", maintain_order="left_right")
        samples, verdicts = of_question.select(SAMPLES.names()), of_question.select(VERDICTS.names())
        yield decide(recipe, chunk, samples, stored(verdicts))


def seeing(recipe: Recipe, name: str, k: Any) -> Recipe:
    """The recipe without what asks models: the images were seen, by the prompt that the data has."""
    verify = recipe.verify.model_copy(update={"judge": None})
    reason = recipe.reason.model_copy(update={"k": k, "see": "image", "prompt": recipe.data.prompt})
    return recipe.model_copy(update={"name": name, "caption": None, "reason": reason, "verify": verify})


def provenance(run: Run, source: Version, recipe: Recipe, rebuild: str, git_commit: str | None) -> Provenance:
    """Where the rollouts come from: the same questions, the model in training, and the version it learned from."""
    settings = run.record.settings
    sampling = {key: settings[key] for key in SAMPLING if settings.get(key) is not None}
    use = ModelUse(
        stage="reason", endpoint="rollouts", model=run.name, prompt=recipe.reason.template, sampling=sampling
    )
    made = {
        "recipe": recipe.model_dump(mode="json"),
        "models": (use,),
        "parent": source.manifest.hash_ref,
        "git_commit": git_commit,
        "ovt_version": __version__,
        "verifier_version": run.record.verifier_version,
        "rebuild": rebuild,
    }
    return source.manifest.provenance.model_copy(update=made)
