"""A process that is late: what has come counts, and the time in which it did not look is not the server's."""

import asyncio
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from ovt.core.errors import CallError
from ovt.curate.endpoints.connection import Way
from ovt.curate.endpoints.serving import wait_until_ready
from ovt.curate.endpoints.timing import Answer
from ovt.curate.endpoints.transport import HttpTransport

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
SAID = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": "yes"}}]}).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(SAID) + SAID


class Stuck:
    """An event loop that stands still from the moment a server has its request until after the answer was sent."""

    def __init__(self, loop: asyncio.AbstractEventLoop, after: Callable[[], None]) -> None:
        self.loop, self.after = loop, after
        self.still, self.sent = threading.Event(), threading.Event()

    def stop(self) -> None:
        self.still.set()
        assert self.sent.wait(30)
        self.after()


@contextmanager
def served(stuck: Stuck, answer: bytes) -> Generator[str]:
    """The address of a server that answers one request while the loop stands still."""

    def serve() -> None:
        connection, _ = there.accept()
        with connection:
            asked = b""
            while b"hi" not in asked:
                asked += connection.recv(65536)
            stuck.loop.call_soon_threadsafe(stuck.stop)
            stuck.still.wait(30)
            connection.sendall(answer)
            stuck.sent.set()
            connection.recv(1)  # until the client hangs up

    with socket.create_server(("127.0.0.1", 0)) as there:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{there.getsockname()[1]}/v1"
        thread.join(30)


async def ask(after: Callable[[], None], answer: bytes = ANSWER) -> tuple[Answer, float]:
    """The answer, and the seconds it took as seen from here."""
    with served(Stuck(asyncio.get_running_loop(), after), answer) as url:
        transport = HttpTransport(url, None, Way(600.0, connections=1))
        try:
            began = time.monotonic()
            found = await transport.send(BODY)
            assert isinstance(found, Answer)
            return found, time.monotonic() - began
        finally:
            await transport.close()


def test_an_answer_that_came_in_time_counts_however_late_it_is_read() -> None:
    async def run() -> Answer:
        loop, passed = asyncio.get_running_loop(), [0.0]
        real = loop.time
        loop.time = lambda: real() + passed[0]
        return (await ask(lambda: passed.append(passed.pop() + 3600)))[0]

    assert asyncio.run(run())["choices"][0]["message"]["content"] == "yes"


def test_a_server_that_sends_nothing_is_given_up_though_this_process_was_late() -> None:
    async def run() -> None:
        loop, passed = asyncio.get_running_loop(), [0.0]
        real = loop.time
        loop.time = lambda: real() + passed[0]

        def late() -> None:
            passed[0] += 601
            loop.call_later(0.02, late)

        await ask(late, answer=b"HTTP/1.1 200 OK\r\n")

    with pytest.raises(CallError, match="no answer within 600 s"):
        asyncio.run(run())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell when data came")
def test_the_time_until_an_answer_is_read_is_not_its_servers() -> None:
    found, seen = asyncio.run(ask(lambda: time.sleep(0.5)))
    assert seen - found.seconds > 0.4
    assert found.seconds >= 0


def test_a_server_that_is_ready_at_last_is_not_late_because_we_are(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([False, True])
    clock = iter([0.0, 3600.0])
    monkeypatch.setattr("ovt.curate.endpoints.serving.lists_models", lambda url: next(looks))
    still = SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda seconds: None)
    monkeypatch.setattr("ovt.curate.endpoints.serving.time", still)
    assert wait_until_ready(["http://127.0.0.1:9/v1"], 10.0, lambda: None) is None
