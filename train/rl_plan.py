"""`ovt train rl --dry-run`: the trainer's arguments as they would be, and the memory that each device needs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ovt.core.home import Home
from ovt.train.data import load_splits
from ovt.train.grpo import argument_dict, plan_batches, plan_steps
from ovt.train.memory import describe, estimate
from ovt.train.models import load_processor, resolve_model
from ovt.train.plan import patches_per_token
from ovt.train.rl import choose_questions
from ovt.train.rl_section import RlSection


def plan_rl(
    ref: str, model: str, settings: RlSection, home: Home, count: int = 1, shared: bool = False
) -> dict[str, Any]:
    """What would be trained, in the form of `plan.plan`; rows are questions. Nothing is trained, no vLLM counted.

    count    devices; shared: whether weights, gradients and optimizer states are split among them
    """
    where = resolve_model(model, home)
    splits = load_splits(ref, settings.questions.splits, home)
    pool = choose_questions(splits, model, where, settings, home)
    batches = plan_batches(settings, count)
    steps = plan_steps(len(pool.dataset), settings, batches)
    arguments = argument_dict(Path("checkpoints"), settings, batches, steps)
    lora = settings.lora.model_dump() if settings.lora else None
    sizes = describe(where, settings.freeze_vision_tower, lora, not arguments["use_cpu"])
    held = count if shared else 1
    longest = pool.longest + settings.max_completion_length
    memory = estimate(
        sizes,
        rows=batches.share.rows,
        tokens=longest,
        patches=pool.images * patches_per_token(load_processor(where, settings.max_pixels)),
        devices=held,
        bf16=arguments["bf16"],
        checkpointing=arguments["activation_checkpointing"],
    )
    reference = 0 if lora or not settings.beta else 4 * sizes.parameters // held
    return {
        "data": splits[0].ref,
        "model": model,
        "train_rows": len(pool.dataset),
        "eval_rows": 0,
        "left_out": sum(pool.left_out.values()),
        "steps": steps,
        "devices": count,
        "parameters": sizes.parameters,
        "trained_parameters": sizes.trained,
        "longest_row": longest,
        "memory_per_device": asdict(memory) | {"reference": reference, "total": memory.total + reference},
        "arguments": arguments,
    }
