"""How many calls a URL takes at once, found out while it is in use.

doubles with each round trip, until the server refuses or more calls bring no more replies
refused right after it was raised     back to what worked; the next try comes after some round trips
refused again and again               the server takes less than before: 0.7 of what was under way
refused as often as when wider        the refusals have other reasons (a router's other users): back to that width
below one                             pauses between single calls, for servers that count requests per second
"""

import math

START = 32
LEAST = 0.02
STEEPEST = 0.25  # of the width, in one rise
WIDER, WORTH = 1.4, 0.15  # a stream this much wider has to bring more replies a second, by this share of its growth
HOLD = (240, 12.0, 400)  # replies before the next rise after one that failed: least, per concurrent call, most
SOON = 20  # replies: a refusal that follows another one sooner says that the server takes less
# Three refusals are no accident, and tell whether a narrower stream is refused less; a server that is sent up to
# 1/0.7 of what it takes refuses up to a third of that, and nothing once the stream is narrower.
FEW, THIRD, LESS = 3, 0.34, 0.6
NARROWER = 0.9  # the least difference that shows amid refusals for other reasons


class Width:
    """`now` calls at once; `steady`: it does not change (an embedded model batches whatever comes)."""

    def __init__(self, most: int, steady: bool = False) -> None:
        self.most = float(most)
        self.steady = steady
        self.now = self.most if steady else min(float(START), self.most)
        self._good = self.now  # the last width without refusals
        self._rising = True  # by each reply, until something speaks against it
        self._calm = 0  # replies since the last change
        self._since_refusal = math.inf
        # Calls answered since the last change of width: how many, and how many with a refusal.
        self._seen = self._refused = 0
        # Before the last narrowing: width, rising, and how many of how many were refused.
        self._wider: tuple[float, bool, int, int] | None = None
        self.noise = 0.0  # the share that is refused at any width
        self._step = 1.0
        self._narrowed_at = -math.inf
        # A window of replies, about two round trips long: how many of how many, the sum of their widths, since when.
        self._count, self._enough, self._sum, self._since = 0, 1.0, 0.0, 0.0
        self._before = (0.0, 0.0)  # replies a second, and at which width, in the best window before

    def replied(self, now: float) -> None:
        """A reply came at `now`, in monotonic seconds."""
        if self.steady:
            return
        self._calm += 1
        self._seen += 1
        self._since_refusal += 1
        self._measure(now)
        if self._rising:
            self.now = min(self.most, self.now + 1.0)
        elif self._calm >= self._hold():
            self._good, self._calm, self._wider = self.now, 0, None
            self.now = min(self.most, self.now + max(self._step * min(1.0, self.now), 0.05 * self.now))
            self._step = min(2 * self._step, max(2.0, STEEPEST * self.now))
            if self._seen >= HOLD[0]:
                self.noise = (self.noise + min(self.noise, 1.2 * self._refused / self._seen)) / 2
                self._seen = self._refused = 0

    def refused(self, in_flight: int, sent: float, now: float) -> None:
        """A call sent at `sent` was refused, or timed out, at `now`, with `in_flight` under way; those that were sent
        before the last narrowing say nothing new."""
        if self.steady or sent < self._narrowed_at:
            return
        self._seen, self._refused = self._seen + 1, self._refused + 1
        if self._refused < FEW:
            return
        if self._wider is not None:
            early = self._seen < self.now / 2 and self._refused <= THIRD * self._seen
            if early or self._is_noise(*self._wider):
                return
        usual = self.noise * self._seen
        if self.noise and self._refused <= usual + 3 * math.sqrt(usual) + FEW:
            return
        self._narrow(in_flight, now)

    def _is_noise(self, width: float, rising: bool, refused: int, seen: int) -> bool:
        """Whether a narrower stream is refused as often as the wider one was; if so, the wider one comes back."""
        before, share = at_least(refused, seen), self._refused / self._seen
        if share > THIRD or before > THIRD or at_most(self._refused, self._seen) < LESS * before:
            return False
        self._rising = rising and not self.noise  # rising had stopped for nothing
        self.noise = (refused + self._refused) / (seen + self._seen)
        self.now = self._good = width
        self._seen = self._refused = 0
        self._wider = None
        return True

    def _narrow(self, in_flight: int, now: float) -> None:
        level = min(self.now, max(float(in_flight), 1.0)) if self.now >= 1 else self.now
        if self._since_refusal < SOON or self._rising:
            self._good = 0.7 * level
        rising = self._rising or (self._wider is not None and self._wider[1])
        self._wider = (level, rising, self._refused, self._seen)
        self.now = max(LEAST, min(self._good, NARROWER * level if self.noise else level))
        self._rising, self._step, self._calm, self._since_refusal = False, 1.0, 0, 0
        self._seen = self._refused = 0
        self._narrowed_at = now
        self._count, self._sum, self._since = 0, 0.0, 0.0  # replies of the wider stream are still to come

    def pause_s(self, seconds: float) -> float:
        """How long to wait after a call of this many seconds; 0 if at least one call at once is allowed."""
        return 0.0 if self.now >= 1 else max(seconds, 0.01) * (1 / self.now - 1)

    def _hold(self) -> float:
        """Replies to wait for before the next rise: a round trip while rises go well, longer after a refusal."""
        if self._step > 1:
            return max(1.0, self.now)
        least, each, most = HOLD
        return min(most, max(least, each * self.now)) if self.now >= 1 else 10

    def _measure(self, now: float) -> None:
        """Ends a rise that brings no more replies a second: beyond that, only the time of each call grows."""
        self._count, self._sum = self._count + 1, self._sum + self.now
        if self._count < self._enough or now <= self._since:
            return
        rate, width = self._count / (now - self._since), self._sum / self._count
        first, (rate_before, width_before) = not self._since, self._before
        self._count, self._enough, self._sum, self._since = 0, 2 * max(self.now, 16.0), 0.0, now
        if first:
            return
        gained = not width_before or rate / rate_before - 1 >= WORTH * (width / width_before - 1)
        if width_before and width > WIDER * width_before and not gained:
            self.now = self._good = width_before
            self._rising, self._step, self._calm = False, 1.0, 0
            self._before = (rate, width_before)
        elif gained or width < width_before:
            self._before = (rate, width)


def at_least(refused: int, seen: int) -> float:
    """The share of calls refused, less what may be chance; `at_most`: plus that."""
    return (refused - math.sqrt(refused)) / seen


def at_most(refused: int, seen: int) -> float:
    return (refused + math.sqrt(refused)) / seen
