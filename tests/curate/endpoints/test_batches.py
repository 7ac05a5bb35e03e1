"""`batch = true`: files and batches over HTTP, left alone and come back to; whatever is missing is asked for again."""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer
from pydantic import ValidationError

from ovt.core.errors import BudgetReached, EndpointError
from ovt.core.progress import Tally
from ovt.curate.endpoints import batches
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest, Reply
from ovt.curate.endpoints.client import fill
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.jobs import Work, expected
from ovt.curate.endpoints.locks import Locks, request_number
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.store import ReplyStore
from ovt.curate.endpoints.transport import HttpTransport

KEY = "sk-very-secret-1234"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    monkeypatch.setattr(batches, "FIRST_LOOK_S", 0.001)
    monkeypatch.setattr(batches, "LONGEST_LOOK_S", 0.01)
    server = BatchServer(api_key=KEY)
    with server:
        yield server


@pytest.fixture
def ask(server: BatchServer, tmp_path: Path, png: bytes) -> Callable[..., list[list[Reply]]]:
    """`ask(requests)`: what the store has for each after a fill; `ask.tally` of the last one."""

    def run(requests: list[ChatRequest], budget: Budget | None = None, **section: Any) -> list[list[Reply]]:
        wanted: dict[str, Any] = {
            "base_url": server.url,
            "model": "test-model",
            "batch": True,
            "api_key_env": "KEY",
            **section,
        }
        endpoint = open_endpoint("slow", EndpointSection(**wanted), environ={"KEY": KEY})
        with ReplyStore(tmp_path / "replies.sqlite") as store:
            tally = Tally()
            vars(run)["tally"] = tally
            work = Work(endpoint, store, budget or Budget(), tally, lambda image: png)

            async def work_off() -> None:
                async with endpoint:
                    await fill(iter(requests), work)

            asyncio.run(asyncio.wait_for(work_off(), 60))
            keys = [endpoint.keys(request) for request in requests]
            every = [key for one in keys for key in one]
            found = store.get_failures(every) | store.get_many(every)
            return [[found[key] for key in one] for one in keys]

    return run


def records(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "replies/batches").glob("*.json"))


def texts(replies: list[list[Reply]]) -> list[list[str | None]]:
    return [[reply.text for reply in one] for one in replies]


def test_one_file_one_batch_and_custom_ids_that_are_reply_keys(server, ask, questions, tmp_path):
    asked = questions(5, n=2, seed=1, max_tokens=50)
    replies = ask(asked)
    assert all(text for one in texts(replies) for text in one)
    assert (len(server.batches), len(server.lines), server.seen) == (1, 5, [])
    assert [line["body"]["n"] for line in server.lines] == [2] * 5
    endpoint = open_endpoint("slow", EndpointSection(base_url=server.url, model="test-model"))
    assert [line["custom_id"] for line in server.lines] == [endpoint.keys(request)[0] for request in asked]
    assert (ask.tally.done, ask.tally.in_flight, ask.tally.note) == (10, 0, "")
    assert records(tmp_path) == []
    assert ask(asked) == replies
    assert len(server.batches) == 1


def test_the_replies_are_those_of_single_calls(server, ask, questions, loopback, fill_all):
    asked = questions(4, n=3, seed=7, max_tokens=50)
    alone = fill_all(asked)
    assert texts(ask(asked, revision="other")) == alone.texts
    assert [[reply.prompt_tokens for reply in one] for one in ask(asked, revision="other")] == [
        [reply.prompt_tokens for reply in one] for one in alone.replies
    ]


def test_a_build_that_is_stopped_finds_its_batch_again(server, ask, questions, tmp_path):
    server.looks = 10**9

    def interrupt(path: str) -> int | None:
        if path.startswith("GET /v1/batches/"):
            os.kill(os.getpid(), signal.SIGINT)
        return None

    server.meanwhile = interrupt
    with pytest.raises(KeyboardInterrupt):
        ask(questions(4))
    assert len(records(tmp_path)) == 1
    server.meanwhile, server.looks = (lambda path: None), 0
    server.batches["batch_0"]["left"] = 0
    assert all(one[0].text for one in ask(questions(6)))
    assert [len(server.batches), len(server.lines)] == [2, 4 + 2]  # the two that were not there before
    assert records(tmp_path) == []


def test_a_kill_between_the_record_and_the_answer_loses_no_batch(server, ask, questions, tmp_path):
    ask(questions(1))
    server.lines.clear()
    endpoint = open_endpoint("slow", EndpointSection(base_url=server.url, model="test-model"))
    keys = [endpoint.keys(request)[0] for request in questions(3)][1:]
    record = {"tag": "t1", "server": server.url, "asked": {key: [key] for key in keys}, "thinking": True}
    folder = tmp_path / "replies/batches"
    (folder / "t1.json").write_text(json.dumps(record))
    server.meanwhile = lambda path: None
    answered = ask(questions(3))  # it was never made: its requests are asked for
    assert all(one[0].text for one in answered)
    assert (len(server.batches), len(server.lines)) == (2, 2)

    more = [endpoint.keys(request)[0] for request in questions(5)][3:]
    lines = [{"custom_id": key, "body": {"model": "test-model", "messages": [{"content": key}]}} for key in more]
    server.files["file-x"] = "\n".join(map(json.dumps, lines)).encode()
    server.batches["batch_x"] = {"id": "batch_x", "status": "in_progress", "left": 0, "input_file_id": "file-x"}
    server.batches["batch_x"]["metadata"] = {"ovt": "t2"}
    (folder / "t2.json").write_text(json.dumps(record | {"tag": "t2", "asked": {key: [key] for key in more}}))
    assert all(one[0].text for one in ask(questions(5)))
    assert len(server.lines) == 2  # it was made: nothing is asked for again


