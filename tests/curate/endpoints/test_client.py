"""`fill` against a real server: every reply wanted is there afterwards, or its failure is; nothing is asked twice."""

import asyncio
import gc
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovt.core.errors import BudgetReached, CallError, EndpointError, OvtError
from ovt.core.progress import Tally
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.client import fill, only_new_garbage
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.jobs import TOGETHER, Work
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.stopping import stopped
from ovt.curate.endpoints.store import ReplyStore

ALL_KINDS = ("429", "503", "500", "drop", "cut", "truncated", "empty", "null", "no_choices", "slow")
PRICES = {"usd_per_million_prompt_tokens": 1000.0, "usd_per_million_completion_tokens": 3000.0}


def test_every_sample_gets_its_reply(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    filled = fill_all(questions(20, n=4, temperature=0.5))
    assert (filled.tally.done, filled.tally.failed, filled.tally.in_flight) == (80, 0, 0)
    assert len(loopback.seen) == 20
    assert {seen.n for seen in loopback.seen} == {4}
    assert all(len(set(texts)) == 4 for texts in filled.texts)
    reply = filled.replies[0][0]
    assert (reply.finish_reason, reply.model, reply.url) == ("stop", "test-model", loopback.url)
    assert reply.latency_s > 0
    assert loopback.seen[0].body["temperature"] == 0.5


def test_a_second_fill_asks_nothing(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    first = fill_all(questions(20, n=2))
    asked = len(loopback.seen)
    second = fill_all(questions(20, n=2))
    assert len(loopback.seen) == asked
    assert second.replies == first.replies
    assert (second.tally.cached, second.tally.done, second.tally.cost_usd) == (40, 0, 0)


@pytest.mark.parametrize("seed", [None, 7])
def test_from_four_samples_to_eight_the_first_four_are_used_again(
    loopback: Any, fill_all: Callable, questions: Callable, seed: int | None
) -> None:
    sampling = {} if seed is None else {"seed": seed}
    four = fill_all(questions(5, n=4, **sampling))
    eight = fill_all(questions(5, n=8, **sampling))
    assert [texts[:4] for texts in eight.texts] == four.texts
    assert (eight.tally.cached, eight.tally.done) == (20, 20)
    assert Counter(seen.n for seen in loopback.seen) == {4: 10}
    if seed is not None:
        assert all(len(set(texts)) == 8 for texts in eight.texts)


def test_equal_requests_are_sent_once(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.latency_s = 0.05
    filled = fill_all(questions(3, n=2) * 10)
    assert len(loopback.seen) == 3
    assert (filled.tally.done, filled.tally.cached) == (6, 54)


def test_two_fills_at_once_pay_once(loopback: Any, questions: Callable, tmp_path: Path) -> None:
    loopback.latency_s = 0.01
    section = EndpointSection(base_url=loopback.url, model="test-model", max_concurrency=8)
    tallies = [Tally(), Tally()]

    async def run(n: int, tally: Tally) -> None:
        with ReplyStore(tmp_path / "replies.sqlite") as store:
            async with open_endpoint("tester", section, environ={}) as endpoint:
                await fill(questions(60, n=n, seed=1), Work(endpoint, store, Budget(), tally, lambda image: b""))

    async def both() -> None:
        await asyncio.gather(run(2, tallies[0]), run(3, tallies[1]))

    asyncio.run(both())
    assert [tally.done + tally.cached for tally in tallies] == [120, 180]
    assert sum(seen.n for seen in loopback.seen) == sum(tally.done for tally in tallies) == 180
    assert min(tally.done for tally in tallies) > 10  # each goes on with what the other is not sending


@pytest.mark.parametrize("server", [{"honours_n": False}, {"max_n": 1}])
def test_where_n_is_not_honoured_samples_are_asked_for_singly(
    loopback: Any, fill_all: Callable, questions: Callable, server: dict[str, Any]
) -> None:
    together = fill_all(questions(12, n=4, seed=3), extra_body={"user": "first"}).texts
    loopback.seen.clear()
    for name, value in server.items():
        setattr(loopback, name, value)
    filled = fill_all(questions(12, n=4, seed=3), max_concurrency=2)
    assert filled.texts == together  # the same samples, however they were asked for
    assert filled.endpoint.honours_n is False
    assert sum(seen.n > 1 for seen in loopback.seen) <= 2  # learned from the first calls
    assert sum(seen.outcome == "answered" for seen in loopback.seen) <= 12 * 4


def test_images_are_read_only_to_be_sent(loopback: Any, fill_all: Callable) -> None:
    content = [{"type": "image", "image": "abc"}, {"type": "text", "text": "what is it?"}]
    filled = fill_all([ChatRequest(({"role": "user", "content": content},), {}, 2)])
    (seen,) = loopback.seen
    assert seen.body["messages"][0]["content"][0]["image_url"]["url"].startswith("data:image/png;base64,")
    assert filled.tally.done == 2


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_thinking_that_a_server_moved_away_is_put_back(
    loopback: Any, fill_all: Callable, questions: Callable, field: str
) -> None:
    loopback.reasoning = field
    (texts,) = fill_all(questions(1, n=2)).texts
    assert all(text.startswith("<think> about") and "</think> <answer>" in text for text in texts)


def test_a_cut_off_reply_is_kept_as_such(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    ((reply,),) = fill_all(questions(1, max_tokens=3)).replies
    assert reply.text is not None
    assert reply.text.startswith("<think> about")
    assert (reply.finish_reason, reply.completion_tokens, reply.error) == ("length", 3, None)


def test_usage_and_cost_add_up_to_what_the_server_counted(
    loopback: Any, fill_all: Callable, questions: Callable
) -> None:
    filled = fill_all(questions(9, n=3), **PRICES)
    replies = [reply for of_request in filled.replies for reply in of_request]
    prompt = sum(seen.prompt_tokens for seen in loopback.seen)
    completion = sum(seen.completion_tokens for seen in loopback.seen)
    assert filled.tally.prompt_tokens == sum(reply.prompt_tokens for reply in replies) == prompt
    assert filled.tally.completion_tokens == sum(reply.completion_tokens for reply in replies) == completion
    assert filled.tally.cost_usd == pytest.approx((prompt * 1000 + completion * 3000) / 1e6)
    assert sum(reply.cost_usd for reply in replies) == pytest.approx(filled.tally.cost_usd)


@pytest.mark.parametrize("n", [1, 3])
def test_under_chaos_every_sample_ends_answered(loopback: Any, fill_all: Callable, questions: Callable, n: int) -> None:
    loopback.chaos = replace(loopback.chaos, share=0.2, kinds=ALL_KINDS, slow_s=0.2)
    disturbed = fill_all(questions(150, n=n, seed=1), max_concurrency=32)
    assert (disturbed.tally.done, disturbed.tally.failed) == (150 * n, 0)
    failed = Counter(seen.outcome for seen in loopback.seen)
    assert set(failed) > {"429", "500", "drop", "truncated", "slow"}
    quiet = type(loopback)()
    with quiet:
        wanted = fill_all(questions(150, n=n, seed=1), base_url=quiet.url, model="test-model")
    assert not quiet.seen  # all of it was in the store
    assert all(text for texts in wanted.texts for text in texts)


def test_an_empty_reply_is_asked_for_once_more_and_then_a_failure(
    loopback: Any, fill_all: Callable, questions: Callable
) -> None:
    loopback.reply = lambda body, choice: "" if choice == 1 or body.get("n", 1) == 1 else "something"
    filled = fill_all(questions(4, n=3), **PRICES)
    assert filled.texts == [["something", None, "something"]] * 4
    assert {replies[1].error for replies in filled.replies} == {"an empty reply"}
    assert len(loopback.seen) == 8
    assert filled.tally.failed == 4
    spent = sum(seen.prompt_tokens * 1000 + seen.completion_tokens * 3000 for seen in loopback.seen) / 1e6
    assert filled.tally.cost_usd == pytest.approx(spent)
    loopback.reply = lambda body, choice: "mended"
    mended = fill_all(questions(4, n=3), **PRICES)
    assert mended.texts == [["something", "mended", "something"]] * 4


def test_a_refused_request_is_its_own_failure(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.status = lambda body: (400, {"error": {"message": "too long"}}) if "question 3" in str(body) else None
    filled = fill_all(questions(10, n=2))
    assert (filled.tally.done, filled.tally.failed) == (18, 2)
    assert [reply.text for reply in filled.replies[3]] == [None, None]
    assert [reply.error for reply in filled.replies[3]] == ["HTTP 400: too long"] * 2
    assert filled.endpoint.honours_n
    loopback.status = lambda body: None
    again = fill_all(questions(10, n=2))  # a failure is tried again by the next build
    assert (again.tally.done, again.tally.failed, again.tally.cached) == (2, 0, 18)


def test_the_last_error_is_told(
    loopback: Any, tmp_path: Path, questions: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ovt.curate.endpoints.client.FIRST_BACKOFF_S", 0.001)
    tally, told = Tally(), []

    def status(body: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        told.append((tally.error, tally.retries, tally.in_flight, tally.begun, tally.width, tally.waits()))
        return (500, {"error": "out of memory"}) if len(told) == 1 else None

    loopback.status = status

    async def run(store: ReplyStore) -> None:
        section = EndpointSection(base_url=loopback.url, model="test-model", max_concurrency=1)
        async with open_endpoint("tester", section) as endpoint:
            await fill(questions(2), Work(endpoint, store, Budget(), tally, lambda image: b""))

    began = time.monotonic()
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        asyncio.run(run(store))
    under_way = (1, 1, 1, f"waiting for {loopback.url} to answer")
    again = ("HTTP 500: out of memory", 1, *under_way)
    assert told == [("", 0, *under_way), again, again]
    assert tally.waits() == ""
    assert tally.heard > began


def test_what_keeps_failing_is_given_up_after_its_retries(
    loopback: Any, fill_all: Callable, questions: Callable
) -> None:
    loopback.status = lambda body: (500, {"error": {"message": "boom"}}) if "question 3" in str(body) else None
    filled = fill_all(questions(10), max_retries=2)
    assert (filled.tally.done, filled.tally.failed) == (9, 1)
    assert filled.replies[3][0].error == "HTTP 500: boom"
    assert sum(seen.outcome == "500" for seen in loopback.seen) == 3


def test_retry_after_is_honoured(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.chaos = replace(loopback.chaos, share=0.5, kinds=("429",), retry_after="1", seed=3)
    began = time.monotonic()
    filled = fill_all(questions(1))
    refusals = sum(seen.outcome == "429" for seen in loopback.seen)
    assert refusals >= 1
    assert time.monotonic() - began >= refusals
    assert filled.tally.done == 1


def test_a_long_retry_after_stops_the_build(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.chaos = replace(loopback.chaos, share=1.0, kinds=("429",), retry_after="86400")
    with pytest.raises(OvtError, match="asks clients to wait 86400 s"):
        fill_all(questions(5))


@pytest.mark.parametrize("kind", ["limited", "broken"])  # a 500 may have a Retry-After, too
def test_nobody_sleeps_for_a_day(kind: Any) -> None:
    endpoint = open_endpoint("tester", EndpointSection(base_url="http://a/v1", model="m"))
    error = CallError(kind, "HTTP 500: later", 500, retry_after=86400)
    assert "asks clients to wait 86400 s" in str(stopped(error, endpoint.urls.all[0], endpoint))


@pytest.mark.parametrize(
    ("server", "section", "message"),
    [
        ({"api_key": "right"}, {}, r"refuses: HTTP 401.*api_key_env in \[endpoints.tester\]"),
        ({"api_key": "right"}, {"api_key_env": "TEST_KEY"}, r"HTTP 401: Incorrect API key provided: Bearer \[key\]"),
        ({"models": ("other",)}, {}, r"HTTP 404: The model `test-model` does not exist.*model = \"test-model\""),
        ({"status": lambda body: (402, {"error": "no credit"})}, {}, "no credit.*check the account's balance"),
        (
            {"status": lambda body: (403, {"detail": "not for you"})},
            {},
            "a chat-completions API with this model: HTTP 403: not for you",
        ),
    ],
)
def test_what_no_retry_can_fix_stops_the_build_in_one_line(
    loopback: Any, fill_all: Callable, questions: Callable, server: dict, section: dict, message: str
) -> None:
    for name, value in server.items():
        setattr(loopback, name, value)
    with pytest.raises(OvtError, match=message) as raised:
        fill_all(questions(20), **section)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_a_wrong_path_and_a_web_page_are_told(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    with pytest.raises(OvtError, match=r"HTTP 404.*usually it ends in /v1"):
        fill_all(questions(3), base_url=loopback.url.removesuffix("/v1"))
    loopback.chaos = replace(loopback.chaos, share=1.0, kinds=("html",))
    with pytest.raises(OvtError, match="not an answer in JSON: <html>a login page"):
        fill_all(questions(3))


def test_a_403_amid_good_answers_is_that_requests_failure(
    loopback: Any, fill_all: Callable, questions: Callable
) -> None:
    loopback.status = lambda body: (403, {"error": "flagged"}) if "question 9?" in str(body) else None
    filled = fill_all(questions(10), max_concurrency=1)
    assert (filled.tally.done, filled.tally.failed) == (9, 1)


def test_nothing_but_failures_stops_the_build(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.status = lambda body: (500, {"error": {"message": "engine is dead"}})
    with pytest.raises(OvtError, match=r"the last \d+ requests failed, the latest with: HTTP 500: engine is dead"):
        fill_all(questions(200), max_retries=0)


def test_secrets_are_nowhere_in_the_store(
    loopback: Any, fill_all: Callable, questions: Callable, tmp_path: Path
) -> None:
    loopback.api_key = "sk-very-secret-1234"
    refuse = (400, {"error": {"message": "cannot serve sk-very-secret-1234"}})
    loopback.status = lambda body: refuse if "question 1" in str(body) else None
    filled = fill_all(questions(3), api_key_env="TEST_KEY")
    assert loopback.seen[0].authorization == "Bearer sk-very-secret-1234"
    assert filled.replies[1][0].error == "HTTP 400: cannot serve [key]"
    for file in filter(Path.is_file, tmp_path.rglob("*")):
        assert b"very-secret" not in file.read_bytes()


def test_requests_are_consumed_only_as_fast_as_they_are_answered(
    loopback: Any, questions: Callable, tmp_path: Path
) -> None:
    taken: list[ChatRequest] = []
    stream = (taken.append(request) or request for request in questions(2000))
    loopback.status = lambda body: (401, {"error": "stop here"}) if "question 300?" in str(body) else None

    async def run(store: ReplyStore) -> None:
        section = EndpointSection(base_url=loopback.url, model="test-model", max_concurrency=8)
        async with open_endpoint("tester", section) as endpoint:
            await fill(stream, Work(endpoint, store, Budget(), Tally(), lambda image: b""))

    with ReplyStore(tmp_path / "replies.sqlite") as store, pytest.raises(OvtError, match="stop here"):
        asyncio.run(run(store))
    assert len(taken) <= 300 + 8 + 2 * TOGETHER


def test_a_fill_keeps_the_garbage_collector_from_what_was_there(
    loopback: Any, fill_all: Callable, questions: Callable
) -> None:
    frozen: list[int] = []
    loopback.status = lambda body: frozen.append(gc.get_freeze_count())
    fill_all(questions(2))
    assert min(frozen) > 0
    assert gc.get_freeze_count() == 0
    with only_new_garbage():
        fill_all(questions(1, seed=1))  # one within another leaves the end to that one
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_requests_per_minute_hold(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    began = time.monotonic()
    fill_all(questions(11), requests_per_minute=600)  # one every 100 ms
    assert time.monotonic() - began >= 1.0


def test_tokens_per_minute_hold(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    began = time.monotonic()
    filled = fill_all(questions(20, max_tokens=10), tokens_per_minute=6000)
    used = filled.tally.prompt_tokens + filled.tally.completion_tokens
    assert time.monotonic() - began >= (used - 20) * 60 / 6000 * 0.9
    assert filled.tally.done == 20


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 2000), st.integers(0, 10_000), st.booleans())
def test_no_budget_is_overspent_whatever_goes_wrong(
    loopback: Any, fill_all: Callable, tmp_path: Path, max_tokens: int, salt: int, in_usd: bool
) -> None:
    kinds = ("429", "500", "drop", "cut", "truncated", "empty", "no_choices")
    loopback.chaos = replace(loopback.chaos, share=0.2, kinds=kinds, seed=salt)
    loopback.seen.clear()
    asked = [
        ChatRequest(({"role": "user", "content": f"{salt} question {number}?"},), {"max_tokens": 8}, 2)
        for number in range(30)
    ]
    budget = Budget(max_usd=max_tokens * 3000 / 1e6) if in_usd else Budget(max_tokens=max_tokens)
    with suppress(BudgetReached):
        fill_all(asked, budget=budget, **PRICES)
    billed = [seen for seen in loopback.seen if seen.outcome not in ("429", "500")]
    prompt = sum(seen.prompt_tokens for seen in billed)
    completion = sum(seen.completion_tokens for seen in billed)
    assert prompt + completion <= budget.spent_tokens
    if in_usd:
        assert (prompt * 1000 + completion * 3000) / 1e6 <= max_tokens * 3000 / 1e6 + 1e-9
    else:
        assert prompt + completion <= max_tokens


def test_after_the_budget_is_reached_a_larger_one_goes_on(
    loopback: Any, fill_all: Callable, questions: Callable
) -> None:
    with pytest.raises(BudgetReached, match="of 100 tokens used"):
        fill_all(questions(30, max_tokens=10), budget=Budget(max_tokens=100))
    before = len(loopback.answered)
    assert 0 < before < 30
    filled = fill_all(questions(30, max_tokens=10), budget=Budget(max_tokens=10_000))
    assert (filled.tally.cached, filled.tally.done) == (before, 30 - before)
    assert len(loopback.answered) == 30


def test_a_budget_needs_bounds_and_prices(fill_all: Callable, questions: Callable) -> None:
    with pytest.raises(OvtError, match="set max_tokens"):
        fill_all(questions(1), budget=Budget(max_tokens=1000))
    with pytest.raises(OvtError, match="--max-usd needs prices"):
        fill_all(questions(1, max_tokens=5), budget=Budget(max_usd=1.0), base_url="http://models.example.org/v1")


def test_an_underestimate_is_learned_from(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    filled = fill_all(questions(5, max_tokens=5), budget=Budget(max_tokens=10_000), max_concurrency=1)
    assert filled.endpoint.prompt_scale == 1.0
    loopback.usage = False
    without = fill_all(questions(9, max_tokens=5), budget=(budget := Budget(max_tokens=10_000)))
    assert without.tally.completion_tokens == 0
    assert budget.spent_tokens >= 4 * 5  # unknown usage counts as the worst case


def test_an_endpoints_error_has_fields_to_act_upon(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.api_key = "right"
    with pytest.raises(EndpointError) as raised:
        fill_all(questions(3))
    error = raised.value
    assert (error.endpoint, error.kind, error.where) == ("tester", "denied", 'endpoint "tester"')
    assert error.what.startswith(f"{loopback.url} refuses: HTTP 401")
    assert error.fix.startswith("put a valid key")
    assert str(error) == f"{error.where}: {error.what}; {error.fix}"
