"""Translates our settings to the arguments of SFTConfig, DPOConfig and GRPOConfig on this machine, and their batches.

A rollout batch of 512 questions in 5 rollouts each, learned from in 4 steps of 128 questions, on 8 devices:

    rollout_batch_size 512 · 5  ->  generation_batch_size 2560     sampled by one state of the model
    global_batch_size  128 · 5  ->  640 rollouts per optimizer step = 8 devices · 8 rows · 10 accumulated
    512 / 128                   ->  4 optimizer steps per rollout batch
"""

import warnings
from collections.abc import Collection, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from ovt.core.errors import RecipeError
from ovt.train import devices
from ovt.train.settings import DpoSection, LoraSection, RlSection, SftSection, TrainerSection, check_trainer

if TYPE_CHECKING:
    from transformers import PreTrainedModel
    from trl import DPOConfig, GRPOConfig, SFTConfig

CHECKPOINTS = Path("checkpoints")  # a stand-in for the run's folder, when arguments are only looked at
ON_CPU = {"use_cpu": True, "bf16": False, "dataloader_pin_memory": False}  # TRL refuses a GPU that is not there
# Settings that TRL does not have, or that ovt handles itself.
SFT_OWN = {
    "lora", "trainer", "global_batch_size", "max_pixels", "freeze_vision_tower", "eval_size", "attn_implementation",
    "load_best_model_at_end", "quantization", "keep_checkpoints",
}  # fmt: skip
DPO_OWN = {*SFT_OWN, "pairs"}
RL_OWN = {
    "questions", "reward", "alarms", "lora", "trainer", "rollout_batch_size", "global_batch_size", "num_train_epochs",
    "max_pixels", "freeze_vision_tower", "attn_implementation", "use_vllm", "stall_s",
    "per_device_generation_batch_size", "quantization", "max_rollout_batches", "eval_size", "eval_steps",
    "keep_checkpoints",
}  # fmt: skip


@dataclass(frozen=True)
class Batches:
    """The batch sizes: see the top of this file. `per_rollout` counts rollouts, `questions` questions."""

    share: devices.Share
    questions: int
    per_rollout: int
    steps_per_rollout: int


def sft_arguments(settings: SftSection, world: int, folder: Path = CHECKPOINTS) -> dict[str, Any]:
    """SFTConfig's arguments on `world` devices."""
    from trl import SFTConfig

    ours = by_rows(settings, world, folder) | {"completion_only_loss": True}
    return by_trl_names(settings, SFTConfig, SFT_OWN, ours)


def dpo_arguments(settings: DpoSection, world: int, folder: Path = CHECKPOINTS) -> dict[str, Any]:
    """DPOConfig's arguments on `world` devices, like `sft_arguments`."""
    from trl import DPOConfig

    ours = by_rows(settings, world, folder) | {"loss_type": [settings.loss_type]}
    return by_trl_names(settings, DPOConfig, DPO_OWN, ours)


def by_rows(settings: SftSection, world: int, folder: Path) -> dict[str, Any]:
    """The arguments that ovt computes for a training on rows."""
    share = devices.split_batch(settings.global_batch_size, settings.per_device_train_batch_size, world)
    often = settings.eval_steps or settings.save_steps
    workers = settings.dataloader_num_workers
    evaluates = settings.eval_size > 0  # then `set_aside` holds out a row, at least
    picks = evaluates and settings.load_best_model_at_end
    return on_this_machine(settings) | {
        "output_dir": str(folder),
        "per_device_train_batch_size": share.rows,
        "per_device_eval_batch_size": share.rows,
        "gradient_accumulation_steps": share.accumulation,
        "max_length": None,  # rows that are too long were left out before
        "remove_unused_columns": False,  # the sampler reads `length`
        "dataloader_num_workers": (4 if devices.on_accelerator() else 0) if workers is None else workers,
        "eval_strategy": "steps" if evaluates else "no",
        "eval_steps": often,
        "save_steps": often if evaluates else settings.save_steps,
        "load_best_model_at_end": False,  # it would load nothing (see weights.py); the best is still known and kept
        "metric_for_best_model": "eval_loss" if picks else None,
        "save_total_limit": max(2, settings.save_total_limit) if picks else settings.save_total_limit,  # best and last
        "greater_is_better": False,
        "ddp_find_unused_parameters": False,  # where every row has an image, every weight is used
    }


