"""An embedded model is an endpoint like any other: same path, same store."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ovt.core.errors import CallError, OvtError
from ovt.core.progress import Tally
from ovt.core.registry import MODELS
from ovt.curate.doctor import probe
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.client import fill
from ovt.curate.endpoints.desk import Engine
from ovt.curate.endpoints.embedded import Row, advance, read_rows
from ovt.curate.endpoints.endpoint import FOLDERS, open_endpoint
from ovt.curate.endpoints.jobs import Work
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.store import ReplyStore


class Parrot:
    """The smallest model: answers with its prompt, in this process."""

    def __init__(self, what: str) -> None:
        self.revision = f"weights of {what}"
        self.closed = 0

    async def send(self, body: dict[str, Any]) -> dict[str, Any]:
        said = body["messages"][-1]["content"]
        choices = [
            {"index": i, "message": {"content": f"{said} {i}"}, "finish_reason": "stop"} for i in range(body["n"])
        ]
        return {"choices": choices, "model": body["model"], "usage": {"prompt_tokens": 1, "completion_tokens": 2}}

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def parrot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parrots in the place of the registered models: one by its name, and whatever a folder holds."""
    for name in ("parrot", FOLDERS):
        monkeypatch.setitem(MODELS.added, name, Parrot)


def test_an_embedded_model_answers_in_each_event_loop(tmp_path: Path) -> None:
    endpoint = open_endpoint("near", EndpointSection(base_url="embedded:models/parrot"))
    assert (endpoint.model, endpoint.revision) == ("parrot", "weights of models/parrot")
    requests = [ChatRequest(({"role": "user", "content": f"hi {i}"},), {}, 2) for i in range(5)]

    async def run(count: int, store: ReplyStore) -> Tally:
        tally = Tally()
        async with endpoint:
            await fill(requests[:count], Work(endpoint, store, Budget(max_usd=1.0), tally, lambda image: b""))
        return tally

    requests = [ChatRequest(request.messages, {"max_tokens": 4}, 2) for request in requests]
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        assert asyncio.run(run(3, store)).done == 6
        assert asyncio.run(run(5, store)).done == 4
        assert store.get_many(endpoint.keys(requests[4]))[endpoint.keys(requests[4])[1]].text == "hi 4 1"
    assert endpoint.urls.all[0].name == "embedded:models/parrot"


def test_other_weights_are_other_replies() -> None:
    request = ChatRequest(({"role": "user", "content": "hi"},))
    first = open_endpoint("a", EndpointSection(base_url="embedded:x", model="m"))
    second = open_endpoint("a", EndpointSection(base_url="embedded:y", model="m"))
    assert first.keys(request) != second.keys(request)


def test_a_reply_ends_at_its_stop_string_without_decoding_all_of_it_at_each_token() -> None:
    seen, text = 0, "é" * 2_000 + "the end"

    def decode(ids: list[int]) -> str:
        nonlocal seen
        seen += len(ids)
        return bytes(token for token in ids if token).decode(errors="replace")  # 0: a token without a text

    row = Row(0, np.random.default_rng(0), max_tokens=10_000, stops=("e end", "nothing"))
    tokens = [part for byte in text.encode() for part in ([byte, 0] if byte == ord("t") else [byte])] + [ord("!")]
    for token in tokens:
        if row.finish is None:
            advance(row, token, frozenset(), decode)
    assert (row.finish, row.ids) == ("stop", tokens[:-1])
    assert seen < 100 * len(tokens)


def test_what_an_embedded_model_would_ignore_is_refused() -> None:
    body = {"model": "m", "messages": [], "max_tokens": 5, "max_completion_tokens": 7, "seed": None, "min_p": None}
    (row,) = read_rows(body, 100, lambda seed, index: np.random.default_rng(0))
    assert row.max_tokens == 7
    with pytest.raises(CallError, match="an embedded model does not read min_p: leave it out, or use a server"):
        read_rows(body | {"min_p": 0.1}, 100, lambda seed, index: np.random.default_rng(0))


def test_an_engine_that_cannot_begin_says_so_to_everybody_who_waits() -> None:
    class Broken(Engine):
        def read(self, body: Any) -> Any:
            return SimpleNamespace(rows=range(1), length=1, pictures=False)

        def prepare(self) -> None:
            raise RuntimeError("no such device")

    async def ask() -> list[Any]:
        engine = Broken()
        found = await asyncio.gather(*(engine.send({}) for _ in range(3)), return_exceptions=True)
        await engine.close()
        return found

    assert [str(one) for one in asyncio.run(asyncio.wait_for(ask(), 20))] == ["no such device"] * 3


def test_an_embedded_model_can_be_probed() -> None:
    async def run() -> Any:
        async with open_endpoint("near", EndpointSection(base_url="embedded:parrot")) as endpoint:
            return await probe(endpoint)

    (found,) = asyncio.run(run())
    assert (found.error, found.models, found.honours_n) == (None, None, True)


def test_what_an_embedded_model_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_torch(model: str) -> Any:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.setitem(MODELS.added, "parrot", without_torch)
    with pytest.raises(OvtError, match=r"embedded:parrot needs torch.*pip install 'ovt\[train\]'.*base_url"):
        open_endpoint("near", EndpointSection(base_url="embedded:parrot"))
