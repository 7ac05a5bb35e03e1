"""A model's responses during RL, stored with their verdicts: tables like those of a version.

    step  sample_id                      index  text      finish_reason  outcome  reward  advantage
    12    1f0c2d3e4a5b6c7d-rollout-12-0      0  <think>…  stop           correct     1.0       0.83

runs/NAME/rollouts/step-00012-0.parquet holds the rollouts of one batch by one process; the step is the first that
learned from them. What was sampled for that batch and not admitted to it (admission.py) is in replaced-00012-0.parquet.
A resumed run rewrites a step's files, so no rollout is there twice.

As a version, they are the samples of the questions that were asked, decided under the recipe of the run's source
version, using the reward's verdicts: what is kept is what rejection sampling would train on.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from ovt import __version__
from ovt.core.errors import OvtError
from ovt.core.files import replacing
from ovt.core.home import Home
from ovt.core.schema import SAMPLES, VERDICTS, kept_columns
from ovt.core.statistics import share_interval
from ovt.core.text import count_words
from ovt.curate.decide import CHUNK, Tables, decide
from ovt.curate.recipe import Recipe
from ovt.curate.reports.what_if import stored, stored_recipe
from ovt.curate.stages import behaviours
from ovt.curate.stages.verify import in_order
from ovt.curate.versions.manifest import ModelUse, Provenance
from ovt.curate.versions.read import Version, list_versions, on_hub, open_version, restore_images
from ovt.curate.versions.read import scan as scan_version
from ovt.curate.versions.write import VersionWriter
from ovt.train.reward import Judged
from ovt.train.runs import Run
from ovt.train.settings import RlSection

STAGE = "rollout"
ROLLOUTS = pl.Schema({"step": pl.Int32, **SAMPLES, **VERDICTS, "reward": pl.Float64})
GROUP = ["step", "question_id", "group"]
LEARNED, REPLACED = "step", "replaced"  # file name prefixes: what a step learned from, and what was not admitted to it
SAMPLING = ("temperature", "top_p", "max_completion_length")  # the run settings that affect its rollouts


def to_table(judged: Judged, ends: Collection[int], model: str, rank: int = 0) -> pl.DataFrame:
    """The rollouts of a batch, in order (ROLLOUTS). ends: the tokens that end a response; model: the run's name."""
    seen: Counter[str] = Counter()
    rows = []
    batch = zip(judged.question_ids, judged.texts, judged.tokens, judged.verdicts, judged.rewards, strict=True)
    for question_id, text, tokens, verdict, reward in batch:
        index = seen[question_id]
        seen[question_id] += 1
        sample_id = f"{question_id}-{STAGE}-{judged.step}-" + (f"{rank}-" if rank else "") + str(index)
        said = {
            "step": judged.step,
            "sample_id": sample_id,
            "question_id": question_id,
            "stage": STAGE,
            "index": index,
            "text": text,
            "finish_reason": "stop" if tokens and tokens[-1] in ends else "length",
            "completion_tokens": len(tokens),
            "model": model,
        }
        ruled = dict(zip(VERDICTS.names()[2:], in_order(verdict), strict=True))
        rows.append(dict.fromkeys(ROLLOUTS) | said | ruled | {"reward": reward})
    return pl.DataFrame(rows, ROLLOUTS, orient="row")


def write(rollouts: pl.DataFrame, folder: Path, step: int, rank: int = 0, learned: bool = True) -> None:
    """Writes a batch into the run's folder, atomically; the same step replaces an earlier file. learned: whether
    the step learns from it."""
    with replacing(folder / f"{LEARNED if learned else REPLACED}-{step:05}-{rank}.parquet") as made:
        rollouts.write_parquet(made, compression="zstd")


def forget_after(folder: Path, step: int) -> None:
    """Removes what was written after a step: a run resumed there will rewrite it."""
    for path in (*folder.glob(f"{LEARNED}-*.parquet"), *folder.glob(f"{REPLACED}-*.parquet")):
        if int(path.name.split("-")[1]) > step:
            path.unlink()


