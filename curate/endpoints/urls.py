"""Which of an endpoint's URLs takes the next call: the one that had the same image, or the least loaded healthy one."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from ovt.core.errors import CallError
from ovt.core.text import duration
from ovt.curate.endpoints.meanings import TIMED_OUT
from ovt.curate.endpoints.transport import Transport
from ovt.curate.endpoints.width import Width

STRIKES = 5  # consecutive failures after which a URL rests
FEW_STRIKES = 3  # of the kind that waiting cures
LONGEST_REST_S = 60.0
ASIDE_S = 300.0  # for a URL that needs somebody to act, while others work
PATIENCE_S = 120.0  # how long an endpoint that has worked may be away before the build stops
LONGEST_WAIT_S = 900.0  # the longest that a server may ask us to wait, or may refuse everything as too much


@dataclass
class Url:
    """One URL and its health; moments are monotonic seconds.

    width         concurrent calls allowed
    strikes       failures since its last reply; refusals: 429s since then, the first at `limited_since`
    rests         how often it has rested since its last reply
    rests_until   takes no calls before this moment
    on_trial      has rested: one call at a time until a server answers
    silent_since  when its server was first found away since its last answer of any kind
    reached, answered   whether it has ever answered anything; ever returned a reply
    aside         why it is set aside, until it answers again
    """

    name: str
    transport: Transport
    width: Width
    in_flight: int = 0
    sent: int = 0
    strikes: int = 0
    refusals: int = 0
    limited_since: float | None = None
    rests: int = 0
    rests_until: float = -math.inf
    on_trial: bool = False
    silent_since: float | None = None
    reached: bool = False
    answered: bool = False
    aside: str = ""

    @property
    def room(self) -> int:
        """How many calls it may have under way."""
        return 1 if self.on_trial else max(1, int(self.width.now))


class Urls:
    """The URLs of one endpoint: load balancing, circuit breaker, and widths that follow what the servers take.

    told: messages to users about URLs that were set aside.
    """

    def __init__(self, urls: Iterable[tuple[str, Transport]], max_concurrency: int, steady: bool = False) -> None:
        self.max_concurrency = max_concurrency
        self.all = [Url(name, transport, Width(max_concurrency, steady)) for name, transport in urls]
        self.patience_s = PATIENCE_S
        self.told: list[str] = []
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def slots(self) -> int:
        """Concurrent calls allowed over all URLs."""
        return self.max_concurrency * len(self.all)

    @property
    def width(self) -> int:
        """Concurrent calls that the URLs are given now."""
        return sum(url.room for url in self.all)

    def waits_for(self) -> str:
        """What the next reply waits for, to be shown: "waiting for http://127.0.0.1:8000/v1 to answer"."""
        names = [url.name for url in self.all if url.in_flight]
        resting = [url for url in self.all if url.rests_until > time.monotonic()]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        if names or len(resting) < len(self.all):
            return f"waiting for {names[0]}{more} to answer" if names else f"waiting to ask {self.all[0].name} again"
        first = min(resting, key=lambda url: url.rests_until)
        return f"{first.name} is tried again in {duration(first.rests_until - time.monotonic()) or '0:01'}"

    async def take(self, image: str = "") -> Url:
        """The URL for the next call, counted in its load until `give_back`; waits while all are busy or resting.

        image: calls about the same one go to the same URL, whose caches hold it, unless that one is busier.
        """
        while (url := self._free(image)) is None:
            await self._turn()
        url.in_flight += 1
        url.sent += 1
        return url

    def give_back(self, url: Url, seconds: float = 0.0) -> None:
        """Ends a call that took so many seconds."""
        url.in_flight -= 1
        if pause := url.width.pause_s(seconds):
            url.rests_until = max(url.rests_until, time.monotonic() + pause)
        self._wake()

    def succeeded(self, url: Url) -> None:
        """A reply came: the URL is healthy, and widens if its server takes more."""
        url.reached = url.answered = True
        url.silent_since, url.aside = None, ""
        self._is_well(url)
        url.width.replied(time.monotonic())

    def failed(self, url: Url, error: CallError, sent: float | None = None) -> None:
        """A call sent at `sent` failed: decides whether, and for how long, the URL rests."""
        now = time.monotonic()
        if error.kind in ("unreachable", "away"):
            self._is_away(url, error, now)
            return
        url.reached, url.silent_since = True, None
        if error.kind == "limited":
            url.width.refused(url.in_flight, now if sent is None else sent, now)
            self._is_limited(url, error, now)
        elif error.kind == "broken":
            url.strikes += 1
            if error.reason.startswith(TIMED_OUT):
                url.width.refused(url.in_flight, now if sent is None else sent, now)
            # The last working URL does not rest: each request's own backoff is enough.
            if url.strikes >= STRIKES and any(other.rests_until <= now for other in self.all if other is not url):
                self._rest(url, now)
        elif error.kind == "misplaced":
            url.strikes += 1
        else:
            self._is_well(url)

    def set_aside(self, url: Url, why: str) -> bool:
        """Leaves a URL alone for some minutes; False if it is the last one that is used."""
        if not any(other.aside == "" for other in self.all if other is not url):
            return False
        if not url.aside:
            self.told.append(f"{url.name} is set aside and tried again every {ASIDE_S / 60:.0f} minutes: {why}")
        url.aside, url.on_trial = why, True
        url.rests_until = time.monotonic() + ASIDE_S
        return True

    def out_of_reach(self) -> bool:
        """Whether the endpoint is lost: no URL was ever reached, or none for `patience_s`."""
        now = time.monotonic()
        used = [url for url in self.all if not url.aside]
        silences = [url.silent_since for url in used if url.silent_since is not None]
        if len(silences) < len(used):
            return False
        return not any(url.reached for url in self.all) or now - max(silences, default=now) > self.patience_s

    def out_of_patience(self) -> bool:
        """Whether all URLs have refused everything as too much for longer than we wait."""
        since = [url.limited_since for url in self.all if not url.aside]
        longest = time.monotonic() - LONGEST_WAIT_S
        return bool(since) and all(moment is not None and moment < longest for moment in since)

    def _free(self, image: str) -> Url | None:
        now = time.monotonic()
        free = [url for url in self.all if url.rests_until <= now and url.in_flight < url.room]
        if len(free) > 1 and image:
            own = self.all[crc32(image.encode()) % len(self.all)]
            if own in free and own.in_flight <= sum(url.in_flight for url in free) / len(free):
                return own
        return min(free, key=lambda url: (url.in_flight, url.sent), default=None)

    async def _turn(self) -> None:
        """Waits until a call may be possible: first come, first served."""
        self._waiting.append(turn := asyncio.get_running_loop().create_future())
        self._set_alarm()
        await turn

    def _set_alarm(self) -> None:
        """Rests end by the clock: nothing else wakes those who wait for that."""
        now = time.monotonic()
        if resting := [url.rests_until for url in self.all if url.rests_until > now]:
            asyncio.get_running_loop().call_later(min(resting) - now + 0.001, self._wake)

    def _wake(self) -> None:
        now = time.monotonic()
        room = sum(max(0, url.room - url.in_flight) for url in self.all if url.rests_until <= now)
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1
        if self._waiting:
            self._set_alarm()

    def _is_away(self, url: Url, error: CallError, now: float) -> None:
        url.silent_since = now if url.silent_since is None else url.silent_since
        url.reached = url.reached or error.kind == "away"
        url.strikes += 1
        if error.kind == "unreachable" or url.strikes >= FEW_STRIKES:
            self._rest(url, now, error.retry_after or 0.0)

    def _is_limited(self, url: Url, error: CallError, now: float) -> None:
        """A single 429 delays its own call; a run of them without a reply in between delays the whole URL."""
        url.refusals += 1
        url.limited_since = now if url.limited_since is None else url.limited_since
        if url.refusals > url.room:
            self._rest(url, now, error.retry_after or 0.0)

    def _rest(self, url: Url, now: float, least: float = 0.0) -> None:
        # Calls in flight when the rest began fail too, and carry no new information.
        if url.rests_until <= now:
            url.rests += 1
            url.rests_until, url.on_trial = now + max(least, rest_s(url.rests)), True

    def _is_well(self, url: Url) -> None:
        url.strikes, url.refusals, url.rests, url.on_trial, url.limited_since = 0, 0, 0, False, None


def rest_s(times: int) -> float:
    """Duration in seconds of the rest number `times` in a row: 1, 2, 4, …"""
    return min(LONGEST_REST_S, 2.0 ** (times - 1))
