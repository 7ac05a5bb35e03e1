"""From our settings to TRL's GRPOTrainer: batches, arguments, the model and its reference, the order of questions.

A rollout batch of 512 questions in 5 rollouts each, learned from in 4 steps of 128 questions, on 8 devices:

    rollout_batch_size 512 · 5  ->  generation_batch_size 2560     sampled by one state of the model
    global_batch_size  128 · 5  ->  640 rollouts per optimizer step = 8 devices · 8 rows · 10 accumulated
    512 / 128                   ->  4 optimizer steps per rollout batch
"""

import io
import os
from dataclasses import dataclass
from functools import lru_cache, partial
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.core.errors import RecipeError
from ovt.train import devices, rollouts
from ovt.train.arguments import by_trl_names, on_this_machine
from ovt.train.curriculum import asked_in_order
from ovt.train.data import place_images
from ovt.train.models import adapter_base, load_model, load_processor
from ovt.train.reward import Judged, Reward
from ovt.train.runs import Run
from ovt.train.second_opinion import Grader
from ovt.train.sft import make_lora, prepare_model

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasets import Dataset
    from transformers import PreTrainedModel
    from trl import GRPOTrainer

    from ovt.train.rl_section import RlSection

OWN = {
    "questions", "reward", "alarms", "lora", "trainer", "rollout_batch_size", "global_batch_size", "num_train_epochs",
    "max_pixels", "freeze_vision_tower", "attn_implementation", "use_vllm", "stall_s",
}  # fmt: skip
REFUSED = ("steps_per_generation", "model_init_kwargs", "log_completions", "reward_weights", "remove_unused_columns")
DECODED = 1024  # images kept decoded: those of two of the paper's rollout batches


@dataclass(frozen=True)
class Batches:
    """How the batches are cut: see the top of this file. `per_rollout` counts rollouts, `questions` questions."""

    share: devices.Share
    questions: int
    per_rollout: int
    steps_per_rollout: int