def scan(run: Run) -> pl.LazyFrame:
    """The rollouts that a run learned from (ROLLOUTS and `advantage`, as TRL computes it), by step; within a step in
    sampling order."""
    scale, reward = run.record.settings.get("scale_rewards", "group"), pl.col("reward")
    spread = reward.std().over(GROUP if scale == "group" else ["step"]).fill_null(0.0) + 1e-4
    from_mean = reward - reward.mean().over(GROUP)
    advantage = from_mean if scale == "none" else from_mean / spread
    return grouped(run).with_columns(advantage.alias("advantage")).drop("group")


def grouped(run: Run) -> pl.LazyFrame:
    """The rollouts that a run learned from, in order, with `group`: a batch that holds two passes over the questions
    may have two groups of one question."""
    files = files_of(run, LEARNED)
    if not files:
        raise OvtError(f"run {run.name} has no rollouts: give a run of `ovt train rl` that has made a step")
    each = run.record.settings.get("num_generations") or RlSection().num_generations
    group = pl.int_range(pl.len()).over("step") // each  # TRL's batch has each group's rollouts side by side
    return pl.scan_parquet(files, glob=False).with_columns(group.alias("group"))


def scan_all(run: Run) -> pl.LazyFrame:
    """All rollouts of a run (ROLLOUTS), by step, those that were replaced after those learned from."""
    replaced = files_of(run, REPLACED)
    learned = scan(run).drop("advantage")
    return (
        pl.concat([learned, pl.scan_parquet(replaced, glob=False)]).sort("step", maintain_order=True)
        if replaced
        else learned
    )


def files_of(run: Run, kind: str) -> list[Path]:
    """The files of rollouts of a kind (LEARNED, REPLACED), in order."""
    return sorted(run.rollouts.glob(f"{kind}-*.parquet"))


def tables(run: Run) -> dict[str, pl.DataFrame]:
    """The rollouts in a version's format: "samples" (SAMPLES) and "verdicts" (VERDICTS), in the same order."""
    rollouts = scan(run).collect()
    return {"samples": rollouts.select(SAMPLES.names()), "verdicts": rollouts.select(VERDICTS.names())}


def pick(
    run: Run, n: int, step: int | None = None, outcome: str | None = None, question: str | None = None
) -> list[dict[str, Any]]:
    """The first `n` rollouts (of the last step, unless a step or a question id prefix is given).

    OvtError for a step without rollouts.
    """
    found = scan(run)
    steps = found.select(pl.col("step").unique().sort()).collect()["step"].to_list()
    if step is not None and step not in steps:
        told = ", ".join(map(str, steps[-10:]))
        raise OvtError(f"run {run.name} has no rollouts of step {step}: choose among {'…, ' * (len(steps) > 10)}{told}")
    if question:
        found = found.filter(pl.col("question_id").str.starts_with(question))
    if step is not None or not question:
        found = found.filter(pl.col("step") == (pl.col("step").max() if step is None else step))
    if outcome:
        found = found.filter(pl.col("outcome") == outcome)
    return found.head(n).collect().to_dicts()


def by_step(run: Run) -> pl.DataFrame:
    """A row per step: rollouts, reward, abstain, truncated and same (shares; `same` counts the groups whose rewards are
    all equal), words, each family of behaviour per 1,000 words, and accuracy (without abstentions) with low and high,
    its 95% interval by questions.
    """
    said = behaviours.run(grouped(run).with_columns(count_words("text").alias("response_words")).collect(), "text")
    decided = pl.col("outcome") != "abstain"
    groups = said.group_by(GROUP).agg(pl.col("reward").drop_nulls().n_unique().alias("rewards"))
    same = groups.group_by("step").agg((pl.col("rewards") < 2).mean().alias("same"))
    means = said.group_by("step").agg(
        pl.len().alias("rollouts"),
        pl.col("reward").mean(),
        (~decided).mean().alias("abstain"),
        (pl.col("finish_reason") == "length").mean().alias("truncated"),
        pl.col("response_words").mean().alias("words"),
        *behaviours.per_thousand_words(),
    )
    judged = said.filter(decided).select("step", cluster="question_id", right=pl.col("outcome") == "correct")
    accuracy = pl.DataFrame(
        [(step, *share_interval(rows)) for (step,), rows in judged.group_by("step", maintain_order=True)],
        {"step": pl.Int32, "accuracy": pl.Float64, "low": pl.Float64, "high": pl.Float64},
        orient="row",
    )
    return means.join(same, on="step").join(accuracy, on="step", how="left").sort("step")


