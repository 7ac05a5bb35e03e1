"""A fill of a few requests, in one line."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ovt.core.progress import Tally
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest, Reply
from ovt.curate.endpoints.client import fill
from ovt.curate.endpoints.endpoint import Endpoint, open_endpoint
from ovt.curate.endpoints.jobs import Work
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.store import ReplyStore

ENVIRON = {"TEST_KEY": "sk-very-secret-1234", "TEST_TEAM": "blue", "TEST_SIGNATURE": "a+b/c=1234"}


@dataclass(frozen=True)
class Filled:
    """What a fill left behind; `replies[i][j]` is sample j of request i, failures included."""

    replies: list[list[Reply]]
    tally: Tally
    endpoint: Endpoint

    @property
    def texts(self) -> list[list[str | None]]:
        return [[reply.text for reply in of_request] for of_request in self.replies]


Answer = Callable[[web.Request], Any]


@dataclass
class Server:
    """A server that answers as a test says, and keeps the path, headers and body of what it was sent."""

    answer: Answer = lambda request: web.json_response({})
    url: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        self.bodies.append(json.loads(content) if content else {})
        self.asked.append((request.path_qs, dict(request.headers)))
        answer = self.answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
def make_server() -> Iterator[Callable[[], Server]]:
    """`make_server()`: a started Server."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runners = []

    def make() -> Server:
        server = Server()

        async def start() -> web.AppRunner:
            app = web.Application()
            app.router.add_route("*", "/{tail:.*}", server.handle)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            return runner

        runners.append(asyncio.run_coroutine_threadsafe(start(), loop).result(10))
        server.url = f"http://127.0.0.1:{runners[-1].addresses[0][1]}/v1"
        return server

    yield make
    for runner in runners:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


@pytest.fixture
def server(make_server: Callable[[], Server]) -> Server:
    return make_server()


@pytest.fixture
def png() -> bytes:
    """A small image."""
    from ovt.curate.doctor import red_square

    return red_square()


@pytest.fixture
def fill_all(tmp_path: Path, loopback: Any, png: bytes) -> Callable[..., Filled]:
    """`fill_all(requests, budget=…, **section)`: one fill against the loopback server, into one store per test."""

    def run(
        requests: Iterable[ChatRequest],
        budget: Budget | None = None,
        patience_s: float | None = None,
        retry: Iterable[str] = (),
        **section: Any,
    ) -> Filled:
        asked = list(requests)
        wanted: dict[str, Any] = {"base_url": loopback.url, "model": "test-model", "max_concurrency": 16, **section}
        endpoint = open_endpoint("tester", EndpointSection(**wanted), ENVIRON)
        endpoint.urls.patience_s = patience_s or endpoint.urls.patience_s
        tally = Tally()

        async def work(store: ReplyStore) -> None:
            async with endpoint:
                work = Work(endpoint, store, budget or Budget(), tally, lambda image: png, retry=frozenset(retry))
                await fill(iter(asked), work)

        with ReplyStore(tmp_path / "replies.sqlite") as store:
            asyncio.run(work(store))
            return Filled(read_back(asked, endpoint, store), tally, endpoint)

    return run


def read_back(requests: list[ChatRequest], endpoint: Endpoint, store: ReplyStore) -> list[list[Reply]]:
    """The replies and failures of `requests`, as a stage reads them."""
    keys = [key for request in requests for key in endpoint.keys(request)]
    found = {**store.get_failures(keys), **store.get_many(keys)}
    return [[found[key] for key in endpoint.keys(request)] for request in requests]


@pytest.fixture
def questions() -> Callable[..., list[ChatRequest]]:
    """`questions(count, n=…, **sampling)`: requests with different texts."""

    def make(count: int, n: int = 1, **sampling: Any) -> list[ChatRequest]:
        return [ChatRequest(({"role": "user", "content": f"question {i}?"},), sampling, n) for i in range(count)]

    return make