def plan_batches(settings: "RlSection", world: int) -> Batches:
    """The cut for so many devices; RecipeError where it does not come out even."""
    asked, learned, each = settings.rollout_batch_size, settings.global_batch_size, settings.num_generations
    if learned * each % world:
        raise RecipeError(
            f"global_batch_size = {learned} questions of {each} rollouts do not divide among {world} devices: "
            f"set global_batch_size to a multiple of {world}"
        )
    share = devices.split_batch(learned * each, settings.per_device_train_batch_size, world)
    iterations = settings.trainer.get("num_iterations", 1)
    if not isinstance(iterations, int) or iterations < 1:
        raise RecipeError(
            f"trainer.num_iterations is {iterations!r}: give how often a batch is learned from, 1 or more"
        )
    return Batches(share, asked, asked * each, asked // learned * iterations)


def plan_steps(questions: int, settings: "RlSection", batches: Batches) -> int:
    """Optimizer steps of the whole run. RecipeError where there are fewer questions than are asked at once."""
    if questions < batches.questions:
        raise RecipeError(
            f"{questions} questions are fewer than a rollout batch of {batches.questions}: set rollout_batch_size (and "
            f"global_batch_size) to {questions} at most"
        )
    if settings.max_steps > 0:
        return settings.max_steps
    return max(1, int(questions * settings.num_train_epochs) // batches.questions) * batches.steps_per_rollout


def argument_dict(folder: Path, settings: "RlSection", batches: Batches, steps: int) -> dict[str, Any]:
    """GRPOConfig's arguments on this machine."""
    from trl import GRPOConfig
    from trl.import_utils import is_vllm_available

    whole = batches.steps_per_rollout
    ours = on_this_machine(settings) | {
        "output_dir": str(folder),
        "max_steps": steps,
        "per_device_train_batch_size": batches.share.rows,
        "gradient_accumulation_steps": batches.share.accumulation,
        "generation_batch_size": batches.per_rollout,
        "shuffle_dataset": False,  # the order is drawn before: TRL's own starts over in a run that goes on
        "use_vllm": uses_vllm(settings, devices.on_accelerator(), is_vllm_available()),
        "save_steps": ceil(settings.save_steps / whole) * whole,
    }
    return by_trl_names(settings, GRPOConfig, OWN, ours, REFUSED)


def uses_vllm(settings: "RlSection", accelerator: bool, there: bool) -> bool:
    """Whether rollouts come from vLLM (`there`: it is installed). RecipeError where it was asked for and cannot be."""
    if settings.use_vllm and not there:
        raise RecipeError(
            "use_vllm needs vllm beside the trainer (TRL 1.16 takes 0.22 to 0.31): install it, or leave use_vllm out"
        )
    if settings.use_vllm and settings.vllm_mode == "colocate" and not accelerator:
        raise RecipeError('use_vllm with vllm_mode = "colocate" needs a GPU: use a server, or leave use_vllm out')
    return (accelerator and there) if settings.use_vllm is None else settings.use_vllm


def make_trainer(
    run: Run,
    questions: "Dataset",
    where: str,
    settings: "RlSection",
    kind: str,
    batches: Batches,
    grader: Grader | None,
    checkpoint: Path | None,
    say: "Callable[[str], None]",
) -> "GRPOTrainer":
    """TRL's trainer on these questions, with its reward, log and alarms; checkpoint: where the run goes on from."""
    import transformers
    from trl import GRPOConfig, GRPOTrainer

    from ovt.train.log import CompleteCheckpoints, LogLines, ShowSteps
    from ovt.train.watchdog import RaiseAlarms

    steps = plan_steps(len(questions), settings, batches)
    places = ceil(steps / batches.steps_per_rollout) * batches.questions
    processor = load_processor(where, settings.max_pixels)
    transformers.set_seed(settings.seed)  # new adapters are drawn before the trainer seeds itself
    model = prepare_policy(run, where, settings, checkpoint)
    keep = partial(keep_rollouts, run, ending_tokens(model, processor))
    quiet_libraries()
    trainer = GRPOTrainer(
        model=model,
        reward_funcs=Reward(settings.reward, kind, settings.max_completion_length, grader, keep),
        args=GRPOConfig(**argument_dict(run.checkpoints, settings, batches, steps)),
        train_dataset=lay_out(questions, places, settings.seed),
        processing_class=processor,
        peft_config=make_lora(settings.lora, settings.freeze_vision_tower),
    )
    trainer.remove_callback(transformers.PrinterCallback)
    for callback in (
        RaiseAlarms(run.log, settings.alarms, say),
        LogLines(run.log),
        ShowSteps(),
        CompleteCheckpoints(where),
    ):
        trainer.add_callback(callback)
    return trainer


def prepare_policy(run: Run, where: str, settings: "RlSection", checkpoint: Path | None) -> "PreTrainedModel":
    """The model to train, from a LoRA adapter's merged copy where it is one.

    TRL loads the reference from the place that the model's configuration names: where the run began, on disk.
    """
    start = merged_start(run, where) if adapter_base(where) and not settings.lora else where
    model = prepare_model(start, settings, checkpoint)
    model.config._name_or_path = start
    return model


def merged_start(run: Run, where: str) -> str:
    """A folder of the run with the adapter of `where` merged into its base: TRL's reference would lack the adapter."""
    folder = run.path / "start"
    with devices.main_first():
        if not (folder / "config.json").is_file():
            load_model(where).save_pretrained(folder)
    return str(folder)


def ending_tokens(model: "PreTrainedModel", processor: Any) -> frozenset[int]:
    """The tokens that end a response."""
    ends = model.generation_config.eos_token_id if model.generation_config else None
    several = ends if isinstance(ends, list) else [ends]
    return frozenset(end for end in (*several, processor.tokenizer.eos_token_id) if end is not None)


def keep_rollouts(run: Run, ends: frozenset[int], judged: Judged) -> None:
    """Writes this process's part of a batch."""
    rank = int(os.environ.get("RANK", "0"))
    rollouts.write(rollouts.to_table(judged, ends, run.name, rank), run.rollouts, judged.step, rank)


def quiet_libraries() -> None:
    """Drops what TRL says of an abstention: it is counted, and needs no page of its inputs."""
    import logging

    loud = "All reward functions returned None"
    logging.getLogger("trl.trainer.grpo_trainer").addFilter(lambda record: loud not in record.getMessage())


def lay_out(questions: "Dataset", places: int, seed: int) -> "Dataset":
    """The questions in the order in which they are asked, as often as they are; one row per place.

    TRL reads every row of a rollout batch again in every micro-step: images are decoded once.
    """
    import datasets

    stored = questions.cast_column("images", datasets.List(datasets.Image(decode=False)))
    ordered = stored.select(asked_in_order(len(questions), places, seed))
    return ordered.remove_columns(["difficulty", "pass_rate"]).with_transform(read_questions)


def read_questions(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Rows as the trainer takes them: images decoded, and at their `<image>` tags in the prompt."""
    images = [[decoded(image["bytes"]) for image in row] for row in batch["images"]]
    placed = [place_images(turns, row) for turns, row in zip(batch["prompt"], images, strict=True)]
    return batch | {"prompt": [turns for turns, _ in placed], "images": [row for _, row in placed]}


@lru_cache(DECODED)
def decoded(content: bytes) -> Any:
    """The picture in an image file's bytes."""
    from PIL import Image

    image = Image.open(io.BytesIO(content))
    image.load()
    return image
