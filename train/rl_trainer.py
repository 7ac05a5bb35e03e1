"""Reinforcement learning on a version's questions with TRL's GRPOTrainer, rewarded by `ovt.verifiers`.

ovt adds everything around it: the choice of questions (questions.py), the reward (reward.py), batches that are
the same on any number of devices (arguments.py), rollouts stored as tables (rollouts.py), alarms and a watchdog, and
resumable runs.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from functools import lru_cache, partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from ovt.core.home import Home
from ovt.train import devices, rollouts
from ovt.train.arguments import Batches, plan_batches, refusals, rl_arguments
from ovt.train.data import group_by_image, place_images
from ovt.train.models import ending_tokens, load_config, load_processor
from ovt.train.pixels import most_pixels, shrunk
from ovt.train.questions import Spares, asked_in_order, choose_questions
from ovt.train.reward import Grader, Judged, Reward, open_grader
from ovt.train.runs import Run, read_log
from ovt.train.settings import SAMPLED, RlSection
from ovt.train.training import Fed, Kind, Options, Training, make_order, train
from ovt.train.weights import make_lora, prepare_policy
from ovt.verifiers import VERSION

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import GRPOTrainer

    from ovt.train.held_out import Held

DECODED = 1024  # images kept decoded: those of two of the paper's rollout batches


def rl(
    version: Any,
    model: Any,
    settings: RlSection | Mapping[str, Any] | None = None,
    home: Home | Path | str | None = None,
    **options: Unpack[Options],
) -> Run:
    """Trains a model by RL on a version's questions, like `sft`: one stage. Start the next one from this one's run.

        run = ovt.train.rl("charts@2", "charts-sft", {"max_steps": 100})
        run = ovt.train.rl("charts@2", run, {"questions": {"difficulty": ["hard"]}})

    A run that stalls ends the process with code 130. Raises what `training.train` does.
    """
    return train(RL, make_order(RlSection, (version, model), settings, home, options))


@contextmanager
def make_trainer(
    training: Training[RlSection], fed: Fed, run: Run, checkpoint: Path | None
) -> Generator["GRPOTrainer"]:
    """TRL's trainer on these questions, with its reward, alarms and watchdog. checkpoint: where the run resumes."""
    from ovt.train.callbacks import Watchdog

    settings = training.settings
    with devices.main_first():
        rollouts.forget_after(run.rollouts, int(checkpoint.name.split("-")[1]) if checkpoint else 0)
    stalled = f"no step for {settings.stall_s:,.0f} s: stopped; the last checkpoint is kept; resume with: "
    with (
        Watchdog(settings.stall_s, stalled + training.order.again) as dog,
        open_grader(settings.alarms.second_opinion) as grader,
    ):
        trainer = build_trainer(training, fed, run, checkpoint, grader)
        trainer.add_callback(dog)
        yield trainer


def build_trainer(
    training: Training[RlSection], fed: Fed, run: Run, checkpoint: Path | None, grader: Grader | None
) -> "GRPOTrainer":
    """Like `make_trainer`, without the watchdog."""
    import transformers
    from trl import GRPOConfig

    from ovt.train.by_vllm import no_image_token
    from ovt.train.callbacks import EvaluateAtEnd, RaiseAlarms
    from ovt.train.held_out import HeldOut
    from ovt.train.sampling import check_prompts, pad_left
    from ovt.train.small_rl import SmallSampler, suits
    from ovt.train.templates import opening

    settings, where = training.settings, training.where
    arguments = rl_arguments(settings, len(fed.train), devices.world_size(), run.checkpoints)
    batches = plan_batches(settings, devices.world_size())
    if settings.use_vllm:
        length, never = needed_length(training, fed), no_image_token(load_config(where))
        arguments |= {"vllm_max_model_length": length, "generation_kwargs": never}
    processor = pad_left(load_processor(where, settings.max_pixels))
    most = settings.max_pixels if settings.use_vllm else most_pixels(processor)  # vLLM has no max_pixels (trl#6401)
    check_prompts(processor, where)
    transformers.set_seed(settings.seed)  # new adapters are initialised before the trainer sets the seed
    model = prepare_policy(run, where, settings, checkpoint)
    kind = settings.reward.kind or training.rows.verify_kind or "auto"
    keep = partial(keep_rollouts, run, ending_tokens(model.generation_config, processor.tokenizer))
    quiet_libraries()
    spares = lay_out(fed.train, ceil(arguments["max_steps"] / batches.steps_per_rollout), batches, settings)
    questions = served(fed.train, most)
    with refusals():
        fast = suits(model, arguments) and settings.lora is None and devices.world_size() == 1
        return (SmallSampler if fast else HeldOut)(
            model=model,
            rows=settings.per_device_generation_batch_size or SAMPLED * batches.share.rows,
            reward_funcs=Reward(settings, kind, grader, keep, opening(processor)),
            args=GRPOConfig(**arguments, eval_on_start=bool(fed.held_out) and checkpoint is None),
            train_dataset=questions.select([place for batch in spares.batches for place in batch]),
            processing_class=processor,
            peft_config=make_lora(settings.lora, settings.freeze_vision_tower),
            callbacks=[EvaluateAtEnd(), RaiseAlarms(run.log_path, settings.alarms, training.order.say)],
            spares=spares,
            questions=questions,
            keep=partial(keep, learned=False),
            held=hold(fed.held_out, most),
        )


def needed_length(training: Training[RlSection], fed: Fed) -> int:
    """The tokens of the longest prompt and response, for which vLLM needs room; says how to start its server."""
    from ovt.train.by_vllm import server_command

    settings = training.settings
    length = settings.trainer.get("vllm_max_model_length") or fed.longest[0] + settings.max_completion_length
    if settings.vllm_mode == "server":
        line = server_command(training.where, length, devices.on_accelerator())
        training.order.say(f"rollouts come from a server; start it with: {line}")
    return length