@pytest.mark.parametrize("fate", ["expired", "lost", "garbage", "500", "429"])
def test_what_did_not_come_is_in_the_next_batch(server, ask, questions, fate):
    seen: set[str] = set()

    def first_time(line: Any) -> str:
        again = line["custom_id"] in seen or len(seen) % 2
        seen.add(line["custom_id"])
        return "answered" if again else fate

    server.fate = first_time
    server.ends = "expired" if fate == "expired" else "completed"
    assert all(one[0].text for one in ask(questions(6)))
    assert len(server.batches) > 1
    assert len(server.lines) < 3 * 6


def test_what_another_build_holds_does_not_hold_up_the_rest(server, ask, questions, tmp_path):
    """That build may be waiting for one of these."""
    endpoint = open_endpoint("slow", EndpointSection(base_url=server.url, model="test-model"))
    asked = questions(3)
    keys = [endpoint.keys(request)[0] for request in asked]
    locks = Locks.of(tmp_path / "replies/.locks")

    def let_go(path: str) -> None:
        if path == "POST /v1/batches" and len(server.batches) == 1:
            locks.release([request_number(keys[0])])

    server.meanwhile = let_go
    assert locks.take(request_number(keys[0]))
    assert all(one[0].text for one in ask(asked))
    assert [line["custom_id"] for line in server.lines] == [*keys[1:], keys[0]]


def test_odd_answers_about_batches_are_no_tracebacks(server, ask, questions, tmp_path, monkeypatch):
    endpoint = open_endpoint("slow", EndpointSection(base_url=server.url, model="test-model"))
    (key,) = endpoint.keys(questions(1)[0])
    record = {"tag": "t1", "server": server.url, "asked": {key: [key]}, "thinking": True}
    (tmp_path / "replies/batches").mkdir(parents=True)
    (tmp_path / "replies/batches/t1.json").write_text(json.dumps(record))
    looks, ask_server = iter([{"status": ["completed"]}, {"status": 5, "request_counts": 7}]), HttpTransport.ask

    async def odd(self: HttpTransport, path: str, content: bytes | None = None) -> dict[str, Any]:
        found = await ask_server(self, path, content)
        return found | ({"data": 5} if "?limit" in path else next(looks, {}) if content is None else {})

    monkeypatch.setattr(HttpTransport, "ask", odd)
    assert all(one[0].text for one in ask(questions(2)))


def test_what_never_comes_is_a_failure_after_three_batches(server, ask, questions):
    server.fate = lambda line: "expired" if "question 2?" in str(line) else "answered"
    replies = ask(questions(4))
    assert [one[0].error is not None for one in replies] == [False, False, True, False]
    assert "could not be executed in time" in replies[2][0].error
    assert len(server.batches) == 3


def test_a_refusal_is_that_request_s_failure(server, ask, questions):
    server.fate = lambda line: "400" if "question 2?" in str(line) else "answered"
    replies = ask(questions(4))
    assert replies[2][0].error == f"HTTP 400: {server.refusal}"
    assert (ask.tally.failed, ask.tally.done, len(server.batches)) == (1, 3, 1)


def test_a_spelling_is_learned_from_a_refusal(server, ask, questions):
    server.refusal = "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead."
    server.fate = lambda line: "400" if "max_tokens" in line["body"] else "answered"
    assert all(one[0].text for one in ask(questions(3, max_tokens=50)))
    assert [line["body"].get("max_completion_tokens") for line in server.lines] == [None] * 3 + [50] * 3


def test_fewer_choices_than_asked_for_are_asked_for_one_by_one(server, ask, questions):
    server.fate = lambda line: "short" if line["body"].get("n", 1) > 1 else "answered"
    assert all(text for one in texts(ask(questions(3, n=3, seed=1))) for text in one)
    assert [line["body"].get("n", 1) for line in server.lines] == [3] * 3 + [1] * 6


def test_an_empty_reply_is_a_failure(server, ask, questions):
    """Any number of them in a row: a batch is read to its end, since it is paid for."""
    server.reply = lambda body, choice: "a text" if "question 1?" in str(body) else ""
    replies = ask(questions(60))
    assert [one[0].error is None for one in replies] == [number == 1 for number in range(60)]
    assert (ask.tally.failed, ask.tally.done) == (59, 1)


