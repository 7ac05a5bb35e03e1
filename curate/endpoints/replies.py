"""Parses the body of a chat-completions response into replies. Nothing in it is trusted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ovt.core.errors import CallError
from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.secrets import scrub
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.transport import error_message


@dataclass(frozen=True)
class Usage:
    """Tokens of one call, as counted by the server."""

    prompt_tokens: int
    completion_tokens: int


def read_replies(
    response: Mapping[str, Any], wanted: int, section: EndpointSection, url: str = "", latency_s: float = 0.0
) -> list[Reply]:
    """The first `wanted` choices of a response, by index, with its usage divided among them.

    CallError ("broken") if it has no readable choice.
    """
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices:
        raise CallError("broken", "the answer has no choices", billed=True)
    if not all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices):
        raise CallError("broken", "the answer has a choice without a message", billed=True)
    if broken := next((choice for choice in choices if broke_off(choice)), None):
        # Routers forward the partial output of a server that failed: it is not a reply of the model.
        said = error_message(json.dumps({"error": broken.get("error") or "no reason given"}))
        raise CallError("broken", f"broken off by the server: {scrub(said, None)}", billed=True)
    choices = sorted(choices, key=lambda choice: whole(choice.get("index")))[:wanted]
    finishes = [plain(choice.get("finish_reason")) for choice in choices]
    texts = [read_text(choice["message"], finish) for choice, finish in zip(choices, finishes, strict=True)]
    usage = read_usage(response)
    counted = usage or Usage(0, 0)
    model = plain(response.get("model")) or section.model
    shares = zip(
        texts,
        finishes,
        share(counted.prompt_tokens, [1] * len(texts)),
        share(counted.completion_tokens, [len(text) + 1 for text in texts]),
        strict=True,
    )
    return [
        Reply(text, finish, prompt, completion, price(usage, prompt, completion, section), latency_s, url, model)
        for text, finish, prompt, completion in shares
    ]


def broke_off(choice: Mapping[str, Any]) -> bool:
    """Whether a choice says that its server failed before it was complete."""
    return bool(choice.get("error")) or choice.get("finish_reason") == "error"


def price(usage: Usage | None, prompt_tokens: int, completion_tokens: int, section: EndpointSection) -> float | None:
    """The price of so many tokens, in US dollars; None if unknown, such as when the server counted nothing."""
    uncounted = usage is None and section.cost_usd(1, 1)
    return None if uncounted else section.cost_usd(prompt_tokens, completion_tokens)


def read_usage(response: Mapping[str, Any]) -> Usage | None:
    """The token counts of a response; None if they are missing or invalid."""
    usage = response.get("usage")
    counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")] if isinstance(usage, dict) else [None]
    return Usage(*map(whole, counts)) if all(map(is_count, counts)) else None


def read_text(message: Mapping[str, Any], finish_reason: str | None) -> str:
    """The text of a choice's message; thinking that a server moved out of it is put back in front.

    A chain that was cut off while thinking gets no closing tag, since the model wrote none.
    """
    content = joined(message.get("content")) or joined(message.get("refusal"))
    thinking = joined(message.get("reasoning_content")) or joined(message.get("reasoning"))
    if not thinking or content.lstrip().startswith("<think>"):
        return content
    if not content and finish_reason == "length":
        return f"<think>{thinking}"
    return f"<think>{thinking}</think>{content}"


def joined(content: Any) -> str:
    """The text of a content that may be a string, a list of parts, or null."""
    if isinstance(content, list):
        return "".join(joined(part.get("text")) for part in content if isinstance(part, dict))
    return plain(content) or ""


def plain(text: Any) -> str | None:
    """`text` if it is a string, with lone surrogates replaced: neither SQLite nor Parquet can store them."""
    if not isinstance(text, str):
        return None
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if has_surrogates(text) else text


def has_surrogates(text: str) -> bool:
    """Whether `text` holds code points that UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def is_count(number: Any) -> bool:
    """Whether `number` is a non-negative integer of plausible size."""
    return type(number) is int and 0 <= number < 2**53


def whole(number: Any) -> int:
    """`number` if it is a valid count, else 0."""
    return number if is_count(number) else 0


def share(total: int, weights: list[int]) -> list[int]:
    """`total` split in proportion to `weights`; the shares add up to it."""
    marks, so_far, whole_weight = [0], 0, sum(weights)
    for weight in weights:
        so_far += weight
        marks.append(total * so_far // whole_weight)
    return [after - before for before, after in pairwise(marks)]
