"""A dry run says what a fill would send."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ovt.core.progress import Tally
from ovt.curate.endpoints.budget import Budget
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.endpoint import open_endpoint
from ovt.curate.endpoints.jobs import Expected, Work, expected
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.endpoints.store import ReplyStore


def dry_run(requests: list[ChatRequest], url: str, path: Path, png: bytes, **section: Any) -> Expected:
    endpoint = open_endpoint("tester", EndpointSection(base_url=url, model="test-model", **section), environ={})
    with ReplyStore(path / "replies.sqlite") as store:
        return expected(requests, Work(endpoint, store, Budget(), Tally(), lambda image: png))


def test_a_dry_run_counts_what_is_left_and_sends_nothing(
    loopback: Any, fill_all: Callable, questions: Callable, tmp_path: Path, png: bytes
) -> None:
    fill_all(questions(4, n=2, max_tokens=10))
    loopback.seen.clear()
    asked = questions(10, n=4, max_tokens=10)
    prices = {"usd_per_million_prompt_tokens": 1.0, "usd_per_million_completion_tokens": 100.0}
    found = dry_run(asked, loopback.url, tmp_path, png, **prices)
    assert not loopback.seen
    assert (found.wanted, found.answered, found.calls, found.bounded) == (40, 8, 10, True)
    assert found.completion_tokens == (found.wanted - found.answered) * 10
    assert found.cost_usd == pytest.approx((found.prompt_tokens + 100 * found.completion_tokens) / 1e6)
    filled = fill_all(asked)
    assert len(loopback.seen) == found.calls
    assert filled.tally.completion_tokens <= found.completion_tokens
    assert filled.tally.prompt_tokens <= found.prompt_tokens
    again = dry_run(asked, loopback.url, tmp_path, png)
    assert (again.wanted, again.answered, again.calls) == (40, 40, 0)


def test_images_count_by_their_size(loopback: Any, tmp_path: Path, png: bytes) -> None:
    content = [{"type": "image", "image": "abc"}, {"type": "text", "text": "x" * 300}]
    found = dry_run([ChatRequest(({"role": "user", "content": content},))], loopback.url, tmp_path, png)
    assert found.cost_usd is None  # the endpoint has no prices
    assert found.prompt_tokens == 100 + 16 + 2 + 8  # text, 112 × 112 px, its two marks, the message
    assert (found.completion_tokens, found.bounded) == (0, False)
