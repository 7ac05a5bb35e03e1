"""A local Qwen2.5-VL and its processor, loaded and sampled from; works with and without torchvision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoTokenizer,
    DynamicCache,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
)
from transformers.utils import logging

from ovt.core.checkpoints import cannot_load, refuse_kernels
from ovt.core.errors import OvtError
from ovt.curate.endpoints.embedded import Row, advance
from ovt.train.drawing import choose

LOCAL: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}  # never asked, never run


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
    """The model in a local folder, ready for inference. OvtError for a folder without a Qwen2.5-VL."""
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
    return Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=dtype, **LOCAL).eval()


def load_processor(folder: Path) -> ImageProcessor:
    """The processor in a local folder; works with and without torchvision, for pictures and text."""
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder, **LOCAL)
        pictures = AutoImageProcessor.from_pretrained(folder, **LOCAL)
    except (OSError, ValueError, ImportError, RecursionError) as error:
        raise cannot_load(folder, "as a processor", error) from error
    return ImageProcessor(image_processor=pictures, tokenizer=tokenizer, chat_template=tokenizer.chat_template)


# Samples replies for a batch of prompts: one prefill, then one token for all rows at a time. Each row has its own
# random generator, so a reply depends on its request and not on its neighbours. Prompts are padded on the left; a
# prompt that is wanted n times is processed once; finished rows leave the batch.

SHRINK_BELOW = 0.75  # share of rows still running at which the finished ones are taken out of the batch


@dataclass(frozen=True)
class Prompt:
    """Token ids (visual tokens included), and the patches (p, d) and grids (images, 3) of its images."""

    ids: list[int]
    patches: Tensor | None = None
    grids: Tensor | None = None


@dataclass(frozen=True)
class Vocabulary:
    """The parts of a tokenizer that sampling needs: the token ids that end a reply, and ids as text."""

    ends: frozenset[int]
    decode: Callable[[list[int]], str]


def positions_of(model: Qwen2_5_VLForConditionalGeneration, ids: Tensor, mask: Tensor, grids: Tensor | None) -> Tensor:
    """Positions (3, rows, length) of left-padded prompts, as Qwen2.5-VL counts them."""
    if grids is None:
        return (mask.cumsum(-1) - 1).clamp(min=0).expand(3, -1, -1)
    pictures = (ids == model.config.image_token_id).int()
    qwen: Any = model.model  # it names tensors by dtype, as type checkers cannot
    return qwen.get_rope_index(ids, pictures, image_grid_thw=grids, attention_mask=mask)[0]


def prefill(
    model: Qwen2_5_VLForConditionalGeneration, prompts: Sequence[Prompt], pad: int
) -> tuple[Tensor, Tensor, Tensor, DynamicCache]:
    """Process all prompts: logits of the next token, mask, the next position of each row, and the cache."""
    length = max(len(prompt.ids) for prompt in prompts)
    ids = torch.full((len(prompts), length), pad)
    mask = torch.zeros_like(ids)
    for i, prompt in enumerate(prompts):
        ids[i, length - len(prompt.ids) :] = torch.tensor(prompt.ids)
        mask[i, length - len(prompt.ids) :] = 1
    grids = [prompt.grids for prompt in prompts if prompt.grids is not None]
    patches = [prompt.patches for prompt in prompts if prompt.patches is not None]
    seen = {"pixel_values": torch.cat(patches), "image_grid_thw": torch.cat(grids)} if grids else {}
    positions = positions_of(model, ids, mask, torch.cat(grids) if grids else None)
    cache = DynamicCache(config=model.config.get_text_config())
    out = model(input_ids=ids, attention_mask=mask, position_ids=positions, past_key_values=cache, use_cache=True,
                logits_to_keep=1, **seen)  # fmt: skip
    return out.logits[:, -1], mask, positions.amax((0, 2)) + 1, cache


@torch.inference_mode()
def generate(
    model: Qwen2_5_VLForConditionalGeneration,
    prompts: Sequence[Prompt],
    rows: Sequence[Row],
    vocabulary: Vocabulary,
    finished: Callable[[Row], None] = lambda row: None,
) -> None:
    """Run every row to its end; `finished` is called with each one as soon as it ends."""
    logits, mask, position, cache = prefill(model, prompts, min(vocabulary.ends))
    live = list(rows)
    picked = torch.tensor([row.prompt for row in live])
    if picked.tolist() != list(range(len(prompts))):
        cache.batch_select_indices(picked)
    logits, mask, position = logits[picked], mask[picked], position[picked]
    while True:
        tokens = choose(logits, live)
        for row, token in zip(live, tokens, strict=True):
            if row.finish is None:
                advance(row, token, vocabulary.ends, vocabulary.decode)
                if row.finish is not None:
                    finished(row)
        left = [i for i, row in enumerate(live) if row.finish is None]
        if not left:
            return
        if len(left) < SHRINK_BELOW * len(live):
            picked = torch.tensor(left)
            cache.batch_select_indices(picked)
            mask, position = mask[picked], position[picked]
            live, tokens = [live[i] for i in left], [tokens[i] for i in left]
        mask = torch.cat((mask, mask.new_ones(len(live), 1)), 1)
        out = model(input_ids=torch.tensor(tokens)[:, None], attention_mask=mask, past_key_values=cache,
                    position_ids=position.expand(3, 1, -1).transpose(1, 2), use_cache=True)  # fmt: skip
        logits, position = out.logits[:, -1], position + 1
