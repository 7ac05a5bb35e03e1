"""From our settings to TRL's arguments: what fine-tuning and reinforcement have in common."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from ovt.core.errors import RecipeError
from ovt.core.section import Section
from ovt.core.text import did_you_mean
from ovt.train import devices

if TYPE_CHECKING:
    from torch import nn
    from trl import GRPOConfig, SFTConfig

# Arguments of the trainer's that would break what ovt promises of a run, or have it write down a secret.
NEVER = ("push_to_hub", "hub_token", "save_only_model", "resume_from_checkpoint")


def share_or_count(value: float) -> float:
    """A share below 1, or a whole number from 1 on; ValueError between."""
    if value > 1 and value % 1:
        raise ValueError("give a share below 1, or a whole number")
    return value


def steps_or_all(value: int) -> int:
    """A number of steps, or -1 for as many as the epochs have."""
    if value < 1 and value != -1:
        raise ValueError("give a number of steps, or -1 for as many as the epochs have")
    return value


def listed(value: Any) -> Any:
    """A name alone as a list of it."""
    return [value] if isinstance(value, str) else value


ShareOrCount = Annotated[float, AfterValidator(share_or_count)]
Steps = Annotated[int, AfterValidator(steps_or_all)]
Names = Annotated[list[str], BeforeValidator(listed)]


class LoraSection(Section):
    """Low-rank adapters instead of whole weights; peft's names. target_modules is "all-linear" or names of layers."""

    r: int = Field(16, ge=1)
    lora_alpha: float = Field(32, gt=0)
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    target_modules: Annotated[
        str | list[str], AfterValidator(lambda asked: asked if asked == "all-linear" else listed(asked))
    ] = "all-linear"


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
    report_to: Names = Field(default_factory=list)
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

    RecipeError for a key of [trainer] that TRL does not know, or that would be overruled in silence, and for whatever
    value TRL refuses.
    """
    for key, value in settings.trainer.items():
        if key in type(settings).model_fields:
            raise RecipeError(f"trainer.{key} is a setting of its own: write {key} = … outside [trainer]")
        if key in ours or key in refused:
            raise RecipeError(f"trainer.{key} is set by ovt: leave it out")
        if key in NEVER:
            raise RecipeError(f"trainer.{key} has no place in a run of ovt's: leave it out")
        check_argument(config, key, value)
    arguments = settings.model_dump(exclude=set(own)) | settings.trainer | ours
    check_config(config, arguments)
    check_reporters(settings.report_to)
    return arguments


def check_argument(config: "type[SFTConfig | GRPOConfig]", key: str, value: Any) -> None:
    """RecipeError for an argument that TRL does not have, or a value of another type, which it would take all the same
    and stumble over later.
    """
    known = config.__dataclass_fields__
    if key not in known:
        hint = did_you_mean(key, known, "see its documentation for those there are")
        raise RecipeError(f"trainer.{key} is not an argument of TRL's {config.__name__}; {hint}")
    try:
        TypeAdapter(get_type_hints(config)[key]).validate_python(value)
    except ValidationError as error:
        raise RecipeError(f"trainer.{key} is {value!r}: {error.errors()[0]['msg']}") from None


def check_config(config: "type[SFTConfig | GRPOConfig]", arguments: dict[str, Any]) -> None:
    """RecipeError for a value that TRL refuses."""
    try:
        config(**arguments)
    except (ValueError, ImportError) as error:
        raise RecipeError(f"the trainer refuses these settings: {' '.join(str(error).split())[:400]}") from error


def check_reporters(names: Collection[str]) -> None:
    """RecipeError for a name that the trainer cannot report to, or whose package is not there."""
    from transformers.integrations import get_reporting_integration_callbacks

    for name in names:
        try:
            for reporter in get_reporting_integration_callbacks(name):
                reporter()
        except (ValueError, RuntimeError, ImportError) as error:
            raise RecipeError(f"report_to = {name!r}: {' '.join(str(error).split())[:300]}") from error


def check_targets(lora: LoraSection, model: "nn.Module") -> None:
    """RecipeError for a layer to adapt that the model does not have."""
    if lora.target_modules == "all-linear":
        return
    linear = [name.rpartition(".")[2] for name, layer in model.named_modules() if hasattr(layer, "in_features")]
    there = dict.fromkeys(name for name in linear if not name.isdigit())
    for name in lora.target_modules:
        if name.rpartition(".")[2] not in there:
            raise RecipeError(
                f'lora.target_modules: no layer is named {name}; choose "all-linear" or of {", ".join(there)}'
            )


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
