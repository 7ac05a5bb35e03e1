"""`--max-usd` and `--max-tokens`: the worst case is reserved before a request is sent, and settled when it is over."""

import asyncio
from dataclasses import dataclass

from ovt.core.errors import BudgetReached


@dataclass(frozen=True)
class Spending:
    """US dollars and tokens (prompt and completion together)."""

    usd: float = 0.0
    tokens: int = 0


class Budget:
    """What this run may spend; `Budget()` has no limits. `spent_usd` and `spent_tokens` only ever grow.

    What is spent never passes a limit as long as no request costs more than was reserved for it.
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
        """Whether `worst` can still be spent, should all that is reserved be spent too."""
        usd = self.spent_usd + self._held_usd + worst.usd
        tokens = self.spent_tokens + self._held_tokens + worst.tokens
        return (self.max_usd is None or usd <= self.max_usd) and (self.max_tokens is None or tokens <= self.max_tokens)

    async def reserve(self, worst: Spending) -> None:
        """Sets `worst` aside, waiting for others to settle where it does not fit; BudgetReached when none is left."""
        while not self.fits(worst):
            if not self._holders:
                raise BudgetReached(self._reached(worst))
            await asyncio.sleep(0.005)
        self._holders += 1
        self._held_usd += worst.usd
        self._held_tokens += worst.tokens

    def settle(self, worst: Spending, real: Spending) -> None:
        """Ends the reservation of `worst`: `real` is what it came to."""
        self._holders -= 1
        self._held_usd = self._held_usd - worst.usd if self._holders else 0.0
        self._held_tokens -= worst.tokens
        self.spent_usd += real.usd
        self.spent_tokens += real.tokens

    def _reached(self, worst: Spending) -> str:
        if self.max_usd is not None and self.spent_usd + worst.usd > self.max_usd:
            spent = f"${self.spent_usd:.4f} of ${self.max_usd:g} spent, and the next request may cost ${worst.usd:.4f}"
            return f"budget reached: {spent}; every reply is kept, go on with a larger --max-usd"
        spent = f"{self.spent_tokens} of {self.max_tokens} tokens used, and the next request may take {worst.tokens}"
        return f"budget reached: {spent}; every reply is kept, go on with a larger --max-tokens"
