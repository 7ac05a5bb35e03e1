"""Which of an endpoint's URLs takes the next call: the least loaded healthy one."""

import asyncio
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ovt.core.errors import CallError
from ovt.curate.endpoints.transport import Transport

STRIKES = 5  # consecutive failures after which a URL rests
LONGEST_REST_S = 60.0
PATIENCE_S = 120.0  # how long an endpoint that has worked may be unreachable before the build stops


@dataclass
class Url:
    """One URL and its health.

    width         concurrent calls allowed: halved on a 429, widened by each reply
    strikes       failures since its last reply
    rests         how often it has rested since its last reply
    rests_until   monotonic seconds; takes no calls before
    on_trial      has rested: one call at a time until a server answers
    silent_since  when it was first unreachable since it last answered anything
    reached, answered   whether it has ever answered anything; ever returned a reply
    """

    name: str
    transport: Transport
    width: float
    in_flight: int = 0
    sent: int = 0
    strikes: int = 0
    rests: int = 0
    rests_until: float = -math.inf
    on_trial: bool = False
    narrowed_at: float = -math.inf
    silent_since: float | None = None
    reached: bool = False
    answered: bool = False


class Urls:
    """The URLs of one endpoint: load balancing, circuit breaker, and a width that follows the server's 429s."""

    def __init__(self, urls: Iterable[tuple[str, Transport]], max_concurrency: int) -> None:
        self.max_concurrency = max_concurrency
        self.all = [Url(name, transport, float(max_concurrency)) for name, transport in urls]
        self.patience_s = PATIENCE_S

    @property
    def slots(self) -> int:
        """Concurrent calls allowed over all URLs."""
        return self.max_concurrency * len(self.all)

    async def take(self) -> Url:
        """The URL for the next call, counted in its load until `give_back`; waits while all are busy or resting."""
        # Waiting only happens under a server's limits or failures, so polling costs nothing.
        while (url := self._free()) is None:  # noqa: ASYNC110 (rests end by the clock)
            await asyncio.sleep(0.02)
        url.in_flight += 1
        url.sent += 1
        return url

    def give_back(self, url: Url) -> None:
        url.in_flight -= 1

    def succeeded(self, url: Url) -> None:
        """A reply came: the URL is healthy, and widens a little if it had been narrowed."""
        url.reached = url.answered = True
        url.silent_since = None
        self._is_well(url)
        url.width = min(float(self.max_concurrency), url.width + 1.0 / url.width)

    def failed(self, url: Url, error: CallError) -> None:
        """A call failed: decides whether, and for how long, the URL rests."""
        now = time.monotonic()
        if error.kind == "unreachable":
            url.silent_since = now if url.silent_since is None else url.silent_since
            self._rest(url, now)
            return
        url.reached, url.silent_since = True, None
        if error.kind == "limited":
            self._narrow(url, now)
            url.rests_until = max(url.rests_until, now + (error.retry_after or 0.0))
        elif error.kind == "broken":
            url.strikes += 1
            # The last working URL does not rest: each request's own backoff is enough.
            if url.strikes >= STRIKES and any(other.rests_until <= now for other in self.all if other is not url):
                self._rest(url, now)
        else:
            self._is_well(url)

    def out_of_reach(self) -> bool:
        """Whether the endpoint is lost: no URL was ever reached, or none for `patience_s`."""
        now = time.monotonic()
        silences = [url.silent_since for url in self.all if url.silent_since is not None]
        if len(silences) < len(self.all):
            return False
        return not any(url.reached for url in self.all) or now - max(silences) > self.patience_s

    def _free(self) -> Url | None:
        now = time.monotonic()
        rooms = [(url, 1 if url.on_trial else max(1, int(url.width))) for url in self.all if url.rests_until <= now]
        free = [url for url, room in rooms if url.in_flight < room]
        return min(free, key=lambda url: (url.in_flight, url.sent), default=None)

    def _rest(self, url: Url, now: float) -> None:
        # Calls in flight when the rest began fail too, and carry no new information.
        if url.rests_until <= now:
            url.rests += 1
            url.rests_until, url.on_trial = now + rest_s(url.rests), True

    def _is_well(self, url: Url) -> None:
        url.strikes, url.rests, url.on_trial = 0, 0, False

    def _narrow(self, url: Url, now: float) -> None:
        # A burst of 429s counts once, not once per call.
        if now - url.narrowed_at > 1.0:
            url.width = max(1.0, min(url.width, url.in_flight) / 2)
            url.narrowed_at = now


def rest_s(times: int) -> float:
    """Duration in seconds of the rest number `times` in a row: 1, 2, 4, …"""
    return min(LONGEST_REST_S, 2.0 ** (times - 1))
