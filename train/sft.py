"""`ovt train sft`: supervised fine-tuning on a version's responses, by TRL's SFTTrainer.

What is ours is around it: which rows fit, the batch that stays the same on any number of devices, checkpoints that
others can load, and a run that goes on where it stopped. Defaults are the paper's.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
from pydantic import Field

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.train import devices, runs
from ovt.train.arguments import (
    LoraSection,
    ShareOrCount,
    Steps,
    TrainerSection,
    by_trl_names,
    check_targets,
    on_this_machine,
)
from ovt.train.card import write_card
from ovt.train.data import Rows, describe_refused, fit, load_split, make_collator, measured
from ovt.train.models import adapter_base, load_model, load_processor, resolve_model, weights_revision
from ovt.train.runs import Run
from ovt.train.save import chosen_checkpoint, load_checkpoint, take_model
from ovt.train.split import set_aside
from ovt.verifiers import VERSION

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedModel
    from trl import SFTConfig, SFTTrainer

Say = Callable[[str], None]


class SftSection(TrainerSection):
    """How to fine-tune; TRL's names where they mean the same, the paper's values.

    global_batch_size             rows per optimizer step, whatever the number of devices
    per_device_train_batch_size   rows at once on a device; null: as many as divide the share, 8 at most
    train_sampling_strategy       how rows share micro-batches; "batch_rebalance": those of a step, drawn at random,
                                  are put together by length, which saves padding and changes no gradient
    warmup_steps                  a share of all steps below 1, else a number of steps
    max_length                    tokens of a row, image tokens included; longer rows are left out, never cut; null: the
                                  model's context
    max_pixels                    larger images are shrunk to this many pixels
    eval_size                     rows held out, by image: a share below 1, else a number of rows
    eval_steps                    evaluate (and keep a checkpoint) this often when rows are held out; null: save_steps
    load_best_model_at_end        whether the model is the checkpoint with the lowest evaluation loss, where rows are
                                  held out, or the last one
    save_steps                    a checkpoint this often: steps, or a share of all steps below 1
    activation_checkpointing      recompute activations instead of keeping them; null: where there is an accelerator
    bf16                          compute in bfloat16 (weights stay float32 while they are trained); null: where it can
    trainer                       further arguments of TRL's SFTConfig, as they are
    """

    learning_rate: float = Field(5e-7, gt=0)
    num_train_epochs: float = Field(1.0, gt=0)
    max_steps: Steps = -1
    global_batch_size: int = Field(32, ge=1)
    per_device_train_batch_size: int | None = Field(None, ge=1)
    train_sampling_strategy: Literal["random", "sequential", "group_by_length", "batch_rebalance"] = "batch_rebalance"
    lr_scheduler_type: str = "cosine"
    warmup_steps: ShareOrCount = Field(0.1, ge=0)
    weight_decay: float = Field(0.0, ge=0)
    max_grad_norm: float = Field(1.0, ge=0)
    max_length: int | None = Field(None, ge=1)
    eval_size: ShareOrCount = Field(0.0, ge=0)
    eval_steps: ShareOrCount | None = Field(None, gt=0)
    load_best_model_at_end: bool = True
    save_steps: ShareOrCount = Field(50, gt=0)
    dataloader_num_workers: int | None = Field(None, ge=0)


@dataclass(frozen=True)
class Fed:
    """The rows that a training reads, those it evaluates on, and the lengths of all rows of the version."""

    train: "Dataset"
    held_out: "Dataset | None"
    lengths: pl.DataFrame


def tell(line: str) -> None:
    """A line for people, beside what a command prints."""
    if devices.is_main():
        print(f"ovt: {line}", file=sys.stderr)


def sft(
    ref: str,
    model: str,
    settings: SftSection,
    home: Home,
    *,
    name: str | None = None,
    resume: bool = True,
    git_commit: str | None = None,
    say: Say = tell,
) -> Run:
    """The run that fine-tunes `model` on the split "sft" of a version; a run of equal provenance goes on, or is done.

    Ctrl-C and SIGTERM end it with a checkpoint and raise KeyboardInterrupt. OvtError for whatever cannot be trained on,
    and for a full disk, which leaves the last whole checkpoint.
    """
    devices.check_devices()
    where = resolve_model(model, home)
    with devices.main_first():
        rows = load_split(ref, "sft", home)
    if rows.verifier_version not in (None, VERSION):
        say(f"{rows.ref} was verified by verifier {rows.verifier_version}, this is {VERSION}: see `ovt verify parity`")
    record = runs.make_record("sft", rows, model, weights_revision(where), settings, rows.verifier_version, git_commit)
    if not resume:  # what is refused replaces nothing
        fed = choose_rows(rows, where, settings, home)
        argument_dict(Path("checkpoints"), settings, fed.held_out is not None, devices.world_size())
    run = runs.begin(record, home, name, resume)
    if run.done:
        say(f"run {run.name} is done already: {run.model}")
        return run
    with runs.held(run, devices.is_main()):
        return train(run, rows, where, settings, home, say)


def train(run: Run, rows: Rows, where: str, settings: SftSection, home: Home, say: Say) -> Run:
    """Trains from the last checkpoint, if there is one, to the end, and puts the model in its place."""
    from ovt.train.stop import StopOnSignal

    fed = choose_rows(rows, where, settings, home)
    if fed.lengths["reason"].count():
        say(f"left out of {rows.ref}: {describe_refused(fed.lengths)}; `ovt train preview` shows them")
    with StopOnSignal() as stop, runs.disk_trouble(run):
        checkpoint = runs.last_checkpoint(run)
        trainer = make_trainer(run, fed, where, settings, checkpoint)
        trainer.add_callback(stop)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        if stop.asked and trainer.state.global_step < trainer.state.max_steps:
            raise KeyboardInterrupt
        if not devices.is_main():
            return run
        take_model(run, chosen_checkpoint(trainer, settings.load_best_model_at_end), where)
        done = runs.finish(run, describe_result(run, trainer, fed, settings))
        write_card(done, home)
    return done


def choose_rows(rows: Rows, where: str, settings: SftSection, home: Home) -> Fed:
    """The rows that fit, and those of them that are held out. OvtError where none fits."""
    processor = load_processor(where, settings.max_pixels)
    limit = length_limit(where, settings.max_length)
    with devices.main_first():
        lengths = measured(rows, processor, limit, home)
    fits = fit(lengths)
    if not fits:
        raise OvtError(why_none(rows, lengths, limit))
    fitting = with_lengths(rows.dataset, lengths).select(fits)
    train_on, aside = set_aside(fitting, settings.eval_size, settings.seed)
    shuffled = fitting.select(train_on).shuffle(settings.seed)  # "batch_rebalance" draws the same order for every seed
    return Fed(shuffled, fitting.select(aside) if aside else None, lengths)


def with_lengths(dataset: "Dataset", lengths: pl.DataFrame) -> "Dataset":
    """The columns that are fed, and `length`, each row's tokens: by it the sampler puts like rows together."""
    from datasets import Dataset, concatenate_datasets

    tokens = (pl.col("prompt_tokens") + pl.col("completion_tokens")).fill_null(0)
    column = Dataset.from_dict({"length": lengths.select(tokens).to_series().to_list()})
    return concatenate_datasets([dataset.select_columns(["images", "prompt", "completion"]), column], axis=1)


