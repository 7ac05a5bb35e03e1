"""An OpenAI chat-completions request, read for a model in this process, and the response in OpenAI's format.

What a server would answer with a 400 raises CallError("refused", reason): a failed request, not a failed build.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from PIL import Image

from ovt.core.errors import CallError
from ovt.core.images import open_image
from ovt.curate.endpoints.budget import completion_bound

MAX_TOKENS = 1024  # if the request sets no limit
SEAM = 8  # characters at the beginning of a part of a text that may be decoded otherwise than within the whole
# What an embedded model reads of a body.
KEYS = {
    "model", "messages", "n", "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop", "seed",
}  # fmt: skip


@dataclass
class Row:
    """One reply in progress.

    prompt: its index in the batch. stops: texts that end it. finish: stop | length, once it has ended; end: the token
    that ended it, which is not among its ids.
    """

    prompt: int
    random: np.random.Generator
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    max_tokens: int = 1024
    stops: tuple[str, ...] = ()
    ids: list[int] = field(default_factory=list)
    finish: str | None = None
    end: int | None = None


def advance(row: Row, token: int, ends: frozenset[int], decode: Callable[[list[int]], str]) -> None:
    """Append a row's next token, and end the row if it is finished. ends: the tokens that end a reply."""
    if token in ends:
        row.finish, row.end = "stop", token
        return
    row.ids.append(token)
    if row.stops and has_stopped(row, decode):
        row.finish = "stop"
    elif len(row.ids) >= row.max_tokens:
        row.finish = "length"


def has_stopped(row: Row, decode: Callable[[list[int]], str]) -> bool:
    """Whether the text ends a row. Only its end is looked at first: decoding all of it at each token would take time in
    the square of its length."""
    least = max(map(len, row.stops)) + SEAM
    count = least
    while count < len(row.ids) and len(decode(row.ids[-count:-1])) < least:  # some tokens have no text
        count *= 2
    end = decode(row.ids[-count:])
    return any(stop in end for stop in row.stops) and any(stop in decode(row.ids) for stop in row.stops)


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


def control_tokens(tokenizer: Any) -> list[str]:
    """The texts that a tokenizer parses as control tokens."""
    return [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]


def defuse(text: str, special: Sequence[str]) -> str:
    """The text with a space inside each control token."""
    for token in special:
        text = text.replace(token, f"{token[:1]} {token[1:]}")
    return text.encode("utf-8", "replace").decode()


def read_rows(
    body: Mapping[str, Any], room: int, draw: Callable[[int | None, int], np.random.Generator]
) -> tuple[Row, ...]:
    """A row for each reply that a body asks for; CallError("refused") if it asks for what would be ignored.

    room   the tokens that the model's context leaves for a reply
    draw   the random numbers of a reply, from the request's seed and the reply's index
    """
    if unknown := [name for name, value in body.items() if value is not None and name not in KEYS]:
        raise refuse(f"an embedded model does not read {unknown[0]:.60}: leave it out, or use a server")
    wanted = int(read_number({"max_tokens": completion_bound(body)}, "max_tokens", MAX_TOKENS, 1, 1e9))
    stop = body.get("stop") or ()
    stops = (stop,) if isinstance(stop, str) else tuple(stop)
    if not all(isinstance(text, str) and text for text in stops):
        raise refuse("stop is not text: expected a string or a list of strings")
    seed = body.get("seed")
    if seed is not None and not isinstance(seed, int):
        raise refuse(f"seed is {seed!r:.40}: expected a whole number")
    return tuple(
        Row(
            prompt=0,
            random=draw(seed, index),
            temperature=read_number(body, "temperature", 1.0, 0, 100),
            top_p=read_number(body, "top_p", 1.0, 1e-6, 1),
            top_k=int(read_number(body, "top_k", 0, -1, 1e9)),
            max_tokens=min(wanted, room),
            stops=stops,
        )
        for index in range(int(read_number(body, "n", 1, 1, 512)))
    )


def make_random(ids: list[int], pictures: Sequence[bytes], seed: int | None, index: int) -> np.random.Generator:
    """The random numbers of one reply, from its prompt and seed + index, as vLLM counts; fresh ones without a seed."""
    if seed is None:
        return np.random.default_rng()
    digest = hashlib.sha256(repr((seed + index, ids)).encode())
    for picture in pictures:
        digest.update(picture)
    return np.random.default_rng(int.from_bytes(digest.digest()[:16]))


def check_room(tokens: int, context: int) -> int:
    """The tokens that a prompt leaves for a reply; CallError("refused") if there are none."""
    if tokens >= context:
        raise refuse(f"the prompt has {tokens} tokens and the model reads at most {context}")
    return context - tokens


def response(model: str, rows: Sequence[Row], read: int, decode: Callable[[list[int]], str]) -> dict[str, Any]:
    """The body of the response. read: tokens of the prompt."""
    choices = [
        {
            "index": index,
            "message": {"role": "assistant", "content": cut(decode(row.ids), row.stops)},
            "finish_reason": row.finish,
        }
        for index, row in enumerate(rows)
    ]
    written = sum(len(row.ids) for row in rows)
    usage = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    return {"object": "chat.completion", "model": model, "choices": choices, "usage": usage}


def cut(text: str, stops: Sequence[str]) -> str:
    """The text up to the first of the stop strings."""
    return text[: min((text.index(stop) for stop in stops if stop in text), default=len(text))]
