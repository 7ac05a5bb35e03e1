"""Requests and tokens per minute are never passed, and given-back tokens are used."""

import asyncio
import time

from ovt.curate.endpoints.endpoint import Pace, Turnstile, open_endpoint
from ovt.curate.endpoints.section import EndpointSection


def admissions(pace: Pace, costs: list[float], refund: float = 0.0) -> list[float]:
    """Seconds from the start at which each cost was admitted."""

    async def run() -> list[float]:
        pace.enter_loop()
        began = time.monotonic()

        async def one(cost: float) -> float:
            await pace.admit(cost)
            pace.refund(refund)
            return time.monotonic() - began

        return await asyncio.gather(*map(one, costs))

    return asyncio.run(run())


def test_requests_are_spread_over_the_minute() -> None:
    times = admissions(Pace(1200), [1.0] * 11)  # one every 50 ms
    assert times == sorted(times)
    assert all(time >= 0.05 * number - 0.001 for number, time in enumerate(times))


def test_a_large_request_makes_the_next_one_wait_longer() -> None:
    first, second, third = admissions(Pace(60_000), [300, 100, 100])
    assert second - first >= 0.299
    assert third - second >= 0.099


def test_what_was_not_used_is_given_back() -> None:
    times = admissions(Pace(60_000), [10_000.0] * 5, refund=9_990.0)
    assert times[-1] < 20  # 40 s without


def test_no_limit_never_waits() -> None:
    assert admissions(Pace(None), [1e9] * 100)[-1] < 30


def test_a_pace_outlives_its_event_loop() -> None:
    pace = Pace(1200)
    admissions(pace, [1.0] * 3)
    assert admissions(pace, [1.0] * 3)[-1] >= 0.099


def test_what_a_limit_makes_a_reply_wait_for_is_told() -> None:
    section = EndpointSection(base_url="http://127.0.0.1:9/v1", model="m", requests_per_minute=3)
    endpoint = open_endpoint("slow", section)
    assert endpoint.waits_for() == "waiting to ask http://127.0.0.1:9/v1 again"
    asyncio.run(endpoint.requests_pace.admit(30))
    assert endpoint.waits_for().startswith("requests_per_minute = 3 allows the next call in ")


def test_calls_start_a_few_per_turn_of_the_event_loop_in_the_order_in_which_they_came() -> None:
    async def starts() -> list[list[int]]:
        turnstile, begun, turns = Turnstile(), [], []

        async def call(number: int) -> None:
            await turnstile.go_through()
            begun.append(number)

        calls = [asyncio.create_task(call(number)) for number in range(10)]
        await asyncio.sleep(0)
        calls[5].cancel()
        while len(begun) < 9:
            before = len(begun)
            await asyncio.sleep(0)
            turns.append(begun[before:])
        await asyncio.gather(*calls, return_exceptions=True)
        await turnstile.go_through()
        return [turn for turn in turns if turn]

    assert asyncio.run(starts()) == [[0, 1, 2, 3], [4, 6, 7], [8, 9]]
