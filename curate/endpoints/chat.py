"""A model request, its reply, and the address under which the reply is stored.

>>> ChatRequest(messages=({"role": "user", "content": [{"type": "image", "image": "9f2c…"},
...                                                    {"type": "text", "text": "What is shown?"}]},),
...             sampling={"temperature": 0.7, "max_tokens": 256}, n=4)
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Literal

import pybase64

from ovt.core.hashing import canonical_json

Message = Mapping[str, Any]
ImageBytes = Callable[[str], bytes]


@dataclass(frozen=True)
class ChatRequest:
    """One prompt, requested `n` times (indexes 0 … n-1).

    messages   {"role", "content"}; content is text, or parts {"type": "text", "text"} and {"type": "image", "image":
               ID}, ID being what the `images` callable given to `fill` turns into bytes
    sampling   OpenAI's and vLLM's names: temperature, top_p, max_tokens, seed, …
    keep_thinking   whether the replies' thinking is wanted (a reasoner's is, a captioner's or a judge's is not)
    """

    messages: tuple[Message, ...]
    sampling: Mapping[str, Any] = field(default_factory=dict)
    n: int = 1
    keep_thinking: bool = True


# The kinds of reply. All but the first two are stored as failures: such an answer is not a reply of the model, and the
# next build asks again.
ReplyKind = Literal["answered", "truncated", "empty", "filtered", "refusal", "tool_calls", "failed"]

# How the errors of such answers begin, by kind; any other error is a call that failed ("failed").
FAILURES: dict[ReplyKind, str] = {
    "empty": "an empty reply",
    "filtered": "withheld by a content filter",
    "refusal": "the model refuses to answer",
    "tool_calls": "a tool call in place of a text",
}


@dataclass(frozen=True)
class Reply:
    """One reply of a model, or the reason why there is none (then `text` is None and `error` says why).

    Tokens and US dollars (None: no known price) are this reply's cost: its share of a call that
    answered several indexes, including a discarded empty try. `latency_s`: from the request's
    last byte to the answer's last byte, the time its server took.
    """

    text: str | None
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    latency_s: float = 0.0
    url: str = ""
    model: str = ""
    error: str | None = None


def kind_of(reply: Reply) -> ReplyKind:
    """The kind of a stored reply; also in older stores, which hold empty and filtered answers as replies."""
    if reply.error is not None:
        return next((kind for kind, begin in FAILURES.items() if reply.error.startswith(begin)), "failed")
    if reply.finish_reason == "length":
        return "truncated"
    if (reply.text or "").strip():
        return "answered"
    if reply.finish_reason == "content_filter":
        return "filtered"
    return "tool_calls" if reply.finish_reason == "tool_calls" else "empty"


def reply_keys(
    model: str,
    revision: str | None,
    messages: Sequence[Message],
    sampling: Mapping[str, Any],
    indexes: Iterable[int],
) -> list[str]:
    """The addresses of the replies at `indexes`: sha256 (hex) over everything that affects one, and nothing else."""
    shape = {"messages": list(messages), "model": model, "revision": revision, "sampling": spell(sampling)}
    common = hashlib.sha256(canonical_json(shape))
    keys = []
    for index in indexes:
        digest = common.copy()
        digest.update(b"#%d" % index)
        keys.append(digest.hexdigest())
    return keys


def spell(sampling: Mapping[str, Any]) -> dict[str, Any]:
    """Sampling parameters in canonical form: unset ones (None) left out, 1.0 written as 1."""
    return {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in sampling.items()
        if value is not None
    }


def request_body(
    model: str, messages: Iterable[Message], sampling: Mapping[str, Any], n: int, urls: Callable[[str], Any]
) -> dict[str, Any]:
    """The body of a chat-completions request; `urls` turns image ids into data URLs, so build it only to send it."""
    body = {"model": model, "messages": [with_data_urls(message, urls) for message in messages], **sampling}
    return {**body, "n": n} if n > 1 else body


def with_data_urls(message: Message, urls: Callable[[str], Any]) -> dict[str, Any]:
    """`message` as OpenAI-compatible servers read it."""
    content = message["content"]
    if isinstance(content, str):
        return dict(message)
    return {**message, "content": [image_url(part, urls) if part["type"] == "image" else part for part in content]}


def image_url(part: Mapping[str, Any], urls: Callable[[str], Any]) -> dict[str, Any]:
    """The part {"type": "image", "image": ID} with the image's bytes in it."""
    return {"type": "image_url", "image_url": {"url": urls(part["image"])}}


def with_detail(body: dict[str, Any], detail: str) -> dict[str, Any]:
    """A request's body with OpenAI's `detail` on each of its images."""
    for message in body["messages"]:
        for part in message["content"] if isinstance(message["content"], list) else ():
            if part["type"] == "image_url":
                part["image_url"]["detail"] = detail
    return body


@dataclass(frozen=True, slots=True)
class DataUrl:
    """A data URL that was made here, its content as the bytes that stand for it in JSON."""

    head: str
    content: bytes

    def __str__(self) -> str:
        return self.head + self.content.decode("ascii")


def data_url(image: bytes) -> DataUrl:
    """An image file's bytes as a data URL, its type read from its first bytes."""
    return DataUrl(f"data:{mime_type(image)};base64,", pybase64.b64encode(image))


def body_pieces(body: Mapping[str, Any]) -> list[bytes]:
    """A request's body as JSON, in pieces. Its data URLs are pieces of their own, unchanged: copying megabytes, and
    escaping what needs no escaping, took most of the time that a call with a large image costs."""
    contents: list[bytes] = []

    def set_aside(value: Any) -> str:
        if not isinstance(value, DataUrl):
            raise TypeError(f"a request holds a {type(value).__name__}, which JSON cannot hold")
        contents.append(value.content)
        return value.head + PLACE

    before, *after = json.dumps(body, default=set_aside).encode().split(PLACE.encode())
    if len(after) != len(contents):  # some text contains the mark
        return [json.dumps(body, default=str).encode()]
    return [before, *chain.from_iterable(zip(contents, after, strict=True))]


def mime_type(image: bytes) -> str:
    """The media type of an image file, from its signature; application/octet-stream if it is unknown."""
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for start, mime in SIGNATURES.items() if image.startswith(start)), "application/octet-stream")


PLACE = secrets.token_hex(16)
SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}
