"""Supervised fine-tuning on a version's responses with TRL's SFTTrainer.

ovt adds everything around it: choosing the rows that fit, batches that are the same on any number of devices,
portable checkpoints, and resumable runs.
"""

import statistics
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.train import devices
from ovt.train.arguments import refusals, sft_arguments
from ovt.train.data import RESPONSES, Rows, make_collator, set_aside
from ovt.train.lengths import all_pictured, describe_refused, fit, learned_wrongly, length_limit, longest, measured
from ovt.train.mixture import repeated
from ovt.train.models import load_processor
from ovt.train.runs import Run, read_log
from ovt.train.settings import SftSection
from ovt.train.training import Fed, Kind, Options, Training, make_order, train
from ovt.train.weights import make_lora, prepare_model

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import SFTTrainer


def sft(
    version: Any,
    model: Any,
    settings: SftSection | Mapping[str, Any] | None = None,
    home: Home | Path | str | None = None,
    **options: Unpack[Options],
) -> Run:
    """Fine-tunes a model on the verified responses of a version; call it again to resume or find the finished run.

        run = ovt.train.sft("charts@2", "Qwen/Qwen2.5-VL-7B-Instruct", {"max_steps": 100})
        run.model, run.result["last_loss"]

    version: its name, folder or Hub id, or the object; model: "pocket", a run or its name, a folder or a Hub id.
    Raises what `training.train` does.
    """
    return train(SFT, make_order(SftSection, (version, model), settings, home, options))


def choose_rows(training: Training[SftSection]) -> Fed:
    """The rows that fit, and the held-out ones among them. OvtError if none fits."""
    settings, rows = training.settings, training.rows
    processor = load_processor(training.where, settings.max_pixels)
    limit = length_limit(training.where, settings.max_length)
    with devices.main_first():
        lengths = measured(rows, processor, limit, training.home)
    fits = fit(lengths)
    if not fits:
        raise OvtError(why_none(rows, lengths, limit))
    notes = [f"left out of {rows.ref}: {describe_refused(lengths)}; `ovt train preview` shows them"]
    notes = notes if len(fits) < len(lengths) else []
    if warning := learned_wrongly(rows.dataset[fits[0]], processor, training.where):
        notes.append(f"warning: {warning}")
    return hold_out(rows, lengths, settings, "; ".join(notes))


def hold_out(rows: Rows, lengths: pl.DataFrame, settings: SftSection, note: str) -> Fed:
    """The rows that fit, shuffled, each as often as its version's weight says, and those of them that are held out."""
    fits = fit(lengths)
    fitting = with_lengths(rows.dataset, lengths).select(fits)
    train_on, aside = set_aside(fitting, settings.eval_size, settings.seed)
    place = {index: number for number, index in enumerate(fits)}
    fed = repeated([fits[number] for number in train_on], rows.parts, settings.seed)
    # "batch_rebalance" draws the same order for every seed
    shuffled = fitting.select([place[index] for index in fed]).shuffle(settings.seed)
    left_out = dict(lengths["reason"].drop_nulls().value_counts().iter_rows())
    return Fed(shuffled, fitting.select(aside) if aside else None, left_out, note, longest(lengths),
               all_pictured(lengths))  # fmt: skip


def with_lengths(dataset: "Dataset", lengths: pl.DataFrame) -> "Dataset":
    """The columns that are fed, and `length`, each row's tokens, by which the sampler groups similar rows."""
    from datasets import Dataset, concatenate_datasets

    tokens = (pl.col("prompt_tokens") + pl.col("completion_tokens")).fill_null(0)
    column = Dataset.from_dict({"length": lengths.select(tokens).to_series().to_list()})
    names = [name for name in ("images", "prompt", *RESPONSES) if name in dataset.column_names]
    return concatenate_datasets([dataset.select_columns(names), column], axis=1)