def rl_arguments(settings: RlSection, questions: int, world: int, folder: Path = CHECKPOINTS) -> dict[str, Any]:
    """GRPOConfig's arguments for this many questions on `world` devices."""
    from trl import GRPOConfig

    batches = plan_batches(settings, world)
    whole = batches.steps_per_rollout
    by_vllm = uses_vllm(settings, devices.on_accelerator(), bool(settings.use_vllm) and vllm_installed())
    ours = on_this_machine(settings) | {
        "output_dir": str(folder),
        "max_steps": plan_steps(questions, settings, batches),
        "per_device_train_batch_size": batches.share.rows,
        "gradient_accumulation_steps": batches.share.accumulation,
        "generation_batch_size": batches.per_rollout,
        "shuffle_dataset": False,  # the order is drawn before: TRL's own starts over in a resumed run
        "use_vllm": by_vllm,
        "top_p": 1.0
        if by_vllm
        else settings.top_p,  # below 1, vLLM's log-probabilities are of another distribution (trl#6789)
        "save_steps": ceil(settings.save_steps / whole) * whole,
    }
    if settings.eval_size:
        ours |= {
            "eval_strategy": "steps",
            "eval_steps": settings.eval_steps or ours["save_steps"],
            "num_generations_eval": 1,
            "per_device_eval_batch_size": 1,
        }
    return by_trl_names(settings, GRPOConfig, RL_OWN, ours)


