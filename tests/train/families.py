"""Tiny checkpoints of three families that read images in three ways: tiles, one size, and patches by the image's size.

Their tokenizers pad on the right; Gemma's writes a first token of its own, as the real one does.
"""

from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers.processors import TemplateProcessing

from ovt.pocket import WEIGHTS

TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 16, "max_position_embeddings": 2048}  # fmt: skip
VISION = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2,
          "patch_size": 14, "image_size": 56}  # fmt: skip
ROPE = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3], "mrope_interleaved": True}
TURN = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tokenizer(**special: str) -> Any:
    """Pocket's, with further special tokens, of which each is an attribute of it."""
    made: Any = transformers.AutoTokenizer.from_pretrained(WEIGHTS, extra_special_tokens=special)
    made.add_special_tokens({"additional_special_tokens": [*special.values()]})
    made.padding_side = "right"
    return made


def text(tokens: Any, **more: Any) -> dict[str, Any]:
    """A text model's configuration."""
    ids = {"pad_token_id": tokens.pad_token_id, "eos_token_id": tokens.eos_token_id}
    return TEXT | {"vocab_size": len(tokens), "bos_token_id": tokens.bos_token_id} | ids | more


def qwen3_vl() -> tuple[Any, Any]:
    tokens = tokenizer()
    ids = {f"{what}_token_id": tokens.convert_tokens_to_ids(f"<|{name}|>") for what, name in (
        ("image", "image_pad"), ("video", "video_pad"), ("vision_start", "vision_start"), ("vision_end", "vision_end")
    )}  # fmt: skip
    vision = {"depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "patch_size": 14,
              "out_hidden_size": 32, "deepstack_visual_indexes": [0], "num_position_embeddings": 16}  # fmt: skip
    config = transformers.Qwen3VLConfig(
        text_config=text(tokens, rope_parameters=ROPE), vision_config=vision, tie_word_embeddings=False, **ids
    )
    images = transformers.Qwen2VLImageProcessorPil(
        patch_size=14, merge_size=2, size={"shortest_edge": 784, "longest_edge": 1003520}
    )
    template = TURN.replace("IMAGE", "<|vision_start|><|image_pad|><|vision_end|>")
    return transformers.Qwen3VLForConditionalGeneration(config), saved("Qwen3VLProcessor", images, tokens, template, {})


def gemma3() -> tuple[Any, Any]:
    tokens = tokenizer(boi_token="<start_of_image>", eoi_token="<end_of_image>", image_token="<image_soft_token>")
    tokens.bos_token = "<|endoftext|>"
    tokens.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", tokens.bos_token_id)]
    )
    make: Any = transformers.Gemma3Config
    config = make(
        text_config=text(tokens, sliding_window=64), vision_config=VISION | {"vision_use_head": False},
        mm_tokens_per_image=4, image_token_id=tokens.image_token_id, boi_token_id=tokens.boi_token_id,
        eoi_token_id=tokens.eoi_token_id,
    )  # fmt: skip
    images = transformers.Gemma3ImageProcessorPil(size={"height": 56, "width": 56})
    template = "{{ bos_token }}" + TURN.replace("IMAGE", "<start_of_image>")
    processor = saved("Gemma3Processor", images, tokens, template, {"image_seq_length": 4})
    return transformers.Gemma3ForConditionalGeneration(config), processor


def idefics3() -> tuple[Any, Any]:
    marks = ["<fake_token_around_image>", "<image>", "<global-img>", "<end_of_utterance>"]
    tiles = [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)]
    tokens = tokenizer(**{f"mark_{number}": mark for number, mark in enumerate(marks + tiles)})
    make: Any = transformers.Idefics3Config
    config = make(
        text_config=text(tokens, model_type="llama"), vision_config=VISION, scale_factor=2, tie_word_embeddings=False,
        image_token_id=tokens.convert_tokens_to_ids("<image>"), pad_token_id=tokens.pad_token_id,
    )  # fmt: skip
    images = transformers.Idefics3ImageProcessorPil(size={"longest_edge": 112}, max_image_size={"longest_edge": 56})
    processor = saved("Idefics3Processor", images, tokens, TURN.replace("IMAGE", "<image>"), {"image_seq_len": 4})
    return transformers.Idefics3ForConditionalGeneration(config), processor


def saved(name: str, images: Any, tokens: Any, template: str, told: dict[str, Any]) -> Any:
    """Writes a processor's files into a folder; made of its parts, as some processors need torchvision to exist."""

    def save(folder: Path) -> None:
        import json

        tokens.chat_template = template
        tokens.save_pretrained(folder)
        images.save_pretrained(folder)
        (folder / "processor_config.json").write_text(json.dumps({"processor_class": name, **told}))

    return save


def write(make: Any, folder: Path) -> Path:
    """A family's checkpoint."""
    torch.manual_seed(3)
    model, save = make()
    tokens: Any = transformers.AutoTokenizer.from_pretrained(WEIGHTS)
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=tokens.eos_token_id, pad_token_id=tokens.pad_token_id
    )
    model.to(torch.float32).save_pretrained(folder)
    save(folder)
    return folder


FAMILIES = {"qwen3_vl": qwen3_vl, "gemma3": gemma3, "idefics3": idefics3}
