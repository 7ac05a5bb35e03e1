"""`--max-usd` and `--max-tokens`: the worst case is reserved before a request is sent, and settled afterwards.

The upper bound of a request is also estimated here, since the server counts only afterwards.
"""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ovt.core.errors import BudgetReached
from ovt.curate.endpoints.chat import ImageBytes, Message

BYTES_PER_TOKEN = 3
TOKENS_PER_MESSAGE = 8
PATCH = 28  # pixels: Qwen2.5-VL makes one token of 28 × 28
UNREADABLE_IMAGE = 2048


@dataclass(frozen=True)
class Spending:
    """US dollars and tokens (prompt and completion together)."""

    usd: float = 0.0
    tokens: int = 0


class Budget:
    """What this run may spend; `Budget()` has no limits. `spent_usd` and `spent_tokens` only ever grow.

    Spending never exceeds a limit as long as no request costs more than was reserved for it.
    """

    def __init__(self, max_usd: float | None = None, max_tokens: int | None = None) -> None:
        self.max_usd = max_usd
        self.max_tokens = max_tokens
        self.spent_usd = 0.0
        self.spent_tokens = 0
        self._held_usd = 0.0
        self._held_tokens = 0
        self._holders = 0

    @property
    def limited(self) -> bool:
        return self.max_usd is not None or self.max_tokens is not None

    def fits(self, worst: Spending) -> bool:
        """Whether `worst` can still be spent if everything reserved is spent too."""
        usd = self.spent_usd + self._held_usd + worst.usd
        tokens = self.spent_tokens + self._held_tokens + worst.tokens
        return (self.max_usd is None or usd <= self.max_usd) and (self.max_tokens is None or tokens <= self.max_tokens)

    async def reserve(self, worst: Spending) -> None:
        """Reserves `worst`, waiting for others to settle if it does not fit; BudgetReached if none is in flight."""
        while not self.fits(worst):
            if not self._holders:
                raise BudgetReached(self._reached(worst))
            await asyncio.sleep(0.005)
        self._holders += 1
        self._held_usd += worst.usd
        self._held_tokens += worst.tokens

    def settle(self, worst: Spending, real: Spending) -> None:
        """Ends the reservation of `worst`: `real` was spent."""
        self._holders -= 1
        self._held_usd = self._held_usd - worst.usd if self._holders else 0.0
        self._held_tokens -= worst.tokens
        self.spend(real)

    def spend(self, real: Spending) -> None:
        """Counts what was spent without a reservation: a batch of an earlier run."""
        self.spent_usd += real.usd
        self.spent_tokens += real.tokens

    def _reached(self, worst: Spending) -> str:
        if self.max_usd is not None and self.spent_usd + worst.usd > self.max_usd:
            spent = f"${self.spent_usd:.4f} of ${self.max_usd:g} spent, and the next request may cost ${worst.usd:.4f}"
            return f"budget reached: {spent}; every reply is kept, resume with a larger --max-usd"
        spent = f"{self.spent_tokens} of {self.max_tokens} tokens used, and the next request may take {worst.tokens}"
        return f"budget reached: {spent}; every reply is kept, resume with a larger --max-tokens"


def prompt_tokens(messages: Iterable[Message], images: ImageBytes, sizes: dict[str, int]) -> int:
    """An upper estimate: one token per 3 bytes of UTF-8 text and per 28 × 28 pixels of image.

    `sizes` caches the tokens of images by id, so that each is opened once.
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
    from ovt.core.images import open_image

    try:
        with open_image(image) as opened:
            width, height = opened.size
    except (OSError, ValueError, SyntaxError):
        return UNREADABLE_IMAGE
    return -(-width // PATCH) * -(-height // PATCH) + 2


def completion_bound(sampling: Mapping[str, Any]) -> int | None:
    """The most tokens one reply may have; None if the request sets no bound."""
    return sampling.get("max_completion_tokens") or sampling.get("max_tokens") or None