def pass_rates(run: Run) -> pl.DataFrame:
    """question_id, pass_rate (the share of its rollouts that were correct, over the whole run) and n_samples."""
    decided = scan_all(run).filter(pl.col("outcome") != "abstain")
    right = (pl.col("outcome") == "correct").mean().alias("pass_rate")
    return decided.group_by("question_id").agg(right, pl.len().cast(pl.Int32).alias("n_samples")).collect()


def save_rollouts(run: Run, name: str, home: Home, rebuild: str, git_commit: str | None = None) -> Version:
    """The version of this name that holds all rollouts of a run; an existing identical one is returned.

    A question's samples are numbered in step order. OvtError if the run has no rollouts, or its source version
    is not in this home.
    """
    rollouts = as_samples(run)
    source = learned_from(run, home)
    questions = (
        scan_version(source, "questions").collect().join(rollouts, on="question_id", how="semi", maintain_order="left")
    )
    recipe = seeing(stored_recipe(source), name, rollouts["question_id"].value_counts()["count"].max())
    restore_images(source, home)
    with VersionWriter(home, name, kept_columns(questions.schema)) as writer:
        for tables in decided(recipe, questions, rollouts):
            writer.append(**vars(tables))
        return writer.finish(provenance(run, source, recipe, rebuild, git_commit))


def learned_from(run: Run, home: Home) -> Version:
    """The version whose questions were asked; a Hub version is identified by its content, under any local name."""
    record = run.record
    if "," in str(record.data):
        raise OvtError(f"run {run.name} asked questions of {record.data}: only those of one version can be saved")
    if not on_hub(str(record.data)):
        return open_version(str(record.data), home)
    for version in list_versions(home)[0]:
        if version.manifest.content_hash == record.data_hash:
            return version
    raise OvtError(f"{record.data}, which run {run.name} trained on, is not in this home: `ovt data pull` it first")


def as_samples(run: Run) -> pl.DataFrame:
    """The rollouts under sample names: stage "reason", numbered per question, `reply_key` the rollout's own."""
    rollouts = scan_all(run).collect()
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
    """Each chunk of the questions with its rollouts, decided by the reward's verdicts."""
    for chunk in questions.iter_slices(CHUNK):
        of_question = chunk.select("question_id").join(rollouts, on="question_id", maintain_order="left_right")
        samples, verdicts = of_question.select(SAMPLES.names()), of_question.select(VERDICTS.names())
        yield decide(recipe, chunk, samples, stored(verdicts))


def seeing(recipe: Recipe, name: str, k: Any) -> Recipe:
    """The recipe without the stages that call models: the images were seen, with the data's prompt."""
    verify = recipe.verify.model_copy(update={"judge": None})
    reason = recipe.reasoners[0].model_copy(update={"k": k, "see": "image", "prompt": recipe.data.prompt})
    return recipe.model_copy(update={"name": name, "caption": None, "reason": reason, "verify": verify})


def provenance(run: Run, source: Version, recipe: Recipe, rebuild: str, git_commit: str | None) -> Provenance:
    """The rollouts' provenance: the same questions, the model in training, and the run's source version."""
    settings = run.record.settings
    sampling = {key: settings[key] for key in SAMPLING if settings.get(key) is not None}
    use = ModelUse(
        stage="reason", endpoint="rollouts", model=run.name, prompt=recipe.reasoners[0].template, sampling=sampling
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
