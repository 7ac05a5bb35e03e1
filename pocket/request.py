"""Parses an OpenAI chat-completions request body into a prompt and sampling settings for the embedded engine."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from PIL import Image

from ovt.curate.endpoints.embedded import Row, check_room, control_tokens, make_random, read_messages, read_rows, refuse
from ovt.pocket.model import ImageProcessor
from ovt.train.decoding import Prompt


@dataclass(frozen=True)
class Asked:
    """A request, ready to run: its prompt, the settings of each of its replies, and their seeds."""

    prompt: Prompt
    rows: tuple[Row, ...]

    @property
    def length(self) -> int:
        return len(self.prompt.ids)

    @property
    def pictures(self) -> bool:
        return self.prompt.grids is not None


def make_prompt(processor: ImageProcessor, messages: list[dict[str, Any]], pictures: list[Image.Image]) -> Prompt:
    """Messages through the chat template and the processor."""
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    try:
        seen = processor(images=pictures or None, text=[text], return_tensors="pt")
    except ValueError as error:
        raise refuse(f"the image cannot be read: {str(error)[:120]}") from None
    return Prompt(seen["input_ids"][0].tolist(), seen.get("pixel_values"), seen.get("image_grid_thw"))


def read_request(body: Mapping[str, Any], processor: ImageProcessor, context: int) -> Asked:
    """Prompt and rows of a request body; CallError("refused") if it is invalid or does not fit `context`."""
    plain, pictures = read_messages(body.get("messages"), control_tokens(processor.tokenizer))
    prompt = make_prompt(processor, plain, pictures)
    seen = [] if prompt.patches is None else [prompt.patches.numpy().tobytes()]
    draw = partial(make_random, prompt.ids, seen)
    return Asked(prompt, read_rows(body, check_room(len(prompt.ids), context), draw))
