"""`ovt train rl`: reinforcement on a version's questions by TRL's GRPOTrainer, rewarded by `ovt.verifiers`.

What is ours is around it: which questions are asked (curriculum.py), the reward (reward.py), the batches, which stay
the same on any number of devices (grpo.py), the rollouts kept as tables (rollouts.py), alarms, a watchdog, and a run
that goes on where it stopped. Defaults are the paper's (rl_section.py).
"""

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.train import devices, rollouts, runs
from ovt.train.card import write_card
from ovt.train.curriculum import describe_left_out, mark, update_rates
from ovt.train.data import Rows, load_splits, measured
from ovt.train.models import load_processor, resolve_model, weights_revision
from ovt.train.rl_section import RlSection
from ovt.train.runs import Run
from ovt.train.sft import length_limit, tell
from ovt.verifiers import VERSION

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import GRPOTrainer

Say = Callable[[str], None]
COLUMNS = ["images", "prompt", "answer", "choices", "question_id", "difficulty", "pass_rate"]


@dataclass(frozen=True)
class Pool:
    """The questions of a version that can be asked: `dataset` has COLUMNS; `left_out` counts the others by reason.

    longest   tokens of the longest prompt; images: of the images of the prompt that has most of them
    """

    dataset: "Dataset"
    left_out: dict[str, int]
    longest: int
    images: int


def rl(
    ref: str,
    model: str,
    settings: RlSection,
    home: Home,
    *,
    name: str | None = None,
    resume: bool = True,
    git_commit: str | None = None,
    say: Say = tell,
) -> Run:
    """The run that reinforces `model` (a run's name, too) on a version; one of equal provenance goes on, or is done.

    Ctrl-C and SIGTERM end it with a checkpoint and raise KeyboardInterrupt; a run that stalls ends the process with
    code 130. OvtError for whatever cannot be trained on, and for a full disk.
    """
    devices.check_devices()
    where = resolve_model(model, home)
    with devices.main_first():
        splits = load_splits(ref, settings.questions.splits, home)
    rows = splits[0]
    if rows.verifier_version not in (None, VERSION):
        say(
            f"{rows.ref} was verified by verifier {rows.verifier_version}, the reward is {VERSION}'s: see "
            "`ovt verify parity`"
        )
    record = runs.make_record("rl", rows, model, weights_revision(where), settings, VERSION, git_commit)
    if not resume:  # what is refused replaces nothing
        check_settings(len(choose_questions(splits, model, where, settings, home).dataset), settings)
    run = runs.begin(record, home, name, resume)
    if run.done:
        say(f"run {run.name} is done already: {run.model}")
        return run
    with runs.held(run, devices.is_main()):
        pool = choose_questions(splits, model, where, settings, home)
        if pool.left_out:
            told = ", ".join(f"{reason} {count:,}" for reason, count in pool.left_out.items())
            say(f"left out of {rows.ref}: {told}; {len(pool.dataset):,} questions are asked")
        return train(run, pool, where, settings, settings.reward.kind or rows.verify_kind, home, say)


def check_settings(questions: int, settings: RlSection) -> None:
    """RecipeError for settings that so many questions cannot be asked with, or that TRL refuses."""
    from ovt.train.grpo import argument_dict, plan_batches, plan_steps

    batches = plan_batches(settings, devices.world_size())
    argument_dict(Path("checkpoints"), settings, batches, plan_steps(questions, settings, batches))


def rl_stages(
    ref: str,
    model: str,
    stages: Sequence[RlSection],
    home: Home,
    *,
    name: str | None = None,
    resume: bool = True,
    git_commit: str | None = None,
    say: Say = tell,
) -> list[Run]:
    """A run for each stage, each from the model of the one before; of several, `name` becomes name-1, name-2, …"""
    done: list[Run] = []
    for number, settings in enumerate(stages, 1):
        own = f"{name}-{number}" if name and len(stages) > 1 else name
        start = done[-1].name if done else model
        done.append(rl(ref, start, settings, home, name=own, resume=resume, git_commit=git_commit, say=say))
    return done


