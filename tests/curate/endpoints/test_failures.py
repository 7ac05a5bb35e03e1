"""Replies that are no answer, and failures that are all alike."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ovt.core.errors import EndpointError
from ovt.curate.endpoints.failures import in_common

NOT_FOUND = (404, {"error": {"message": "The model `m` does not exist (req_9f2c11)"}})
TOO_LARGE = (400, {"error": {"message": "image 9 is too large"}})


def test_what_differs_between_equal_refusals_is_left_out() -> None:
    assert in_common("HTTP 404: no model (req_9f2c11)") == in_common("HTTP 404: no model (req_77ab00)")
    assert in_common("HTTP 400: image too large") != in_common("HTTP 400: prompt too long")


@pytest.mark.parametrize("share", ["empty", "null"])
def test_an_empty_reply_is_asked_again_by_the_next_build(
    loopback: Any, fill_all: Callable, questions: Callable, share: str
) -> None:
    loopback.chaos = replace(loopback.chaos, share=1.0, kinds=(share,))
    filled = fill_all(questions(3))
    assert (filled.tally.done, filled.tally.failed) == (0, 3)
    assert {reply.error for (reply,) in filled.replies} == {"an empty reply"}
    assert filled.tally.prompt_tokens == sum(seen.prompt_tokens for seen in loopback.seen)
    loopback.chaos = replace(loopback.chaos, share=0.0)
    again = fill_all(questions(3))
    assert (again.tally.done, again.tally.failed) == (3, 0)


@pytest.mark.parametrize("count", [1, 3, 200])
def test_the_same_refusal_of_every_request_is_one_line(
    loopback: Any, fill_all: Callable, questions: Callable, count: int
) -> None:
    loopback.status = lambda body: TOO_LARGE
    with pytest.raises(EndpointError, match=r"requests failed.*HTTP 400: image 9 is too large"):
        fill_all(questions(count), max_concurrency=4)
    assert len(loopback.seen) <= 14


def test_a_model_that_goes_away_is_one_line(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.status = lambda body: NOT_FOUND if len(loopback.seen) > 20 else None
    with pytest.raises(EndpointError, match=r"has lost its model: HTTP 404: .*; load it again"):
        fill_all(questions(300), max_concurrency=4)
    assert len(loopback.seen) < 40


def test_single_refusals_among_answers_are_rows(loopback: Any, fill_all: Callable, questions: Callable) -> None:
    loopback.status = lambda body: TOO_LARGE if "7?" in str(body) else None
    filled = fill_all(questions(80))
    assert (filled.tally.done, filled.tally.failed) == (72, 8)


def test_chosen_kinds_are_asked_again(loopback: Any, fill_all: Callable, questions: Callable, tmp_path: Path) -> None:
    asked = questions(4, max_tokens=3)
    first = fill_all(asked)
    assert {reply.finish_reason for (reply,) in first.replies} == {"length"}
    assert fill_all(asked).tally.cached == 4
    again = fill_all(asked, retry=("truncated",))
    assert (again.tally.done, again.tally.cached) == (4, 0)
    assert fill_all(asked, retry=("empty",)).tally.cached == 4
