"""How many tokens a request may take at most: what budgets reserve and limits admit, before the server has counted."""

import io
from collections.abc import Iterable, Mapping
from typing import Any

from ovt.curate.endpoints.chat import ImageBytes, Message

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8
PATCH = 28  # pixels: Qwen2.5-VL makes one token of 28 × 28
UNREADABLE_IMAGE = 2048


def prompt_tokens(messages: Iterable[Message], images: ImageBytes, sizes: dict[str, int]) -> int:
    """An upper estimate: a token per 3 bytes of UTF-8 text and per 28 × 28 pixels of image.

    `sizes` remembers the tokens of images by id, so that each is opened once.
    """
    total = 0
    for message in messages:
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        total += TOKENS_PER_MESSAGE + sum(part_tokens(part, images, sizes) for part in parts)
    return total


def part_tokens(part: Mapping[str, Any], images: ImageBytes, sizes: dict[str, int]) -> int:
    """An upper estimate for one part of a message's content."""
    if part["type"] != "image":
        return -(-len(part["text"].encode("utf-8", "replace")) // BYTES_PER_TOKEN)
    image = part["image"]
    if image not in sizes:
        sizes[image] = image_tokens(images(image))
    return sizes[image]


def image_tokens(image: bytes) -> int:
    """Tokens of an image file, from the size in its header."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(image)) as opened:
            width, height = opened.size
    except OSError:
        return UNREADABLE_IMAGE
    return -(-width // PATCH) * -(-height // PATCH) + 2


def completion_bound(sampling: Mapping[str, Any]) -> int | None:
    """The most tokens one reply may have; None where the request sets no bound."""
    bounds = [sampling[name] for name in ("max_completion_tokens", "max_tokens") if sampling.get(name)]
    return min(bounds) if bounds else None
