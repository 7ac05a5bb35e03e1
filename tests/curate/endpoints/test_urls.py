"""Several URLs: the load is shared, a dead one rests and comes back, and a server's 429s narrow the stream."""

import math
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ovt.core.errors import OvtError
from ovt.curate.endpoints import client
from ovt.curate.endpoints.urls import Urls, rest_s


class Nowhere:
    """A transport that is never sent anything."""

    revision = None

    async def send(self, body: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    async def close(self) -> None: ...


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def once_seen(server: Any, count: int, act: Callable[[], Any]) -> threading.Thread:
    """A started thread that acts when `server` has seen `count` requests."""

    def wait() -> None:
        while len(server.seen) < count:
            time.sleep(0.005)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_two_urls_share_the_load(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.latency_s = 0.02
    with type(loopback)(latency_s=0.02) as other:
        filled = fill_all(questions(60), base_url=[loopback.url, other.url], max_concurrency=4)
        assert filled.tally.done == 60
        assert min(len(loopback.seen), len(other.seen)) >= 20
        assert max(loopback.most_at_once, other.most_at_once) <= 4


def test_a_dead_url_costs_nothing_but_a_rest(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    dead = f"http://127.0.0.1:{unused_port()}/v1"
    filled = fill_all(questions(100), base_url=[dead, loopback.url])
    assert filled.tally.done == 100
    assert filled.tally.failed == 0
    assert filled.endpoint.urls.all[0].sent <= 20


def test_a_failing_url_rests_while_another_is_well(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.latency_s = 0.01
    with type(loopback)(latency_s=0.01) as ill:
        ill.chaos = replace(ill.chaos, share=1.0, kinds=("500",))
        filled = fill_all(questions(200), base_url=[ill.url, loopback.url], max_concurrency=4)
        assert filled.tally.done == 200
        assert len(ill.seen) < 20


def test_a_url_that_rested_is_used_again(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    port = unused_port()
    loopback.latency_s = 0.05
    late = type(loopback)(port=port)
    starting = once_seen(loopback, 4, late.__enter__)
    filled = fill_all(questions(100), base_url=[f"http://127.0.0.1:{port}/v1", loopback.url], max_concurrency=2)
    starting.join()
    late.__exit__()
    assert filled.tally.done == 100
    assert len(late.seen) >= 10


def test_nobody_listening_stops_the_build_at_once(fill_all: Callable, questions: Callable) -> None:
    url = f"http://127.0.0.1:{unused_port()}/v1"
    began = time.monotonic()
    with pytest.raises(OvtError, match=rf"no server answers at {url}.*start the server, or correct base_url") as raised:
        fill_all(questions(20), base_url=url)
    assert time.monotonic() - began < 30  # an endpoint that has worked is waited for longer
    assert "\n" not in str(raised.value)


def test_a_server_that_goes_away_is_waited_for_and_then_stops_the_build(
    loopback: Any, fill_all: Callable, questions: Callable
) -> None:
    stopping = once_seen(loopback, 10, loopback.__exit__)
    with pytest.raises(OvtError, match=r"no server answers.*the same command resumes from here"):
        fill_all(questions(2000), max_concurrency=2, patience_s=1.0)
    stopping.join()


def test_a_request_that_always_gets_a_gateways_error_fails_by_itself(
    loopback: Any, fill_all: Callable, questions: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server answers everything else: this question must not end the build, today or when it is run again."""
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.05)
    monkeypatch.setattr("ovt.curate.endpoints.urls.rest_s", lambda times: 0.02)
    loopback.status = lambda body: (524, "a timeout occurred") if "question 3?" in str(body) else None
    for _ in range(2):
        filled = fill_all(questions(8), patience_s=0.5)
        assert filled.tally.failed == 1
        assert [len([one for one in replies if one.error]) for replies in filled.replies] == [0, 0, 0, 1, 0, 0, 0, 0]
    loopback.status = lambda body: (524, "a timeout occurred")
    with pytest.raises(OvtError, match="HTTP 524: a timeout occurred"):
        fill_all(questions(4, temperature=0.1), patience_s=0.5)


def test_a_server_that_restarts_is_found_again(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    def restart() -> None:
        loopback.__exit__()
        time.sleep(0.5)
        loopback.__enter__()

    loopback.latency_s = 0.01
    restarting = once_seen(loopback, 10, restart)
    filled = fill_all(questions(100), max_concurrency=2)
    restarting.join()
    assert (filled.tally.done, filled.tally.failed) == (100, 0)


def test_rests_double_up_to_a_minute() -> None:
    assert [rest_s(times) for times in (1, 2, 3, 20)] == [1, 2, 4, 60]


def test_what_a_reply_waits_for_is_told() -> None:
    urls = Urls([("http://a/v1", Nowhere()), ("http://b/v1", Nowhere())], 4)
    assert urls.waits_for() == "waiting to ask http://a/v1 again"
    urls.all[0].in_flight = urls.all[1].in_flight = 1
    assert urls.waits_for() == "waiting for http://a/v1 and 1 more to answer"
    urls.all[0].in_flight = urls.all[1].in_flight = 0
    urls.all[0].rests_until, urls.all[1].rests_until = math.inf, time.monotonic() + 3600
    assert urls.waits_for().startswith("http://b/v1 is tried again in ")
