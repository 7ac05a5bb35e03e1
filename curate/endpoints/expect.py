"""What a fill would do, for `--dry-run`."""

from collections.abc import Iterable
from dataclasses import dataclass

from ovt.curate.endpoints.chat import ChatRequest, ImageBytes
from ovt.curate.endpoints.endpoint import Endpoint
from ovt.curate.endpoints.store import ReplyStore


@dataclass(frozen=True)
class Expected:
    """Replies `wanted`, already `answered`, the `calls` to send; tokens and US dollars are upper estimates."""

    wanted: int
    answered: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float


def expected(requests: Iterable[ChatRequest], endpoint: Endpoint, store: ReplyStore, images: ImageBytes) -> Expected:
    """What `fill` would send, without sending it."""
    raise NotImplementedError
