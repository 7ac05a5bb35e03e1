"""A local Qwen2.5-VL and its processor, loaded with and without torchvision."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoTokenizer,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
)
from transformers.utils import logging

from ovt.core.checkpoints import cannot_load, refuse_kernels
from ovt.core.errors import OvtError

LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}  # no network, no code from the Hub


class ImageProcessor(Qwen2_5_VLProcessor):
    """Qwen2.5-VL's image-only processor: its video part needs torchvision, which may be missing."""

    def __init__(self, image_processor=None, tokenizer=None, chat_template=None, **kwargs):
        super().__init__(image_processor, tokenizer, None, chat_template=chat_template, **kwargs)

    @classmethod
    def get_attributes(cls) -> list[str]:
        return ["image_processor", "tokenizer"]

    def check_argument_for_proper_class(self, argument_name, argument):
        return None if argument is None else super().check_argument_for_proper_class(argument_name, argument)


def load_model(folder: Path, dtype: torch.dtype = torch.float32) -> Qwen2_5_VLForConditionalGeneration:
    """The model in a local folder, ready for inference. OvtError for a folder without an intact Qwen2.5-VL."""
    if not (folder / "config.json").is_file():
        adapters = (folder / "adapter_config.json").is_file()
        hint = (
            "it holds LoRA adapters: merge them into a whole model with `ovt train merge`"
            if adapters
            else "expected a folder with config.json and model.safetensors"
        )
        raise OvtError(f"no model in {folder}: {hint}")
    try:
        config = AutoConfig.from_pretrained(folder, **LOCAL)
    except (OSError, ValueError, ImportError, RecursionError) as error:
        raise cannot_load(folder, "as a model", error) from error
    refuse_kernels(folder, config)
    kind = config.model_type
    if kind != "qwen2_5_vl":
        raise OvtError(f"{folder} holds a {kind!r} model; the embedded endpoint runs Qwen2.5-VL models only")
    logging.disable_progress_bar()  # weights of a few MB need none, and it would break the build's panel
    try:
        return Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=dtype, **LOCAL).eval()
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise cannot_load(folder, "as a model", error) from error


def load_processor(folder: Path) -> ImageProcessor:
    """The processor in a local folder; works with and without torchvision, for pictures and text."""
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, **LOCAL)
        pictures = AutoImageProcessor.from_pretrained(folder, **LOCAL)
    except (OSError, ValueError, ImportError, RecursionError) as error:
        raise cannot_load(folder, "as a processor", error) from error
    return ImageProcessor(image_processor=pictures, tokenizer=tokenizer, chat_template=tokenizer.chat_template)
