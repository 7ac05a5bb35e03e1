"""`ovt train sft --dry-run`: the trainer's arguments as they would be, and the memory that each device needs."""

from dataclasses import asdict
from math import ceil
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.home import Home
from ovt.train.data import fit, load_split, measured
from ovt.train.memory import describe, estimate
from ovt.train.models import load_processor, resolve_model
from ovt.train.sft import SftSection, argument_dict, length_limit


def plan(
    ref: str, model: str, settings: SftSection, home: Home, count: int = 1, shared: bool = False
) -> dict[str, Any]:
    """What would be trained: rows, steps, the arguments, bytes per device (memory.Memory). Nothing is trained.

    count    devices; shared: whether weights, gradients and optimizer states are split among them
    """
    where = resolve_model(model, home)
    rows = load_split(ref, "sft", home)
    processor = load_processor(where, settings.max_pixels)
    lengths = measured(rows, processor, length_limit(where, settings.max_length), home)
    kept = fit(lengths)
    arguments = argument_dict(Path("checkpoints"), settings, settings.eval_size > 0, count)
    sizes = describe(
        where,
        settings.freeze_vision_tower,
        settings.lora.model_dump() if settings.lora else None,
        not arguments["use_cpu"],
    )
    tokens, images = longest(lengths)
    memory = estimate(
        sizes,
        rows=arguments["per_device_train_batch_size"],
        tokens=tokens,
        patches=images * patches_per_token(processor),
        devices=count if shared else 1,
        bf16=arguments["bf16"],
        checkpointing=arguments["activation_checkpointing"],
    )
    held_out = held_out_rows(len(kept), settings)
    return {
        "data": rows.ref,
        "model": model,
        "train_rows": len(kept) - held_out,
        "eval_rows": held_out,
        "left_out": len(lengths) - len(kept),
        "steps": step_count(len(kept) - held_out, settings),
        "devices": count,
        "parameters": sizes.parameters,
        "trained_parameters": sizes.trained,
        "longest_row": tokens,
        "memory_per_device": asdict(memory) | {"total": memory.total},
        "arguments": arguments,
    }


def held_out_rows(count: int, settings: SftSection) -> int:
    """About how many rows are held out: rows that share images stay together."""
    return round(settings.eval_size * count) if settings.eval_size < 1 else min(int(settings.eval_size), count)


def step_count(count: int, settings: SftSection) -> int:
    """Optimizer steps in all; the last of an epoch may have fewer rows."""
    if settings.max_steps > 0:
        return settings.max_steps
    return ceil(ceil(count / settings.global_batch_size) * settings.num_train_epochs)


def longest(lengths: pl.DataFrame) -> tuple[int, int]:
    """Tokens of the longest row that fits, and image tokens of the one with most."""
    kept = lengths.filter(pl.col("reason").is_null())
    total = (kept["prompt_tokens"] + kept["completion_tokens"]).max()
    images = kept["image_tokens"].max()
    return int(total or 0), int(images or 0)  # ty: ignore[invalid-argument-type]


def patches_per_token(processor: Any) -> int:
    """Patches that the vision tower sees for each image token of the text model."""
    return int(getattr(processor.image_processor, "merge_size", 1)) ** 2
