"""Requests and tokens per minute, kept by pacing: the work is spread evenly, instead of a burst and then a wait."""

import asyncio
import time


class Pace:
    """Admits a cost of `per_minute` in any 60 s, one after the other; None means no limit.

    Each admission moves the moment of the next one by its share of the minute.
    """

    def __init__(self, per_minute: float | None) -> None:
        self.per_minute = per_minute
        self._free_at = 0.0
        self._turn = asyncio.Lock()

    def enter_loop(self) -> None:
        """To be called in each event loop that uses it, before anything is admitted."""
        self._turn = asyncio.Lock()

    async def admit(self, cost: float = 1.0) -> None:
        """Waits for its turn, in the order of asking."""
        if self.per_minute is None:
            return
        async with self._turn:
            # Sleeps are short because a refund can bring the moment forward.
            while (wait := self._free_at - time.monotonic()) > 0:  # noqa: ASYNC110 (time passes, no event)
                await asyncio.sleep(min(wait, 0.1))
            self._free_at = max(self._free_at, time.monotonic()) + cost * 60.0 / self.per_minute

    def refund(self, cost: float) -> None:
        """Gives back what was admitted beyond the real cost (negative: charges what was more)."""
        if self.per_minute is not None:
            self._free_at -= cost * 60.0 / self.per_minute
