"""Parses an OpenAI chat-completions request body into a prompt and sampling settings for the embedded engine.

What a server would answer with a 400 raises CallError("refused", reason): a failed request, not a failed build.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ovt.core.errors import CallError
from ovt.core.images import open_image
from ovt.pocket.model import ImageProcessor, Prompt, Row

MAX_TOKENS = 1024  # if the request sets no limit


@dataclass(frozen=True)
class Asked:
    """A request, ready to run: its prompt, the settings of each of its replies, and their seeds."""

    prompt: Prompt
    rows: tuple[Row, ...]


def refuse(reason: str) -> CallError:
    return CallError("refused", reason)


def read_number(body: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    """A number from the body, within its bounds; None and absent mean the default."""
    value = body.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise refuse(f"{name} is {value!r:.60}: expected a number from {low:g} to {high:g}")
    return value


def read_image(part: Mapping[str, Any]) -> Image.Image:
    """The picture in an image_url part, which must be a data: URL, in RGB."""
    reference = part.get("image_url")
    url = reference.get("url") if isinstance(reference, Mapping) else reference
    if not isinstance(url, str) or not url.startswith("data:") or ";base64," not in url[:100]:
        raise refuse("the embedded model reads images from base64 data: URLs only")
    try:
        picture = open_image(base64.b64decode(url.split(",", 1)[1], validate=True))
        return picture.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise refuse(f"unreadable image: {str(error)[:120]}") from None


def read_messages(messages: Any, special: Sequence[str]) -> tuple[list[dict[str, Any]], list[Image.Image]]:
    """The messages in the chat template's format, and their pictures in order. Control tokens in texts are broken
    up, so that no text can imitate a picture or another speaker."""
    if not isinstance(messages, list) or not messages:
        raise refuse("messages is empty: expected a list of chat messages")
    plain, pictures = [], []
    for message in messages:
        if not isinstance(message, Mapping) or not isinstance(message.get("role"), str):
            raise refuse("a message has no role: expected {role, content}")
        content = message.get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(parts, list):
            raise refuse(f"content is a {type(content).__name__}: expected text or a list of parts")
        taken = []
        for part in parts:
            kind = part.get("type") if isinstance(part, Mapping) else None
            if kind == "text" and isinstance(part.get("text"), str):
                taken.append({"type": "text", "text": defuse(part["text"], special)})
            elif kind == "image_url":
                pictures.append(read_image(part))
                taken.append({"type": "image"})
            else:
                raise refuse(f"a message part has the type {kind!r:.40}: expected text or image_url")
        plain.append({"role": message["role"], "content": taken})
    return plain, pictures


def control_tokens(processor: ImageProcessor) -> list[str]:
    """The texts that the tokenizer parses as control tokens."""
    added: Any = processor.tokenizer
    return [token.content for token in added.added_tokens_decoder.values() if token.special]


def defuse(text: str, special: Sequence[str]) -> str:
    """The text with a space inside each control token."""
    for token in special:
        text = text.replace(token, f"{token[:1]} {token[1:]}")
    return text.encode("utf-8", "replace").decode()


def make_prompt(processor: ImageProcessor, messages: list[dict[str, Any]], pictures: list[Image.Image]) -> Prompt:
    """Messages through the chat template and the processor."""
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    try:
        seen = processor(images=pictures or None, text=[text], return_tensors="pt")
    except ValueError as error:
        raise refuse(f"the image cannot be read: {str(error)[:120]}") from None
    return Prompt(seen["input_ids"][0].tolist(), seen.get("pixel_values"), seen.get("image_grid_thw"))


def make_random(prompt: Prompt, seed: int | None, index: int) -> np.random.Generator:
    """The random numbers of one reply, from its prompt and seed + index, as vLLM counts; new ones without a seed."""
    if seed is None:
        return np.random.default_rng()
    digest = hashlib.sha256(repr((seed + index, prompt.ids)).encode())
    if prompt.patches is not None:
        digest.update(prompt.patches.numpy().tobytes())
    return np.random.default_rng(int.from_bytes(digest.digest()[:16]))


def read_request(body: Mapping[str, Any], processor: ImageProcessor, context: int) -> Asked:
    """Prompt and rows of a request body; CallError("refused") if it is invalid or does not fit `context`."""
    plain, pictures = read_messages(body.get("messages"), control_tokens(processor))
    prompt = make_prompt(processor, plain, pictures)
    if len(prompt.ids) >= context:
        raise refuse(f"the prompt has {len(prompt.ids)} tokens and the model reads at most {context}")
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    wanted = int(read_number({"max_tokens": limit}, "max_tokens", MAX_TOKENS, 1, 1e9))
    stop = body.get("stop") or ()
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    if not all(isinstance(text, str) and text for text in stops):
        raise refuse("stop is not text: expected a string or a list of strings")
    seed = body.get("seed")
    if seed is not None and not isinstance(seed, int):
        raise refuse(f"seed is {seed!r:.40}: expected a whole number")
    rows = tuple(
        Row(
            prompt=0,
            random=make_random(prompt, seed, index),
            temperature=read_number(body, "temperature", 1.0, 0, 100),
            top_p=read_number(body, "top_p", 1.0, 1e-6, 1),
            top_k=int(read_number(body, "top_k", 0, -1, 1e9)),
            max_tokens=min(wanted, context - len(prompt.ids)),
            stops=stops,
        )
        for index in range(int(read_number(body, "n", 1, 1, 512)))
    )
    return Asked(prompt, rows)