def plan_batches(settings: RlSection, world: int) -> Batches:
    """The batch sizes for `world` devices; RecipeError if they do not divide evenly."""
    asked, learned, each = settings.rollout_batch_size, settings.global_batch_size, settings.num_generations
    if learned * each % world:
        raise RecipeError(
            f"global_batch_size = {learned} questions of {each} rollouts do not divide among {world} devices: "
            f"set global_batch_size to a multiple of {world}"
        )
    if settings.max_rollout_batches > 1 and asked % world:
        raise RecipeError(
            f"max_rollout_batches replaces whole groups of rollouts, and rollout_batch_size = {asked} questions do not "
            f"divide among {world} devices: set rollout_batch_size to a multiple of {world}"
        )
    share = devices.split_batch(learned * each, settings.per_device_train_batch_size, world)
    iterations = settings.trainer.get("num_iterations", 1)
    if not isinstance(iterations, int) or iterations < 1:
        raise RecipeError(
            f"trainer.num_iterations is {iterations!r}: give the number of times a batch is learned from, 1 or more"
        )
    return Batches(share, asked, asked * each, asked // learned * iterations)


def plan_steps(questions: int, settings: RlSection, batches: Batches) -> int:
    """Optimizer steps of the whole run. RecipeError if there are fewer questions than one rollout batch."""
    if questions < batches.questions:
        raise RecipeError(
            f"{questions} questions are fewer than a rollout batch of {batches.questions}: set rollout_batch_size (and "
            f"global_batch_size) to {questions} at most"
        )
    if settings.max_steps > 0:
        return settings.max_steps
    return max(1, int(questions * settings.num_train_epochs) // batches.questions) * batches.steps_per_rollout


def uses_vllm(settings: RlSection, accelerator: bool, there: bool) -> bool:
    """Whether rollouts come from vLLM: only if it is asked for, as TRL 1.16 expands image tokens twice there (trl#6294)
    and passes no max_pixels on (trl#6401). there: whether it is installed. RecipeError if it is requested but unusable.
    """
    if settings.use_vllm and not there:
        raise RecipeError(
            "use_vllm needs vllm beside the trainer (TRL 1.16 takes 0.22 to 0.31): install it, or leave use_vllm out"
        )
    if settings.use_vllm and settings.vllm_mode == "colocate" and not accelerator:
        raise RecipeError('use_vllm with vllm_mode = "colocate" needs a GPU: use a server, or leave use_vllm out')
    return bool(settings.use_vllm)


def vllm_installed() -> bool:
    """Whether vLLM is installed. RecipeError for a version that TRL does not know: 0.32 answers in another form."""
    from trl.import_utils import is_vllm_available

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        try:
            return is_vllm_available()
        except UserWarning as warned:
            raise RecipeError(f"use_vllm: {warned}: install one of these, or leave use_vllm out") from None


def on_this_machine(settings: TrainerSection) -> dict[str, Any]:
    """The arguments that depend on the device, and those common to every training."""
    accelerator = devices.on_accelerator()
    checkpointing = settings.activation_checkpointing
    return {
        "bf16": devices.has_bf16() if settings.bf16 is None else settings.bf16,
        "use_cpu": not accelerator,
        "activation_checkpointing": accelerator if checkpointing is None else checkpointing,
        "dataloader_pin_memory": accelerator,
        "save_strategy": "steps",
        "logging_nan_inf_filter": False,  # it hides a step that ruined the weights behind earlier losses (trl#6702)
        "report_to": settings.report_to or "none",
        "disable_tqdm": True,
    }


def by_trl_names(
    settings: TrainerSection,
    config: "type[SFTConfig | DPOConfig | GRPOConfig]",
    own: Collection[str],
    ours: dict[str, Any],
) -> dict[str, Any]:
    """The settings passed to TRL unchanged, [trainer]'s, and `ours`, computed by ovt.

    own   settings that TRL does not have, or that ovt handles itself

    RecipeError for a key of [trainer] that is not accepted, that TRL does not know or that would be silently
    overruled, and for any value TRL refuses.
    """
    check_quantization(settings)
    check_liger(settings)
    if overruled := next((key for key in settings.trainer if key in ours), None):
        raise RecipeError(f"trainer.{overruled} is set by ovt: leave it out")
    check_trainer(settings)
    for key, value in settings.trainer.items():
        check_argument(config, key, value)
    arguments = settings.model_dump(exclude=set(own)) | settings.trainer | ours
    check_config(config, arguments | (ON_CPU if devices.only_planned() else {}))
    check_installed(settings.report_to)
    return arguments


def check_liger(settings: TrainerSection) -> None:
    """RecipeError for Liger's kernels where they are not installed: transformers only says so when training starts."""
    if settings.trainer.get("use_liger_kernel") and find_spec("liger_kernel") is None:
        raise RecipeError(
            "trainer.use_liger_kernel needs liger-kernel, which is not installed: pip install liger-kernel, "
            "or leave it out"
        )


def check_quantization(settings: TrainerSection) -> None:
    """RecipeError for quantized weights without adapters to learn, without a GPU, or without bitsandbytes."""
    if settings.quantization is None:
        return
    told = f'quantization = "{settings.quantization}"'
    if settings.lora is None:
        raise RecipeError(f"{told} is for the frozen weights under adapters: add [lora], or leave it out")
    if not devices.on_accelerator():
        raise RecipeError(f"{told} needs a GPU, and there is none here: leave it out")
    if not devices.only_planned() and find_spec("bitsandbytes") is None:
        raise RecipeError(f"{told} needs bitsandbytes, which is not installed: pip install 'ovt[bitsandbytes]'")


def check_argument(config: "type[SFTConfig | DPOConfig | GRPOConfig]", key: str, value: Any) -> None:
    """RecipeError for an unknown TRL argument, or a value of another type, which TRL would accept
    and fail on later.
    """
    if key not in config.__dataclass_fields__:
        raise RecipeError(f"trainer.{key} is not an argument of this TRL's {config.__name__}: leave it out")
    try:
        TypeAdapter(get_type_hints(config)[key]).validate_python(value)
    except ValidationError as error:
        raise RecipeError(f"trainer.{key} is {value!r}: {error.errors()[0]['msg']}") from None


def check_config(config: "type[SFTConfig | DPOConfig | GRPOConfig]", arguments: dict[str, Any]) -> None:
    """RecipeError for a value that TRL refuses, and for an optimizer whose package is missing: transformers only says
    so when training starts."""
    with refusals():
        made = config(**arguments)
        if "optim" in arguments and not devices.only_planned():
            from transformers import Trainer

            with suppress(ValueError):  # for optimizers made per layer: the model is not loaded yet
                Trainer.get_optimizer_cls_and_kwargs(made)


@contextmanager
def refusals() -> Generator[None]:
    """A RecipeError in one line for what TRL and transformers refuse: a value, a model, a package that is missing."""
    try:
        yield
    except (ValueError, ImportError) as error:
        raise RecipeError(f"the trainer refuses these settings: {' '.join(str(error).split())[:400]}") from error


def check_installed(names: Collection[str]) -> None:
    """RecipeError for a reporting integration whose package is missing."""
    from transformers.integrations import get_reporting_integration_callbacks

    for name in names:
        try:
            for reporter in get_reporting_integration_callbacks(name):
                reporter()
        except (ValueError, RuntimeError, ImportError) as error:
            raise RecipeError(f"report_to = {name!r}: {' '.join(str(error).split())[:300]}") from error


def check_targets(lora: LoraSection, model: "PreTrainedModel") -> None:
    """RecipeError for a target layer that the model does not have, or its head, whose adapter TRL would not train."""
    if lora.target_modules == "all-linear":
        return
    head: Any = model.get_output_embeddings()
    linear = [name for name, layer in model.named_modules() if hasattr(layer, "in_features") and layer is not head]
    there = dict.fromkeys(name for one in linear if not (name := one.rpartition(".")[2]).isdigit())
    for name in lora.target_modules:
        if name.rpartition(".")[2] not in there:
            raise RecipeError(
                f'lora.target_modules: no layer that takes adapters is named {name}; choose "all-linear" or some of '
                f"{', '.join(there)}"
            )
