"""What the failures of a round trip mean, and that no secret shows in them."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest

from ovt.core.errors import CallError
from ovt.curate.endpoints.connection import Way
from ovt.curate.endpoints.meanings import error_message, retry_after, status_error
from ovt.curate.endpoints.secrets import scrub
from ovt.curate.endpoints.transport import HttpTransport

BODY = {"model": "test-model", "messages": [{"role": "user", "content": "hi"}]}


def send(url: str, key: str | None = None, timeout: float = 5.0, **body: Any) -> dict[str, Any]:
    async def once() -> dict[str, Any]:
        transport = HttpTransport(url, key, Way(timeout, connections=2))
        try:
            return await transport.send({**BODY, **body})
        finally:
            await transport.close()

    return asyncio.run(once())


def failure(url: str, **arguments: Any) -> CallError:
    with pytest.raises(CallError) as raised:
        send(url, **arguments)
    return raised.value


def test_a_round_trip_brings_the_body_back(loopback: Any) -> None:
    answer = send(loopback.url, key="k")
    assert answer["choices"][0]["message"]["content"].startswith("<think>")
    assert loopback.seen[0].body == BODY
    assert loopback.seen[0].authorization == "Bearer k"


@pytest.mark.parametrize(
    ("kind", "meaning", "billed"),
    [
        ("429", "limited", False),
        ("503", "limited", False),
        ("500", "broken", False),
        ("drop", "broken", True),
        ("cut", "broken", True),
        ("truncated", "broken", True),
        ("html", "misplaced", True),
    ],
)
def test_failures_are_told_apart(loopback: Any, kind: str, meaning: str, billed: bool) -> None:
    loopback.chaos = replace(loopback.chaos, share=1.0, kinds=(kind,))
    error = failure(loopback.url)
    assert (error.kind, error.billed) == (meaning, billed)
    assert "\n" not in error.reason
    assert (error.retry_after == 0.05) == (meaning == "limited")


HOSTILE = "no \x1b[31mway\x1b]0;title\x07 \ud800 \x00 \u202e"


@pytest.mark.parametrize("status", [200, 400, 500])
def test_what_a_server_says_can_be_shown_and_stored(loopback: Any, status: int) -> None:
    loopback.status = lambda body: (status, {"error": {"message": HOSTILE}})
    reason = failure(loopback.url).reason
    assert reason.isprintable()
    assert "way" in reason


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (b"\x00\x01 no HTTP at all\r\n\r\n", "broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000, "misplaced"),
        (b"HTTP/1.1 400 No\r\nContent-Length: 200000\r\n\r\n" + b"[" * 200_000, "refused"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnone", "broken"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", "broken"),
        (b"", "broken"),
    ],
)
def test_whatever_comes_back_is_a_call_that_failed(answer: bytes, meaning: str) -> None:
    with answering(answer) as url:
        error = failure(url)
    assert error.kind == meaning
    assert error.reason.isprintable()
    assert len(error.reason) < 400


@contextmanager
def answering(answer: bytes) -> Generator[str]:
    """The URL of a server that says `answer` to the first who calls, and hangs up."""

    def serve() -> None:
        with listener.accept()[0] as caller:
            caller.recv(65536)
            caller.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        thread.join(5)


def test_a_reply_that_repeats_the_key_does_not_take_it_along(loopback: Any) -> None:
    key = "k3y-of-the-user-1234"
    loopback.reply = lambda body, choice: f"Your header was Bearer {key}."
    answer = send(loopback.url, key=key)
    assert answer["choices"][0]["message"]["content"] == "Your header was Bearer [key]."
    loopback.reply = lambda body, choice: "The bowl is EMPTY."
    assert send(loopback.url, key="EMPTY")["choices"][0]["message"]["content"] == "The bowl is EMPTY."


def test_a_slow_answer_ends_in_time(loopback: Any) -> None:
    loopback.latency_s = 5.0
    error = failure(loopback.url, timeout=0.1)
    assert (error.kind, error.reason) == ("broken", "no answer within 0.1 s")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://no-such-host.invalid/v1", "https://127.0.0.1:9/v1"])
def test_nobody_there(url: str) -> None:
    error = failure(url)
    assert error.kind == "unreachable"
    assert error.reason


def test_an_error_in_a_good_status_is_an_error(loopback: Any) -> None:
    loopback.status = lambda body: (200, {"error": {"code": 429, "message": "upstream is busy"}})
    error = failure(loopback.url)
    assert (error.kind, error.reason) == ("limited", "HTTP 429: upstream is busy")


def test_a_server_that_repeats_the_key_does_not_get_it_into_the_error(loopback: Any) -> None:
    loopback.api_key = "another"
    error = failure(loopback.url, key="sk-very-secret-1234")
    assert error.kind == "denied"
    assert "very-secret" not in str(error)
    assert "[key]" in error.reason


def test_scrub_leaves_one_line_without_anything_like_a_key() -> None:
    said = scrub("bad\nkey sk-proj-abcdef123456 or Bearer abc.def or plain-key\n" + "x" * 500, "plain-key")
    assert said.startswith("bad key [key] or Bearer [key] or [key] xxx")
    assert len(said) == 300


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (400, "too long", "refused"),
        (413, "", "refused"),
        (422, "", "refused"),
        (401, "", "denied"),
        (402, "no credit", "denied"),
        (429, "You exceeded your current quota (insufficient_quota)", "denied"),
        (429, "slow down", "limited"),
        (403, "", "misplaced"),
        (404, "", "misplaced"),
        (408, "", "broken"),
        (409, "", "broken"),
        (500, "", "broken"),
        (502, "", "away"),
        (503, "", "away"),
        (503, "Model m is currently loading {estimated_time: 20.0}", "limited"),
        (500, "the model is still loading", "away"),
        (404, "model 'm' not found", "misplaced"),
        (524, "a timeout occurred", "away"),
        (529, "overloaded", "limited"),
    ],
)
def test_meaning_of_a_status(status: int, said: str, kind: str) -> None:
    assert status_error(status, said, {}, now=0.0).kind == kind


def test_retry_after_is_seconds_milliseconds_or_a_date() -> None:
    now = 1_700_000_000.0
    assert retry_after({}, now) is None
    assert retry_after({"retry-after": "1.5"}, now) == 1.5
    assert retry_after({"retry-after": "-4"}, now) == 0
    assert retry_after({"retry-after-ms": "250", "retry-after": "9"}, now) == 0.25
    assert retry_after({"retry-after": formatdate(now + 30, usegmt=True)}, now) == 30
    assert retry_after({"retry-after": "soon"}, now) is None
    assert retry_after({"retry-after-ms": "", "retry-after": "9"}, now) == 9
    assert retry_after({"retry-after": formatdate(now - 30, usegmt=True)}, now) == 0
    assert retry_after({"retry-after": "1500ms"}, now) == 1.5
    assert retry_after({"retry-after": str(int(now) + 30)}, now) == 30
    assert retry_after({"retry-after": str((int(now) + 30) * 1000)}, now) == 30
    assert retry_after({"retry-after": "0"}, now) == 0
    assert retry_after({"retry-after": "1e400"}, now) is None
    assert retry_after({"retry-after": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"}, now) is None
    assert retry_after({"retry-after": "nan"}, now) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-reset-requests": "6m0s"}, 360),
        ({"x-ratelimit-reset-requests": "1h30m0s", "x-ratelimit-reset-tokens": "350ms"}, 5400),
        ({"x-ratelimit-reset-requests": "20s", "x-ratelimit-reset-tokens": "0s"}, 20),
        # only what is used up counts
        (
            {
                "x-ratelimit-reset-requests": "24h0m0s",
                "x-ratelimit-remaining-requests": "900",
                "x-ratelimit-reset-tokens": "2s",
                "x-ratelimit-remaining-tokens": "0",
            },
            2,
        ),
        ({"x-ratelimit-reset": "1700000020000"}, 20),  # OpenRouter: milliseconds
        ({"x-ratelimit-reset": "1700000020"}, 20),
        ({"ratelimit-reset": "12"}, 12),
        ({"x-ratelimit-reset": "2023-11-14T22:13:50Z"}, 30),
        ({"x-ratelimit-reset": "later"}, None),
        ({"x-ratelimit-reset": "1600000000"}, 0),
    ],
)
def test_when_limits_are_over(headers: dict[str, str], seconds: float | None) -> None:
    error = status_error(429, "slow down", headers, now=1_700_000_000.0)
    assert (error.kind, error.retry_after) == ("limited", seconds)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("Limit 60. Please try again in 3s.", 3),
        ("Please try again in 1m26.4s.", 86.4),
        ("Please try again in 350ms.", 0.35),
        ("Please retry after 33 seconds. Please go here", 33),
        ('Resource has been exhausted [{"retryDelay": "2s"}]', 2),
        ("Please retry in 12.5s.", 12.5),
        ("too many requests", None),
    ],
)
def test_how_long_a_server_asks_to_wait_in_words(said: str, seconds: float | None) -> None:
    assert status_error(429, said, {}, now=0.0).retry_after == seconds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"error": {"message": "no", "code": "bad"}}', "no (bad)"),
        ('{"object": "error", "message": "no", "code": 404}', "no"),
        ('{"detail": [{"loc": ["body"]}]}', '[{"loc": ["body"]}]'),
        ('{"detail": "Not Found"}', "Not Found"),
        ("<html>", "<html>"),
        ("[1]", "[1]"),
    ],
)
def test_the_message_within_an_error(text: str, message: str) -> None:
    assert error_message(text) == message
