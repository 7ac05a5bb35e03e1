"""Servers as they really are, one behaviour per URL path, where the folder with them is present: mode → outcome.

Time runs faster for both sides, so that a server's minute takes a few seconds.
"""

import asyncio
import hashlib
import importlib.util
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ovt.core.errors import OvtError
from ovt.curate.endpoints import client, meanings, stopping, urls
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest, kind_of

SERVER = Path(__file__).parents[4] / "shared" / "field" / "servers" / "server.py"
pytestmark = pytest.mark.skipif(not SERVER.is_file(), reason="the awkward servers are not beside this checkout")

FASTER = 25
SAMPLING = {"temperature": 0.6, "top_p": 0.95, "max_tokens": 64}
WITHOUT = {name: {**SAMPLING, **changed} for name, changed in {
    "o_series": {"temperature": None, "top_p": None}, "claude": {"top_p": None}, "logit_refuse_seed": {"seed": None},
}.items()}  # fmt: skip


@pytest.fixture(scope="module")
def field() -> Iterator[tuple[Any, str]]:
    """(the server's module, its address), in a thread."""
    spec = importlib.util.spec_from_file_location("field_server", SERVER)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.time = SimpleNamespace(time=lambda: time.time() * FASTER)
    module.asyncio = SimpleNamespace(sleep=lambda seconds: asyncio.sleep(seconds / FASTER))
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def serve() -> None:
        from aiohttp import web

        runner = web.AppRunner(module.app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=512).start()
        module.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        ready.set()

    thread = threading.Thread(target=lambda: (loop.run_until_complete(serve()), loop.run_forever()), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield module, module.address
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting times are as much shorter as the server's clock is faster."""
    moment, words, rest = meanings.moment, meanings.wait_in_words, urls.rest_s
    monkeypatch.setattr(meanings, "moment", lambda text, now: quick(moment(text, now)))
    monkeypatch.setattr(meanings, "wait_in_words", lambda said: quick(words(said)))
    monkeypatch.setattr(urls, "rest_s", lambda times: rest(times) / FASTER)
    monkeypatch.setattr(urls, "PATIENCE_S", urls.PATIENCE_S / FASTER)
    for module in (urls, stopping):
        monkeypatch.setattr(module, "LONGEST_WAIT_S", module.LONGEST_WAIT_S / FASTER)
    for name in ("FIRST_BACKOFF_S", "LONGEST_BACKOFF_S", "LEAST_WAIT_S"):
        monkeypatch.setattr(client, name, getattr(client, name) / FASTER)


def quick(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / FASTER


def asked(count: int, n: int, mode: str, **more: Any) -> list[ChatRequest]:
    sampling = {name: value for name, value in {**WITHOUT.get(mode, SAMPLING), **more}.items() if value is not None}
    texts = [f"{mode}: What is {number} + 2?" for number in range(count)]
    return [ChatRequest(({"role": "user", "content": text},), sampling, n) for text in texts]


def third(request: ChatRequest, part: int = 3) -> bool:
    """Whether the server picks this question for its misbehaviour."""
    text = request.messages[0]["content"]
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(), 16) % part == 0


ALL_ANSWERED = [
    "plain", "o_series", "claude", "dashscope", "reasoning", "mistral", "usage_null", "finish_null", "ra0", "ra1",
    "reset_header", "err200", "err200_429str", "keepalive", "comments", "sse_anyway", "no_n500", "no_n_clamp",
    "no_n400", "gw502", "cf524", "gzip", "reset", "halfbody", "logit_refuse_seed", "top_k_refuse", "dies", "nan",
    "bom", "redirect", "slowfirst",
]  # fmt: skip


@pytest.mark.parametrize("mode", ALL_ANSWERED)
def test_every_question_is_answered(field: tuple[Any, str], fill_all: Callable, mode: str) -> None:
    filled = fill_all(asked(12, 4, mode), base_url=f"{field[1]}/{mode}/v1", model="m", max_concurrency=8)
    assert (filled.tally.done, filled.tally.failed) == (48, 0)
    for number, texts in enumerate(filled.texts):
        for text in texts:
            assert re.match(r"<think>.+</think>", text or "", re.DOTALL), text
            assert f"<answer>{number + 2}</answer>" in text


@pytest.mark.parametrize(
    ("mode", "kind", "error"),
    [
        ("too_large", "failed", "HTTP 413: "),
        ("context", "failed", "HTTP 400: This model's maximum context length is 4096"),
        ("content_filter400", "failed", "HTTP 400: The response was filtered"),
        ("content_filter", "filtered", "withheld by a content filter: finish_reason content_filter"),
        ("refusal", "refusal", "the model refuses to answer: I can't help with that."),
        ("tool_calls", "tool_calls", "a tool call in place of a text"),
    ],
)
def test_some_questions_fail_with_a_reason(
    field: tuple[Any, str], fill_all: Callable, mode: str, kind: str, error: str
) -> None:
    requests = asked(12, 4, mode)
    filled = fill_all(requests, base_url=f"{field[1]}/{mode}/v1", model="m", max_concurrency=8)
    assert 0 < filled.tally.failed < 48
    for request, replies in zip(requests, filled.replies, strict=True):
        assert {kind_of(reply) for reply in replies} == {kind if third(request) else "answered"}
        assert all((reply.error or "").startswith(error) for reply in replies if reply.error)


def test_geminis_errors_are_read(field: tuple[Any, str], fill_all: Callable) -> None:
    requests = asked(12, 4, "gemini_array")
    filled = fill_all(requests, base_url=f"{field[1]}/gemini_array/v1", model="m", max_concurrency=8)
    failed = [replies for request, replies in zip(requests, filled.replies, strict=True) if third(request, 4)]
    assert filled.tally.failed == 4 * len(failed)
    assert all(reply.error == "HTTP 400: Unable to process input image." for replies in failed for reply in replies)


def test_a_broken_template_leaves_failures_that_are_asked_again(field: tuple[Any, str], fill_all: Callable) -> None:
    filled = fill_all(asked(12, 4, "degrade"), base_url=f"{field[1]}/degrade/v1", model="m", max_concurrency=8)
    kinds = Counter(kind_of(reply) for replies in filled.replies for reply in replies)
    assert set(kinds) == {"answered", "empty"}
    mended = fill_all(asked(12, 4, "degrade"), base_url=f"{field[1]}/plain/v1", model="m", max_concurrency=8)
    assert mended.tally.done == kinds["empty"]


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("keylimit", "refuses: HTTP 403: Key limit exceeded .*check the account's balance"),
        ("gone404", "has lost its model: HTTP 404: model 'm' not found .*load it again"),
        ("auth401", r"refuses: HTTP 401: Incorrect API key provided: Bearer \[key\].*put a valid key"),
        ("quota", "You exceeded your current quota.*check the account's balance"),
        ("ra3600", "asks clients to wait 3600 s|asks clients to wait 144 s"),
        ("api_key_header", "HTTP 401: Access denied due to missing subscription key"),
    ],
)
def test_what_needs_somebody_to_act_stops_at_once(
    field: tuple[Any, str], fill_all: Callable, mode: str, said: str
) -> None:
    with pytest.raises(OvtError, match=said) as raised:
        fill_all(asked(200, 1, mode), base_url=f"{field[1]}/{mode}/v1", model="m", max_concurrency=8)
    assert "\n" not in str(raised.value)
    assert field[0].S[mode]["requests"] < 60


