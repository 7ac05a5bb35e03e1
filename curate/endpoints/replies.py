"""Parses the body of a chat-completions response into replies. Nothing in it is trusted."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ovt.core.errors import CallError
from ovt.core.text import without_surrogates
from ovt.curate.endpoints.chat import FAILURES, Reply, ReplyKind
from ovt.curate.endpoints.meanings import error_message
from ovt.curate.endpoints.secrets import scrub, without_key
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.thinking import answer_alone, joined, rejoined, split_message

# Finish reasons of a reply that reached its limit, or the context's.
CUT = ("length", "max_tokens", "MAX_TOKENS", "model_context_window_exceeded")
FILTERED = {"content_filter", "safety", "recitation", "prohibited_content", "blocklist", "spii", "sensitive",
            "image_safety", "guardrail_intervened", "refusal"}  # fmt: skip
# The same for one that its server broke off: routers; vLLM; Z.ai; DeepSeek.
BROKEN = ("error", "abort", "aborted", "cancelled", "network_error", "insufficient_system_resource")
TOOLS = {"tool_calls", "function_call", "tool_use"}


@dataclass(frozen=True)
class Usage:
    """Tokens of one call, as counted by the server; thinking is part of the completion."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True)
class Heard:
    """How a response came: from where, after how long, whether its thinking is wanted, and what it must not hold."""

    url: str = ""
    latency_s: float = 0.0
    keep_thinking: bool = True
    secrets: tuple[str, ...] = ()


def read_replies(
    response: Mapping[str, Any], wanted: int, section: EndpointSection, heard: Heard = Heard()
) -> list[Reply]:
    """The first `wanted` choices of a response, by index, with its usage divided among them; those that are not a reply
    of the model (`chat.FAILURES`) have an `error` in place of a text.

    CallError ("broken") if it has no readable choice.
    """
    choices = readable_choices(response)[:wanted]
    usage = read_usage(response)
    counted = usage or Usage(0, 0)
    model = plain(response.get("model")) or section.model
    ends = [finish_reason(choice) for choice in choices]
    texts = [
        without_key(read_text(choice, end, heard.keep_thinking), heard.secrets)
        for choice, end in zip(choices, ends, strict=True)
    ]
    shares = zip(
        choices,
        ends,
        texts,
        share(counted.prompt_tokens, [1] * len(texts)),
        share(counted.completion_tokens, [len(text) + 1 for text in texts]),
        strict=True,
    )
    replies = []
    for choice, end, text, prompt, completion in shares:
        error = why_no_reply(choice, end or "", text)
        cost = price(usage, prompt, completion, section)
        said = (None if error else text, end)
        replies.append(Reply(*said, prompt, completion, cost, heard.latency_s, heard.url, model, error))
    return replies


def readable_choices(response: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The choices of a response, by index; CallError if there are none, or if the server broke one off."""
    choices = response.get("choices")
    if not isinstance(choices, list) or not choices:
        raise CallError("broken", "the answer has no choices", billed=True)
    if not all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices):
        raise CallError("broken", "the answer has a choice without a message", billed=True)
    if broken := next((choice for choice in choices if broke_off(choice)), None):
        # Routers forward the partial output of a server that failed: it is not a reply of the model.
        said = error_message(json.dumps({"error": broken.get("error") or "no reason given"}))
        raise CallError("broken", f"broken off by the server: {scrub(said)}", billed=True)
    return sorted(choices, key=lambda choice: whole(choice.get("index")))


def why_no_reply(choice: Mapping[str, Any], finish: str, text: str) -> str | None:
    """The error to store in place of a choice's text; None for a reply of the model, cut off or not."""
    message = choice["message"]
    if finish.lower() in FILTERED:
        return failure("filtered", f"finish_reason {finish}")
    if refusal := joined(message.get("refusal")).strip():
        return failure("refusal", refusal)
    if text.strip() or finish == "length":
        return None
    if message.get("tool_calls") or message.get("function_call") or finish in TOOLS:
        return failure("tool_calls")
    return failure("empty")


def failure(kind: ReplyKind, detail: str = "") -> str:
    """A failure of a kind, as stored: `chat.kind_of` reads the kind back."""
    return scrub(f"{FAILURES[kind]}: {detail}" if detail else FAILURES[kind])


def broke_off(choice: Mapping[str, Any]) -> bool:
    """Whether a choice says that its server failed before it was complete."""
    return bool(choice.get("error")) or choice.get("finish_reason") in BROKEN


def price(usage: Usage | None, prompt_tokens: int, completion_tokens: int, section: EndpointSection) -> float | None:
    """The price of these tokens, in US dollars; None if unknown, such as when the server counted nothing."""
    uncounted = usage is None and section.cost_usd(1, 1)
    return None if uncounted else section.cost_usd(prompt_tokens, completion_tokens)


def read_usage(response: Mapping[str, Any]) -> Usage | None:
    """The token counts of a response; None if they are missing or invalid.

    Some servers count thinking only in the total (Gemini), or beside the completion (xAI): the larger number counts.
    """
    usage = response.get("usage")
    if not isinstance(usage, dict):
        return None
    prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
    completion = usage.get("completion_tokens", usage.get("output_tokens"))
    if not is_count(prompt) or not is_count(completion):
        return None
    return Usage(prompt, max(completion, whole(usage.get("total_tokens")) - prompt))


def read_text(choice: Mapping[str, Any], finish: str | None, keep_thinking: bool = True) -> str:
    """The text of a choice: the content with its thinking put back in front, or the content alone."""
    thinking, content = split_message(choice["message"])
    cut_off = finish == "length"
    return rejoined(thinking, content, cut_off) if keep_thinking else answer_alone(content, cut_off)


def finish_reason(choice: Mapping[str, Any]) -> str | None:
    """Why a choice ended, "length" whatever its server calls that."""
    finish = plain(choice.get("finish_reason"))
    return "length" if finish in CUT else finish


def plain(text: Any) -> str | None:
    """`text` if it is a string that can be stored."""
    return without_surrogates(text) if isinstance(text, str) else None


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