def why_none(rows: Rows, lengths: pl.DataFrame, limit: int | None) -> str:
    """The line that says why no row of a version can be trained on."""
    reasons = set(lengths["reason"].to_list())
    if reasons == {"image_missing"}:
        return (
            f"{rows.ref} has no images: ovt trains vision-language models; give a version whose questions have images"
        )
    if reasons == {"too_long"}:
        longest = lengths.select(pl.col("prompt_tokens") + pl.col("completion_tokens")).to_series()
        return f"every row of {rows.ref} is longer than {limit:,} tokens (shortest {longest.min():,}): raise max_length"
    return f"no row of {rows.ref} can be trained on: {describe_refused(lengths)}; `ovt train preview` shows them"


def length_limit(where: str, max_length: int | None) -> int | None:
    """The tokens that a row may have: max_length, and never more than the model's context."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(adapter_base(where) or where).get_text_config()
    context = getattr(config, "max_position_embeddings", None)
    if max_length and context and max_length > context:
        raise RecipeError(f"max_length = {max_length} is more than the {context} tokens of {where}'s context: lower it")
    return max_length or context


def make_trainer(run: Run, fed: Fed, where: str, settings: SftSection, checkpoint: Path | None = None) -> "SFTTrainer":
    """TRL's trainer on these rows, with a log, and the base model's own files beside every checkpoint.

    checkpoint   where the run goes on from
    """
    import transformers
    from trl import SFTTrainer

    from ovt.train.log import CompleteCheckpoints, EvaluateAtEnd, LogLines, ShowSteps

    processor = load_processor(where, settings.max_pixels)
    transformers.set_seed(settings.seed)  # new adapters are drawn before the trainer seeds itself
    trainer = SFTTrainer(
        model=prepare_model(where, settings, checkpoint),
        args=make_arguments(run.checkpoints, settings, fed.held_out is not None),
        train_dataset=fed.train,
        eval_dataset=fed.held_out,
        processing_class=processor,
        data_collator=make_collator(processor),
        peft_config=make_lora(settings.lora, settings.freeze_vision_tower),
    )
    trainer.remove_callback(transformers.PrinterCallback)
    for callback in (LogLines(run.log), ShowSteps(), EvaluateAtEnd(), CompleteCheckpoints(where)):
        trainer.add_callback(callback)
    return trainer


def prepare_model(where: str, settings: TrainerSection, checkpoint: Path | None) -> "PreTrainedModel":
    """The model to train, as the checkpoint has it or as it lies there; float32, for steps far below what bfloat16
    resolves; a frozen base in its own type.
    """
    import warnings

    import torch

    warnings.filterwarnings(
        "ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning
    )  # TRL's and peft's use
    if settings.lora and adapter_base(where):
        raise OvtError(
            f"{where} is a LoRA adapter itself: merge it first (`ovt train merge`), then train on the result"
        )
    if checkpoint and not settings.lora:
        model = load_checkpoint(checkpoint, settings.attn_implementation)
    else:
        dtype = "auto" if settings.lora and devices.on_accelerator() else torch.float32
        model = load_model(where, dtype=dtype, attn_implementation=settings.attn_implementation)
    if settings.lora:
        check_targets(settings.lora, model)
    if settings.freeze_vision_tower:
        model.get_encoder(modality="image").requires_grad_(False)
    return model


def make_lora(lora: LoraSection | None, frozen_vision: bool) -> Any:
    """peft's configuration, None without adapters; with a frozen vision tower no adapter goes there."""
    if lora is None:
        return None
    from peft import LoraConfig

    frozen = r".*\b(visual|vision_tower|vision_model|vision_encoder|image_tower)\b.*"
    return LoraConfig(task_type="CAUSAL_LM", exclude_modules=frozen if frozen_vision else None, **lora.model_dump())


