"""The width of the stream against simulated servers, whose capacity is unknown to it and moves."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from ovt.curate.endpoints.width import LEAST, START, Width

MOST = 256


@dataclass
class Outcome:
    """What a run came to; `possible`: the replies that an oracle, who knows the capacity, would have got."""

    replies: int
    refused: int
    possible: float
    now: float

    @property
    def share(self) -> float:
        return self.replies / self.possible


def run(
    width: Width, capacity: Callable[[float], int], seconds: float, noise: float = 0.0, latency: float = 0.1
) -> Outcome:
    """A server that answers `capacity(time)` calls at once in about `latency` s each, and refuses more with a 429
    within a millisecond; the client sends whenever its width allows, and a refused call waits half a second. noise: the
    share of calls that it refuses however few there are, as late as others are answered."""
    dice, now, events, serving, in_flight = random.Random(7), 0.0, [], 0, 0
    replies = refused = 0
    waiting: list[float] = []  # when refused calls may be sent again; there is always enough work
    while now < seconds:
        while waiting and waiting[0] <= now:
            heapq.heappop(waiting)
        while in_flight < max(1, int(width.now)) and len(waiting) < 4 * MOST:
            in_flight += 1
            if noise and dice.random() < noise:
                heapq.heappush(events, (now + latency * dice.uniform(0.7, 1.3), False, now))
            elif serving < capacity(now):
                serving += 1
                heapq.heappush(events, (now + latency * dice.uniform(0.7, 1.3), True, now))
            else:
                heapq.heappush(events, (now + 0.001, False, now))
        now, answered, sent = heapq.heappop(events)
        if answered:
            serving, replies = serving - 1, replies + 1
            width.replied(now)
        else:
            refused += 1
            heapq.heappush(waiting, now + 0.5)
            width.refused(in_flight, sent, now)
        in_flight -= 1
    steps = 1000
    possible = sum(capacity(seconds * step / steps) for step in range(steps)) / steps * seconds / latency
    return Outcome(replies, refused, possible, width.now)


def moving(levels: list[int], each: float) -> Callable[[float], int]:
    return lambda now: levels[min(int(now / each), len(levels) - 1)]


@pytest.mark.parametrize(
    ("name", "capacity", "seconds"),
    [
        ("small", lambda now: 8, 120),
        ("middling", lambda now: 40, 60),
        ("larger than the client", lambda now: 1000, 30),
        ("falls", moving([64, 16], 60), 120),
        ("rises", moving([16, 64], 60), 120),
        ("moves", moving([32, 96, 24, 48], 60), 240),
    ],
)
def test_nine_tenths_of_what_an_oracle_gets_and_hardly_a_refusal(
    name: str, capacity: Callable[[float], int], seconds: float
) -> None:
    bounded = lambda now: min(MOST, capacity(now))  # noqa: E731
    outcome = run(Width(MOST), bounded, seconds)
    assert outcome.share >= 0.9, (name, outcome)
    assert outcome.refused < 0.02 * (outcome.replies + outcome.refused), (name, outcome)


def test_a_stream_that_brings_no_more_replies_stays_as_narrow() -> None:
    """A server that queues instead of refusing: 20 are answered at once, and more only wait longer."""
    width, now, dice, widths = Width(MOST), 0.0, random.Random(3), []
    for _ in range(20_000):
        now += max(0.1 / max(1, int(width.now)), 0.1 / 20) * dice.uniform(0.5, 1.5)
        width.replied(now)
        widths.append(width.now)
    assert 20 <= sum(widths) / len(widths) <= 100


def test_a_burst_of_refusals_counts_once_and_the_next_one_again() -> None:
    width = Width(64)
    assert width.now == START
    for _ in range(32):
        width.refused(in_flight=32, sent=1.0, now=2.0)
    assert width.now == pytest.approx(0.7 * 32)
    for _ in range(3):
        width.refused(in_flight=22, sent=3.0, now=4.0)
    assert width.now == pytest.approx(0.49 * 32, rel=0.05)


@pytest.mark.parametrize("noise", [0.01, 0.04, 0.1])
@pytest.mark.parametrize(("capacity", "least"), [(1000, 0.9), (64, 0.85)])
def test_refusals_that_do_not_follow_from_the_width_do_not_narrow_it(noise: float, capacity: int, least: float) -> None:
    """A router whose other users take its upstream's limit, say: measured before, 4% left 16% of the replies."""
    outcome = run(Width(MOST), lambda now: min(MOST, capacity), 40, noise=noise)
    assert outcome.share / (1 - noise) >= least, outcome
    assert outcome.refused / (outcome.replies + outcome.refused) < 1.6 * noise + 0.03, outcome


@pytest.mark.parametrize(
    ("noise", "most", "least"), [(0.01, 256, 0.85), (0.03, 256, 0.8), (0.03, 64, 0.9), (0.1, 64, 0.9)]
)
def test_neither_do_they_where_each_call_takes_long(noise: float, most: int, least: float) -> None:
    """A hundred round trips, each as long as a chain takes; measured before: 0.23, 0.54, 0.84 and 0.73."""
    outcome = run(Width(most), lambda now: most, 1000, noise=noise, latency=10.0)
    assert outcome.share / (1 - noise) >= least, outcome


def test_a_server_that_takes_less_is_noticed_amid_refusals_for_other_reasons() -> None:
    outcome = run(Width(MOST), moving([96, 24, 48], 60), 180, noise=0.05)
    assert outcome.share / 0.95 >= 0.85, outcome
    assert outcome.refused / (outcome.replies + outcome.refused) < 0.12, outcome


def test_below_one_call_at_once_there_are_pauses() -> None:
    width = Width(64)
    for moment in range(1, 60):
        width.refused(in_flight=1, sent=moment, now=moment + 0.5)
    assert width.now == LEAST
    assert width.pause_s(0.1) == pytest.approx(0.1 * (1 / LEAST - 1))
    for _ in range(3000):
        width.replied(100.0)
    assert width.now > 8
    assert width.pause_s(0.1) == 0


def test_a_steady_width_does_not_change() -> None:
    width = Width(128, steady=True)
    width.refused(1, 1.0, 2.0)
    width.replied(3.0)
    assert width.now == 128