def test_a_path_that_lm_studio_does_not_know_is_told(field: tuple[Any, str], fill_all: Callable) -> None:
    with pytest.raises(OvtError, match=r"Unexpected endpoint or method.*usually it ends in /v1"):
        fill_all(asked(12, 4, "lmstudio"), base_url=f"{field[1]}/lmstudio", model="m")


def test_a_key_goes_where_azure_has_it(field: tuple[Any, str], fill_all: Callable) -> None:
    azure = {"family": "azure", "query": {"api-version": "2024-10-21"}, "api_key_env": "TEST_KEY"}
    url = f"{field[1]}/api_key_header/v1"
    field[0].S.pop("api_key_header", None)
    filled = fill_all(asked(12, 4, "azure"), base_url=url, model="m", max_concurrency=8, **azure)
    assert filled.tally.done == 48
    sent = field[0].S["api_key_header"]["headers"][-1]
    assert sent["api-key"] == "sk-very-secret-1234"
    assert "Authorization" not in sent


def test_a_minutes_limit_is_waited_for(field: tuple[Any, str], fill_all: Callable) -> None:
    filled = fill_all(asked(150, 1, "minute"), base_url=f"{field[1]}/minute/v1", model="m", max_concurrency=64)
    assert (filled.tally.done, filled.tally.failed) == (150, 0)


def test_no_more_is_spent_than_the_budget_however_thinking_counts(field: tuple[Any, str], fill_all: Callable) -> None:
    prices = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 10.0}
    budget, url = Budget(max_usd=0.5), f"{field[1]}/gemini_usage/v1"
    with pytest.raises(OvtError, match="budget reached"):
        fill_all(asked(400, 1, "gemini_usage"), base_url=url, model="m", budget=budget, max_concurrency=64, **prices)
    billed = field[0].S["gemini_usage"]["answered"] * (50 * 1.0 + 2010 * 10.0) / 1e6
    assert 0.4 < billed <= 0.5


def test_a_captioners_thoughts_stay_out_of_its_captions(field: tuple[Any, str], fill_all: Callable) -> None:
    caption = ChatRequest(({"role": "user", "content": "Describe what you see"},), SAMPLING, keep_thinking=False)
    filled = fill_all([caption], base_url=f"{field[1]}/caption_thinks/v1", model="m")
    assert filled.texts == [["A red square with a label."]]


@pytest.mark.parametrize("mode", ["ra3600", "keylimit", "nothing_of_that_name"])
def test_one_bad_url_of_two_is_set_aside(field: tuple[Any, str], fill_all: Callable, mode: str) -> None:
    field[0].S.pop(mode, None)
    both = [f"{field[1]}/{mode}/v1", f"{field[1]}/plain/v1"]
    filled = fill_all(asked(100, 1, f"two {mode}"), base_url=both, model="m", max_concurrency=4)
    assert (filled.tally.done, filled.tally.failed) == (100, 0)
    (told,) = filled.endpoint.urls.told
    assert told.startswith(f"{field[1]}/{mode}/v1 is set aside and tried again every 5 minutes: HTTP 4")