def keep_rollouts(run: Run, ends: frozenset[int], judged: Judged, learned: bool = True) -> None:
    """Writes this process's part of a batch, learned from or not."""
    rank = int(os.environ.get("RANK", "0"))
    rollouts.write(rollouts.to_table(judged, ends, run.name, rank), run.rollouts, judged.step, rank, learned)


def quiet_libraries() -> None:
    """Drops TRL's warnings about abstentions, each a page of inputs: they are counted anyway."""
    import logging

    loud = "All reward functions returned None"
    logging.getLogger("trl.trainer.grpo_trainer").addFilter(lambda record: loud not in record.getMessage())


def lay_out(questions: "Dataset", count: int, batches: Batches, settings: RlSection) -> Spares:
    """Which questions each of `count` batches of rollouts asks, and which may replace them."""
    weights = None if settings.questions.order == "random" else questions["variance"][:]
    ordered = asked_in_order(len(questions), count * batches.questions, settings.seed, weights)
    each = [ordered[first : first + batches.questions] for first in range(0, len(ordered), batches.questions)]
    most = int((settings.max_rollout_batches - 1) * batches.questions)
    return Spares(len(questions), weights, each, batches.steps_per_rollout, most, settings.seed)


def hold(questions: "Dataset | None", max_pixels: int | None) -> "Held | None":
    """The questions that are held out, and which of them share images."""
    from ovt.train.held_out import Held

    if questions is None:
        return None
    groups = group_by_image(questions).values()
    cluster = {place: number for number, places in enumerate(groups) for place in places}
    return Held(served(questions, max_pixels), [cluster[place] for place in range(len(questions))])


def served(questions: "Dataset", max_pixels: int | None = None) -> "Dataset":
    """The questions as the trainer takes them. max_pixels: per image; None: any.

    TRL reads every row of a rollout batch again in every micro-step, so decoded images are cached.
    """
    import datasets

    stored = questions.cast_column("images", datasets.List(datasets.Image(decode=False)))
    said = stored.select_columns(["images", "prompt", "answer", "choices", "question_id"])
    return said.with_transform(partial(read_questions, max_pixels))


def read_questions(max_pixels: int | None, batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Rows as the trainer takes them: images decoded, and at their `<image>` tags in the prompt."""
    images = [[decoded(image["bytes"], max_pixels) for image in row] for row in batch["images"]]
    placed = [place_images(turns, row) for turns, row in zip(batch["prompt"], images, strict=True)]
    return batch | {"prompt": [turns for turns, _ in placed], "images": [row for _, row in placed]}


@lru_cache(DECODED)
def decoded(content: bytes, max_pixels: int | None = None) -> Any:
    """The picture in an image file's bytes, of at most `max_pixels`."""
    from ovt.core.images import open_image

    image = open_image(content)
    image.load()
    return shrunk(image, max_pixels)


def describe_result(training: Training[RlSection], fed: Fed, run: Run, trainer: Any) -> dict[str, Any]:
    """A finished run's result: steps, questions, rewards (means over a tenth of the steps), seconds, alarms.

    reward_share   the fraction of step time spent on judging
    """
    lines = [line for line in read_log(run.log_path) if "reward" in line]
    rewards = [line["reward"] for line in lines if line["reward"] is not None]
    tenth = max(1, len(rewards) // 10)
    judging = sum(line.get("reward_s") or 0.0 for line in lines)
    stepping = sum(line.get("step_time") or 0.0 for line in lines)
    tokens = max((line.get("num_tokens") or 0 for line in lines), default=0)
    seconds = max((line["time_s"] for line in lines), default=0.0)
    return {
        "steps": trainer.state.global_step,
        "questions": len(fed.train),
        "eval_rows": len(fed.held_out) if fed.held_out else 0,
        "left_out": fed.left_out,
        "first_reward": sum(rewards[:tenth]) / tenth if rewards else None,
        "last_reward": sum(rewards[-tenth:]) / tenth if rewards else None,
        **replaced(lines),
        **accuracies(read_log(run.log_path)),
        "verdicts": int(sum(line.get("verdicts") or 0 for line in lines)),
        "reward_s": round(judging, 3),
        "reward_share": round(judging / stepping, 5) if stepping else None,
        "alarms": [kind for line in lines for kind in line.get("alarms", ())],
        "tokens": tokens,
        "tokens_per_s": round(tokens / seconds, 1) if seconds else None,
        "train_s": seconds,
    }


def replaced(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """The questions asked, how many of them replaced others, and the seconds that took, if any may be replaced."""
    told = [line for line in lines if line.get("asked") is not None]
    if not told:
        return {}
    sums = {name: int(sum(line[name] for line in told)) for name in ("asked", "replaced")}
    return sums | {"replacing_s": round(sum(line["replacing_s"] for line in told), 3)}


def accuracies(lines: list[dict[str, Any]]) -> dict[str, float]:
    """The first and the last accuracy on held-out questions, if there are any."""
    told = [line["eval_accuracy"] for line in lines if "eval_accuracy" in line]
    return {"first_accuracy": told[0], "last_accuracy": told[-1]} if told else {}


RL = Kind(
    "rl",
    splits=lambda settings: settings.questions.splits,
    choose=choose_questions,
    arguments=lambda settings, fed, world: rl_arguments(settings, len(fed.train), world),
    batches=plan_batches,
    trainer=make_trainer,
    result=describe_result,
    stops=lambda settings: (plan_batches(settings, devices.world_size()).steps_per_rollout, "batch of rollouts"),
    verifier=lambda rows: VERSION,
)