def make_arguments(folder: Path, settings: SftSection, evaluates: bool) -> "SFTConfig":
    """TRL's arguments for these settings on this machine; OvtError for unknown ones or a batch that does not divide."""
    from trl import SFTConfig

    return SFTConfig(**argument_dict(folder, settings, evaluates, devices.world_size()))


def argument_dict(folder: Path, settings: SftSection, evaluates: bool, processes: int) -> dict[str, Any]:
    """The arguments by TRL's names; max_length None, as rows too long are left out before."""
    from trl import SFTConfig

    share = devices.split_batch(settings.global_batch_size, settings.per_device_train_batch_size, processes)
    often = settings.eval_steps or settings.save_steps
    workers = settings.dataloader_num_workers
    picks = evaluates and settings.load_best_model_at_end
    ours = on_this_machine(settings) | {
        "output_dir": str(folder),
        "per_device_train_batch_size": share.rows,
        "per_device_eval_batch_size": share.rows,
        "gradient_accumulation_steps": share.accumulation,
        "max_length": None,
        "remove_unused_columns": False,  # the sampler reads `length`
        "completion_only_loss": True,
        "dataloader_num_workers": (4 if devices.on_accelerator() else 0) if workers is None else workers,
        "eval_strategy": "steps" if evaluates else "no",
        "eval_steps": often,
        "save_steps": often if evaluates else settings.save_steps,
        "load_best_model_at_end": False,  # it would load nothing (see save.py); the best is known and kept all the same
        "metric_for_best_model": "eval_loss" if picks else None,
        "save_total_limit": max(2, settings.save_total_limit) if picks else settings.save_total_limit,  # best and last
        "greater_is_better": False,
        "ddp_find_unused_parameters": False,  # every row has an image, so every weight is used
    }
    return by_trl_names(settings, SFTConfig, OWN, ours, refused=("packing", "model_init_kwargs"))


OWN = {"lora", "trainer", "global_batch_size", "max_pixels", "freeze_vision_tower", "eval_size", "attn_implementation",
       "load_best_model_at_end"}  # fmt: skip


def describe_result(run: Run, trainer: "SFTTrainer", fed: Fed, settings: SftSection) -> dict[str, Any]:
    """What a finished run tells: steps, rows, losses, tokens, seconds."""
    lines = runs.read_log(run.log)
    losses = [line["loss"] for line in lines if "loss" in line]
    held = [line["eval_loss"] for line in lines if "eval_loss" in line]
    best = settings.load_best_model_at_end and bool(held)
    return {
        "steps": trainer.state.global_step,
        "train_rows": len(fed.train),
        "eval_rows": len(fed.held_out) if fed.held_out else 0,
        "left_out": dict(fed.lengths["reason"].drop_nulls().value_counts().iter_rows()),
        "first_loss": losses[0] if losses else None,
        "last_loss": losses[-1] if losses else None,
        "eval_loss": (min(held) if best else held[-1]) if held else None,
        "best_step": trainer.state.best_global_step if best else None,
        "tokens": next((line["num_tokens"] for line in reversed(lines) if "num_tokens" in line), None),
        "train_s": max((line["time_s"] for line in lines), default=0.0),
    }
