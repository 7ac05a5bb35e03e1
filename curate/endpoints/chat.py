"""What is asked of a model, what it answers, and the address under which the answer is kept.

>>> ChatRequest(messages=({"role": "user", "content": [{"type": "image", "image": "9f2c…"},
...                                                    {"type": "text", "text": "What is shown?"}]},),
...             sampling={"temperature": 0.7, "max_tokens": 256}, n=4)
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Message = Mapping[str, Any]
ImageBytes = Callable[[str], bytes]


@dataclass(frozen=True)
class ChatRequest:
    """One prompt, wanted `n` times (indexes 0 … n-1).

    messages   {"role", "content"}; content is text, or parts {"type": "text", "text"} and {"type": "image", "image": ID},
               ID being what the `image_bytes` callable given to `fill` understands
    sampling   OpenAI's and vLLM's names: temperature, top_p, max_tokens, seed, …
    """

    messages: tuple[Message, ...]
    sampling: Mapping[str, Any] = field(default_factory=dict)
    n: int = 1


@dataclass(frozen=True)
class Reply:
    """One answer of a model, or the reason why there is none (then `text` is None and `error` says why).

    Tokens and US dollars are what was spent to get this one reply: its share of a call that answered several indexes,
    a discarded empty try included. `latency_s` is the seconds the answering call took.
    """

    text: str | None
    finish_reason: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    latency_s: float = 0.0
    url: str = ""
    model: str = ""
    error: str | None = None


def reply_key(
    model: str, revision: str | None, messages: Sequence[Message], sampling: Mapping[str, Any], index: int
) -> str:
    """The address of reply number `index`: sha256 (hex) over everything that shapes it, and nothing else."""
    return reply_keys(model, revision, messages, sampling, (index,))[0]


def reply_keys(
    model: str,
    revision: str | None,
    messages: Sequence[Message],
    sampling: Mapping[str, Any],
    indexes: Sequence[int],
) -> list[str]:
    """`reply_key` for each of `indexes`, at the price of reading the messages once."""
    shape = canonical_json({"messages": list(messages), "model": model, "revision": revision, "sampling": sampling})
    common = hashlib.sha256(shape)
    keys = []
    for index in indexes:
        digest = common.copy()
        digest.update(b"#%d" % index)
        keys.append(digest.hexdigest())
    return keys


def canonical_json(value: Any) -> bytes:
    """The one spelling of `value` in JSON: sorted keys, no spaces, UTF-8; NaN and infinities are refused."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=dict
    ).encode("utf-8", "surrogatepass")