def test_lines_that_were_not_asked_for_are_left_alone(server, ask, questions, tmp_path):
    foreign = {"custom_id": "0" * 64, "response": {"status_code": 200, "body": {"choices": []}}}
    server.extra = [json.dumps(foreign).encode(), b"[1]", b"{", b"\xff", b'{"custom_id": ["x"]}']
    assert all(one[0].text for one in ask(questions(2)))
    with ReplyStore(tmp_path / "replies.sqlite") as store:
        assert store.known(["0" * 64]) == set()


def test_a_line_without_an_end_is_not_read_into_memory(server, ask, questions, monkeypatch):
    monkeypatch.setattr(batches, "LONGEST_REPLY", 1 << 16)
    server.extra = [b"x" * (1 << 20)]
    with pytest.raises(EndpointError, match="longer than"):
        ask(questions(2))


def test_a_refused_batch_ends_the_build_in_one_line_and_can_be_made_again(server, ask, questions, tmp_path):
    server.ends = "failed"
    with pytest.raises(EndpointError, match="refuses a batch: Enqueued token limit reached"):
        ask(questions(2))
    assert records(tmp_path) == []
    server.ends = "completed"
    assert all(one[0].text for one in ask(questions(2)))


def test_a_batch_that_the_server_does_not_know_is_named_with_its_record(server, ask, questions, tmp_path):
    server.meanwhile = lambda path: 401 if path.startswith("GET") else None
    with pytest.raises(EndpointError, match="HTTP 401"):
        ask(questions(2))
    server.batches.clear()
    server.meanwhile = lambda path: None
    with pytest.raises(EndpointError, match=r"batch_0.*No batch found.*remove .*\.json"):
        ask(questions(2))


def test_errors_on_the_way_are_waited_for_and_nothing_is_made_twice(server, ask, questions):
    left = {"POST /v1/files": [500, 503], "POST /v1/batches": [500, 502], "GET /v1/batches/batch_0": [404, 500]}

    def fails(path: str) -> int | None:
        return left[path].pop() if left.get(path) else None

    server.meanwhile = fails
    assert all(one[0].text for one in ask(questions(3)))
    assert len(server.batches) == 1  # the answer to its making was lost, and it was found by its tag


def test_a_batch_costs_half_and_the_plan_says_so(server, ask, questions, tmp_path):
    prices: dict[str, Any] = {"usd_per_million_prompt_tokens": 10.0, "usd_per_million_completion_tokens": 20.0}
    ordinary = EndpointSection(base_url=server.url, model="test-model", **prices)
    section = EndpointSection(base_url=server.url, model="test-model", batch=True, **prices)
    assert section.cost_usd(1000, 1000) == 0.5 * (ordinary.cost_usd(1000, 1000) or 0)
    (one,) = ask(questions(1, max_tokens=50), **prices)
    assert one[0].cost_usd == section.cost_usd(one[0].prompt_tokens, one[0].completion_tokens)
    with ReplyStore(tmp_path / "other.sqlite") as store:
        told = [
            expected(questions(2, max_tokens=50), Work(open_endpoint("x", of), store, Budget(), Tally(), lambda i: b""))
            for of in (ordinary, section)
        ]
    assert told[1].cost_usd == 0.5 * (told[0].cost_usd or 0)


def test_the_budget_holds_before_anything_is_submitted(server, ask, questions):
    with pytest.raises(BudgetReached):
        ask(questions(4, max_tokens=1000), Budget(max_tokens=900))
    assert (server.batches, server.files) == ({}, {})
    budget = Budget(max_tokens=2500)
    assert all(one[0].text for one in ask(questions(4, max_tokens=1000), budget))
    assert [len(batch) > 0 for batch in server.batches.values()] == [True, True]  # two fitted at first
    assert budget.spent_tokens == ask.tally.prompt_tokens + ask.tally.completion_tokens < 200


def test_large_files_are_cut(server, ask, questions, monkeypatch):
    monkeypatch.setattr(batches, "MOST_LINES", 2)
    assert all(one[0].text for one in ask(questions(5)))
    assert len(server.batches) == 3
    monkeypatch.setattr(batches, "MOST_BYTES", 1)
    assert all(one[0].text for one in ask(questions(3), revision="other"))
    assert len(server.batches) == 6


def test_the_key_is_in_no_file_there_or_here(server, ask, questions, tmp_path):
    server.reply = lambda body, choice: f"the key is {KEY}"
    server.looks = 3
    replies = ask(questions(2))
    assert replies[0][0].text == "the key is [key]"
    sent = [content for name, content in server.files.items() if not name.startswith("file-output")]
    assert not any(KEY.encode() in content for content in sent)
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "more", [{"stream": True}, {"base_url": "embedded:pocket"}, {"base_url": ["http://a", "http://b"]}]
)
def test_what_does_not_go_with_batches_is_refused(more):
    with pytest.raises(ValidationError, match="batch = true needs a single base_url"):
        EndpointSection(**{"base_url": "http://127.0.0.1:9/v1", "model": "m", "batch": True} | more)
