"""From our settings to TRL's arguments: what fine-tuning and reinforcement have in common."""

import difflib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ovt.curate.errors import OvtError
from ovt.curate.section import Section
from ovt.train import devices

if TYPE_CHECKING:
    from trl import GRPOConfig, SFTConfig


class LoraSection(Section):
    """Low-rank adapters instead of whole weights; peft's names. target_modules is "all-linear" or names of layers."""

    r: int = Field(16, ge=1)
    lora_alpha: float = Field(32, gt=0)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"


class TrainerSection(Section):
    """The settings that every training has; SftSection and RlSection say what they mean."""

    max_pixels: int = Field(262_144, ge=784)
    freeze_vision_tower: bool = False
    lora: LoraSection | None = None
    save_total_limit: int = Field(2, ge=1)
    logging_steps: int = Field(1, ge=1)
    activation_checkpointing: bool | None = None
    bf16: bool | None = None
    attn_implementation: str | None = None
    report_to: list[str] = Field(default_factory=list)
    seed: int = Field(42, ge=0)
    trainer: dict[str, Any] = Field(default_factory=dict)


def by_trl_names(
    settings: TrainerSection,
    config: "type[SFTConfig | GRPOConfig]",
    own: Collection[str],
    ours: dict[str, Any],
    refused: Collection[str],
) -> dict[str, Any]:
    """The settings that are TRL's as they stand, [trainer]'s, and `ours`, which ovt works out.

    own      settings that TRL does not have, or that ovt sees to itself
    refused  further arguments of TRL's that ovt's way of training has no room for

    OvtError for a key of [trainer] that TRL does not know, or that would be overruled in silence.
    """
    known = config.__dataclass_fields__
    for key in settings.trainer:
        if key in type(settings).model_fields:
            raise OvtError(f"trainer.{key} is a setting of its own: write {key} = … outside [trainer]")
        if key in ours or key in refused:
            raise OvtError(f"trainer.{key} is set by ovt: leave it out")
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            raise OvtError(
                f"trainer.{key} is not an argument of TRL's {config.__name__}; did you mean {(near or ['optim'])[0]}?"
            )
    return settings.model_dump(exclude=set(own)) | settings.trainer | ours


def on_this_machine(settings: TrainerSection) -> dict[str, Any]:
    """The arguments that follow from the device, and those that are the same in every training."""
    accelerator = devices.on_accelerator()
    checkpointing = settings.activation_checkpointing
    return {
        "bf16": devices.has_bf16() if settings.bf16 is None else settings.bf16,
        "use_cpu": not accelerator,
        "activation_checkpointing": accelerator if checkpointing is None else checkpointing,
        "dataloader_pin_memory": accelerator,
        "save_strategy": "steps",
        "report_to": settings.report_to or "none",
        "disable_tqdm": True,
    }
