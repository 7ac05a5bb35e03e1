"""LoRA adapters in a folder: the base that they name, and what they may ask for before peft reads them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.core.checkpoints import cannot_load
from ovt.core.errors import OvtError
from ovt.core.untrusted import read_json
from ovt.train.patterns import are_quick

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
LARGEST_CONFIG = 2**20  # bytes; one that names every layer of a large model has a tenth
LARGEST_RANK = 8_192  # the widest layers that people train have this many rows
REFUSED = {
    "megatron_config": "is an adapter for Megatron, whose code it names: give one for transformers",
    "layer_replication": "repeats layers of its base, without limit: give an adapter without layer_replication",
    "monteclora_config": "draws samples in advance, without limit: give an adapter without monteclora_config",
}
# Where peft (0.21) takes names of layers as regular expressions, and what it makes of them.
MATCHED = {
    "target_modules": "{}",
    "exclude_modules": "{}",
    "modules_to_save": r"(^|.*\.){}($|\..*)",
    "layers_pattern": r"(?:^|.*?\.){}\.(?P<idx>\d+)\.",
    "rank_pattern": r"(.*\.)?({})$",
    "alpha_pattern": r"(.*\.)?({})$",
}
PLAIN = re.compile(r"[\w.-]*")


def adapter_base(where: str) -> str | None:
    """The base model of a LoRA adapter's folder; None for a whole model."""
    return str(read_adapter(where)["base_model_name_or_path"]) if (Path(where) / ADAPTER).is_file() else None


def read_adapter(where: str) -> dict[str, Any]:
    """The configuration of a LoRA adapter's folder. OvtError for one that names no base."""
    path = Path(where) / ADAPTER
    try:
        about = read_json(path, LARGEST_CONFIG)
        if isinstance(about, dict) and isinstance(about.get("base_model_name_or_path"), str):
            return about
    except (OSError, ValueError):
        pass
    raise OvtError(f"{path} does not describe an adapter: expected base_model_name_or_path, the model that it is for")


def merged(model: "PreTrainedModel", adapter: str) -> "PreTrainedModel":
    """The model with a folder's LoRA adapter merged into its weights. OvtError for an adapter that does not fit it."""
    from peft import PeftModel

    check_adapter(adapter, [name for name, _ in model.named_modules()])
    try:
        return PeftModel.from_pretrained(model, adapter).merge_and_unload()
    except Exception as error:  # whatever peft meets in a stranger's configuration
        raise cannot_load(adapter, "as a LoRA adapter", error) from error


def check_adapter(adapter: str, layers: list[str]) -> None:
    """OvtError for an adapter that names code, is not LoRA, or would take more memory than its weights do, or more time
    to find its `layers`."""
    about = read_adapter(adapter)
    if refused := next((key for key in REFUSED if about.get(key)), None):
        raise OvtError(f"{adapter} {REFUSED[refused]}")
    if about.get("peft_type") != "LORA":
        raise OvtError(
            f"{adapter} holds {about.get('peft_type')!r:.80}, not a LoRA adapter: give one with peft_type LORA"
        )
    if not (Path(adapter) / ADAPTER_WEIGHTS).is_file():
        raise OvtError(f"{adapter} has no {ADAPTER_WEIGHTS}: save the adapter with safetensors")
    ranks = [about.get("r"), *values(about.get("rank_pattern"))]
    if not all(isinstance(rank, int) and 0 < rank <= LARGEST_RANK for rank in ranks):
        raise OvtError(f"{adapter} has ranks {ranks!r:.80}: expected whole numbers from 1 to {LARGEST_RANK:,}")
    patterns = list(patterns_of(about))
    if patterns and not are_quick(patterns, layers):
        raise OvtError(
            f"{adapter} names layers by {patterns[0]!r:.80}, which cannot be matched in reasonable time: list the names"
        )


def patterns_of(about: dict[str, Any]) -> Iterator[str]:
    """The regular expressions of an adapter's configuration that are more than names of layers."""
    for key, form in MATCHED.items():
        value = about.get(key)
        for name in [value] if isinstance(value, str) else value if isinstance(value, list | dict) else ():
            if not PLAIN.fullmatch(str(name)):
                yield form.format(name)


def values(table: Any) -> list[Any]:
    """The values of a table; what should be one and is not, itself."""
    return list(table.values()) if isinstance(table, dict) else [table] if table else []


def refuse_adapter(base: str) -> None:
    """OvtError for a base that is an adapter, or holds one: transformers would load it by itself, unchecked."""
    from transformers.utils import find_adapter_config_file

    if find_adapter_config_file(base):
        raise OvtError(
            f"{base} is a LoRA adapter, or holds one ({ADAPTER}): as a base, merge it first; of an adapter on the Hub, "
            "give the downloaded folder"
        )
