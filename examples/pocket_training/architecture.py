"""Pocket before it has learned anything: a real Qwen2.5-VL of a few million parameters, and how it is saved.

`Qwen2_5_VLForConditionalGeneration` as transformers defines it, only small: pictures of 112x112 px are 64 patches and
16 visual tokens. What `save` writes loads with `AutoModel…` and `AutoProcessor`, and in vLLM.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from tokenizer import END, PAD
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerBase,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
)

SIDE = 112  # px: 8x8 patches of 14 px, 4x4 visual tokens
PROCESSOR_FILES = ("preprocessor_config.json", "processor_config.json", "chat_template.jinja", "tokenizer.json",
                   "tokenizer_config.json", "generation_config.json")  # fmt: skip

TEXT = {
    "hidden_size": 192,
    "intermediate_size": 512,
    "num_hidden_layers": 5,
    "num_attention_heads": 6,
    "num_key_value_heads": 6,
    "max_position_embeddings": 4096,
    "rms_norm_eps": 1e-6,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [4, 6, 6]},
}
VISION = {
    "depth": 4,
    "hidden_size": 128,
    "intermediate_size": 352,
    "num_heads": 4,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "window_size": SIDE,
    "fullatt_block_indexes": [0, 1, 2, 3],
    "out_hidden_size": TEXT["hidden_size"],
}


def make_config(
    tokenizer: PreTrainedTokenizerBase, text: dict[str, Any] = TEXT, vision: dict[str, Any] = VISION
) -> Qwen2_5_VLConfig:
    """Pocket's configuration for this tokenizer: its special ids and its size."""
    ids = tokenizer.get_vocab()
    ends: dict[str, Any] = {"eos_token_id": ids[END], "pad_token_id": ids[PAD]}
    # A multiple of 16 rows suits the matrix units.
    sizes = {"vocab_size": -(-len(tokenizer) // 16) * 16, "tie_word_embeddings": True, "bos_token_id": None}
    return Qwen2_5_VLConfig(
        text_config=text | sizes | ends,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=True,
        **ends,
    )


def build(config: Qwen2_5_VLConfig, seed: int) -> Qwen2_5_VLForConditionalGeneration:
    """A fresh model: matrices scaled by their fan-in, matrices that write to the residual stream at zero."""
    torch.manual_seed(seed)
    model = Qwen2_5_VLForConditionalGeneration(config)
    ends = {"eos_token_id": [config.eos_token_id, config.pad_token_id], "pad_token_id": config.pad_token_id}
    model.generation_config = GenerationConfig(do_sample=True, temperature=0.7, max_new_tokens=512, **ends)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim < 2:
                continue
            if name.endswith(("o_proj.weight", "down_proj.weight", "attn.proj.weight")):
                weight.zero_()
            elif "embed_tokens" in name:
                weight.normal_(std=0.04)
            else:
                weight.normal_(std=0.6 * weight[0].numel() ** -0.5)
    return model


def image_settings() -> dict:
    """preprocessor_config.json: every square picture becomes SIDE x SIDE px."""
    return {
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2_5_VLProcessor",
        "min_pixels": SIDE * SIDE,
        "max_pixels": SIDE * SIDE,
        "patch_size": VISION["patch_size"],
        "temporal_patch_size": VISION["temporal_patch_size"],
        "merge_size": VISION["spatial_merge_size"],
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }


def save_processor(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write every file but the weights that transformers, vLLM and TRL look for."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(image_settings(), indent=2) + "\n")
    # Older releases of transformers, vLLM's among them, know neither the class name nor the key that this one writes;
    # tokenizer.json says by itself which tokens are special.
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
    settings.pop("extra_special_tokens", None)
    path.write_text(json.dumps(settings, indent=2) + "\n")


def save(model: Qwen2_5_VLForConditionalGeneration, folder: Path, processor_from: Path | None = None) -> None:
    """Write the weights in bfloat16 and, from `processor_from`, the files that go with them."""
    folder.mkdir(parents=True, exist_ok=True)
    half = Qwen2_5_VLForConditionalGeneration(model.config).to(torch.bfloat16)
    half.load_state_dict(model.state_dict())
    half.config.dtype = torch.bfloat16
    half.generation_config = model.generation_config
    half.save_pretrained(folder)
    sources = [processor_from / name for name in PROCESSOR_FILES] if processor_from else []
    for source in sources:
        if source.is_file():
            shutil.copyfile(source, folder / source.name)