def choose_questions(splits: Sequence[Rows], model: str, where: str, settings: RlSection, home: Home) -> Pool:
    """The questions that are asked, in the version's order. OvtError where there is none."""
    import datasets

    room = prompt_limit(where, settings)
    processor = load_processor(where, settings.max_pixels)
    with devices.main_first():
        lengths = pl.concat([measured(rows, processor, None, home) for rows in splits])
    dataset = datasets.concatenate_datasets([rows.dataset.select_columns(COLUMNS) for rows in splits])
    questions = pl.DataFrame(
        {name: dataset[name][:] for name in ("question_id", "difficulty", "pass_rate")}
    ).with_columns(lengths["reason"], lengths["prompt_tokens"])
    too_long = pl.col("prompt_tokens") > room
    questions = questions.with_columns(
        pl.coalesce("reason", pl.when(too_long).then(pl.lit("too_long"))).alias("reason")
    )
    if settings.questions.sure == "rollouts":
        questions = update_rates(questions, rollouts.pass_rates(parent_run(model, home)))
    marked = mark(questions, settings.questions).with_row_index()
    asked = marked.filter(pl.col("left_out").is_null())["index"].to_list()
    left_out = describe_left_out(marked)
    if not asked:
        told = ", ".join(f"{reason} {count:,}" for reason, count in left_out.items())
        raise OvtError(f"no question of {splits[0].ref} is left to ask ({told}): change the settings under questions")
    most = lengths[asked].select(pl.max("prompt_tokens", "image_tokens")).row(0)
    return Pool(dataset.select(asked), left_out, *most)


def prompt_limit(where: str, settings: RlSection) -> int:
    """The tokens that a prompt may have: max_prompt_length, and no more than the context leaves beside a response.

    RecipeError where a response alone fills the context.
    """
    context = length_limit(where, None)
    if context is None:
        return settings.questions.max_prompt_length
    if settings.max_completion_length >= context:
        raise RecipeError(
            f"max_completion_length = {settings.max_completion_length} leaves no room for a prompt in the {context} "
            f"tokens of {where}'s context: lower it"
        )
    return min(settings.questions.max_prompt_length, context - settings.max_completion_length)


def parent_run(model: str, home: Home) -> Run:
    """The run that a model comes from; OvtError where it is none of this home."""
    if model not in runs.run_names(home):
        raise OvtError(f'questions.sure = "rollouts" needs the model of an RL run, not {model}: use "stored" or "keep"')
    return runs.open_run(model, home)


def train(run: Run, pool: Pool, where: str, settings: RlSection, kind: str, home: Home, say: Say) -> Run:
    """Trains from the last checkpoint, if there is one, to the end, and puts the model in its place."""
    from ovt.train.grpo import make_trainer, plan_batches
    from ovt.train.save import chosen_checkpoint, take_model
    from ovt.train.second_opinion import open_grader
    from ovt.train.watchdog import StopAfterRollout, Watchdog

    batches = plan_batches(settings, devices.world_size())
    again = shlex.join(["ovt", *sys.argv[1:]])
    stalled = f"no step for {settings.stall_s:,.0f} s: stopped; the last checkpoint is kept; go on with: {again}"
    with (
        StopAfterRollout(batches.steps_per_rollout) as stop,
        Watchdog(settings.stall_s, stalled) as dog,
        open_grader(settings.alarms.second_opinion) as grader,
        runs.disk_trouble(run),
    ):
        checkpoint = runs.last_checkpoint(run)
        with devices.main_first():
            rollouts.forget_after(run.rollouts, int(checkpoint.name.split("-")[1]) if checkpoint else 0)
        trainer = make_trainer(run, pool.dataset, where, settings, kind, batches, grader, checkpoint, say)
        trainer.add_callback(stop)
        trainer.add_callback(dog)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if stop.asked and trainer.state.global_step < trainer.state.max_steps:
            raise KeyboardInterrupt
        if not devices.is_main():
            return run
        take_model(run, chosen_checkpoint(trainer, best=False), where)
        done = runs.finish(run, describe_result(run, trainer, pool))
        write_card(done, home)
    return done


def describe_result(run: Run, trainer: "GRPOTrainer", pool: Pool) -> dict[str, Any]:
    """What a finished run tells: steps, questions, rewards (means of a tenth of the steps), seconds, alarms.

    reward_share   the part of the time in steps that judging took
    """
    lines = [line for line in runs.read_log(run.log) if "reward" in line]
    rewards = [line["reward"] for line in lines if line["reward"] is not None]
    tenth = max(1, len(rewards) // 10)
    judging = sum(line.get("reward_s") or 0.0 for line in lines)
    stepping = sum(line.get("step_time") or 0.0 for line in lines)
    return {
        "steps": trainer.state.global_step,
        "questions": len(pool.dataset),
        "left_out": pool.left_out,
        "first_reward": sum(rewards[:tenth]) / tenth if rewards else None,
        "last_reward": sum(rewards[-tenth:]) / tenth if rewards else None,
        "verdicts": int(sum(line.get("verdicts") or 0 for line in lines)),
        "reward_s": round(judging, 3),
        "reward_share": round(judging / stepping, 5) if stepping else None,
        "alarms": [kind for line in lines for kind in line.get("alarms", ())],
        "train_s": max((line["time_s"] for line in lines), default=0.0),
    }
