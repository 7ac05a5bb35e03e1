"""A fill of a few requests, in one line."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ovt.core.progress import Tally
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest, Reply
from ovt.curate.endpoints.client import fill
from ovt.curate.endpoints.endpoint import Endpoint, open_endpoint
from ovt.curate.endpoints.jobs import Work
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.store import ReplyStore


@dataclass(frozen=True)
class Filled:
    """What a fill left behind; `replies[i][j]` is sample j of request i, failures included."""

    replies: list[list[Reply]]
    tally: Tally
    endpoint: Endpoint

    @property
    def texts(self) -> list[list[str | None]]:
        return [[reply.text for reply in of_request] for of_request in self.replies]


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
        endpoint = open_endpoint("tester", EndpointSection(**wanted), environ={"TEST_KEY": "sk-very-secret-1234"})
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