def why_none(rows: Rows, lengths: pl.DataFrame, limit: int | None) -> str:
    """Why no row of a version can be trained on, in one line."""
    reasons = set(lengths["reason"].to_list())
    if reasons == {"image_missing"}:
        return f"{rows.ref} has no images for the <image> tags of its prompts: give a version that has them"
    if reasons == {"too_long"}:
        longest = lengths.select(pl.col("prompt_tokens") + pl.col("completion_tokens")).to_series()
        return f"every row of {rows.ref} is longer than {limit:,} tokens (shortest {longest.min():,}): raise max_length"
    return f"no row of {rows.ref} can be trained on: {describe_refused(lengths)}; `ovt train preview` shows them"


@contextmanager
def make_trainer(
    training: Training[SftSection], fed: Fed, run: Run, checkpoint: Path | None
) -> Generator["SFTTrainer"]:
    """TRL's trainer on these rows. checkpoint: where the run resumes."""
    from trl import SFTConfig, SFTTrainer

    settings = training.settings
    arguments = sft_arguments(settings, devices.world_size(), run.checkpoints)
    given = shared(training, fed, make_collator)
    model = prepare_model(training.where, settings, checkpoint)
    arguments["ddp_find_unused_parameters"] = not fed.pictured
    with refusals():
        trainer = SFTTrainer(model=model, args=SFTConfig(**arguments), **given)
    # TRL divides by the learned tokens of the whole step, if they are counted; most families tell transformers not to
    trainer.model_accepts_loss_kwargs = True
    yield trainer


def shared(training: Training[Any], fed: Fed, collator: Callable[[Any], Any]) -> dict[str, Any]:
    """The arguments that the SFT and DPO trainers share. collator: makes theirs for a processor.

    Also sets the seed: new adapters are initialised before the trainer does.
    """
    import transformers

    from ovt.train.callbacks import EvaluateAtEnd

    settings = training.settings
    processor = load_processor(training.where, settings.max_pixels)
    transformers.set_seed(settings.seed)
    return {
        "train_dataset": fed.train,
        "eval_dataset": fed.held_out,
        "processing_class": processor,
        "data_collator": collator(processor),
        "peft_config": make_lora(settings.lora, settings.freeze_vision_tower),
        "callbacks": [EvaluateAtEnd()],
    }


def split_rows(settings: SftSection, world: int) -> devices.Share:
    """How a batch is divided among `world` devices."""
    return devices.split_batch(settings.global_batch_size, settings.per_device_train_batch_size, world)


def describe_result(training: Training[Any], fed: Fed, run: Run, trainer: Any) -> dict[str, Any]:
    """A finished run's result: steps, rows, losses, tokens, seconds."""
    lines = read_log(run.log_path)
    losses = [line["loss"] for line in lines if "loss" in line]
    held = [line["eval_loss"] for line in lines if "eval_loss" in line]
    best = training.settings.load_best_model_at_end and bool(held)
    speeds, shares = ([line[name] for line in lines if name in line] for name in ("tokens_per_s", "mfu"))
    return {
        "steps": trainer.state.global_step,
        "train_rows": len(fed.train),
        "eval_rows": len(fed.held_out) if fed.held_out else 0,
        "left_out": fed.left_out,
        "first_loss": losses[0] if losses else None,
        "last_loss": losses[-1] if losses else None,
        "eval_loss": (min(held) if best else held[-1]) if held else None,
        "best_step": trainer.state.best_global_step if best else None,
        "tokens": next((line["num_tokens"] for line in reversed(lines) if "num_tokens" in line), None),
        "tokens_per_s": statistics.median(speeds) if speeds else None,
        "mfu": statistics.median(shares) if shares else None,
        "train_s": max((line["time_s"] for line in lines), default=0.0),
    }


SFT = Kind(
    "sft",
    splits=lambda settings: ("sft",),
    choose=choose_rows,
    arguments=lambda settings, fed, world: sft_arguments(settings, world),
    batches=split_rows,
    trainer=make_trainer,
    result=describe_result,
)
