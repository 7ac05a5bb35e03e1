"""Reading a response: thinking put back, usage shared out, and nothing taken on trust."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.core.errors import CallError
from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.replies import read_replies, read_text, read_usage, share
from ovt.curate.endpoints.section import EndpointSection

SECTION = EndpointSection(
    base_url="http://a/v1", model="m", usd_per_million_prompt_tokens=1, usd_per_million_completion_tokens=3
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def response(*messages: Any, usage: Any = None, finish: Any = "stop") -> dict[str, Any]:
    choices = [{"index": i, "message": message, "finish_reason": finish} for i, message in enumerate(messages)]
    return {"choices": choices, "usage": usage, "model": "served"}


@pytest.mark.parametrize(
    ("message", "finish", "text"),
    [
        ({"content": "hi"}, "stop", "hi"),
        ({"content": None}, "stop", ""),
        ({"content": "<answer>3</answer>", "reasoning_content": "2+1"}, "stop", "<think>2+1</think><answer>3</answer>"),
        ({"content": "\n\n3", "reasoning": "\n2+1\n"}, "stop", "<think>\n2+1\n</think>\n\n3"),
        ({"content": None, "reasoning_content": "and then"}, "length", "<think>and then"),
        ({"content": "<think>a</think>b", "reasoning_content": "a"}, "stop", "<think>a</think>b"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "stop", "ab"),
        ({"content": None, "refusal": "I will not."}, "stop", "I will not."),
        ({"content": "half a pair: \ud83d"}, "stop", "half a pair: \ufffd"),
        ({"content": 17}, "stop", ""),
    ],
)
def test_text_of_a_message(message: dict, finish: str, text: str) -> None:
    assert read_text(message, finish) == text


def test_choices_are_taken_by_index_and_no_more_than_wanted() -> None:
    body = response({"content": "a"}, {"content": "b"}, {"content": "c"})
    body["choices"].reverse()
    assert [reply.text for reply in read_replies(body, 2, SECTION)] == ["a", "b"]


@given(st.lists(st.text(max_size=20), min_size=1, max_size=8), st.integers(0, 5000), st.integers(0, 90_000))
def test_shares_of_the_usage_add_up_to_it(texts: list[str], prompt: int, completion: int) -> None:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion}
    replies = read_replies(response(*({"content": text} for text in texts), usage=usage), len(texts), SECTION)
    assert sum(reply.prompt_tokens for reply in replies) == prompt
    assert sum(reply.completion_tokens for reply in replies) == completion
    assert sum(reply.cost_usd or 0 for reply in replies) == pytest.approx((prompt + 3 * completion) / 1e6)


def test_longer_texts_get_the_larger_share() -> None:
    assert share(100, [1, 3]) == [25, 75]


@pytest.mark.parametrize("choices", [None, [], {}, "x", [1], [{}], [{"message": "hi"}]])
def test_a_response_without_choices_is_broken(choices: Any) -> None:
    with pytest.raises(CallError) as raised:
        read_replies({"choices": choices}, 1, SECTION)
    assert raised.value.kind == "broken"


@pytest.mark.parametrize(
    "broken", [{"finish_reason": "error"}, {"error": {"message": "went \x1b[31maway", "code": 502}}]
)
def test_what_a_router_passes_on_until_its_server_failed_is_no_reply(broken: dict[str, Any]) -> None:
    body = response({"content": "<think>half a th"}, {"content": "<answer>3</answer>"})
    body["choices"][0] |= broken
    with pytest.raises(CallError) as raised:
        read_replies(body, 2, SECTION)
    assert (raised.value.kind, raised.value.billed) == ("broken", True)
    assert "\x1b" not in raised.value.reason


@pytest.mark.parametrize("tokens", [None, -1, "12", 3.5, True, 2**60])
def test_what_is_no_count_is_no_usage(tokens: Any) -> None:
    body = response({"content": "a"}, usage={"prompt_tokens": 7, "completion_tokens": tokens})
    assert read_usage(body) is None
    (reply,) = read_replies(body, 1, SECTION)
    assert (reply.prompt_tokens, reply.completion_tokens, reply.cost_usd) == (0, 0, None)


def test_where_tokens_are_free_they_need_not_be_counted() -> None:
    free = SECTION.model_copy(update={"usd_per_million_prompt_tokens": 0, "usd_per_million_completion_tokens": 0})
    (reply,) = read_replies(response({"content": "a"}), 1, free)
    assert reply.cost_usd == 0.0


@given(json_values, json_values, json_values, json_values, json_values)
def test_whatever_a_server_answers_it_is_read_or_called_broken(
    content: Any, thinking: Any, finish: Any, usage: Any, model: Any
) -> None:
    whole = response({"content": content, "reasoning_content": thinking}, usage=usage, finish=finish)
    for body in ({**whole, "model": model}, {"choices": content}, {"choices": [content]}):
        replies: list[Reply] = []
        with suppress(CallError):
            replies = read_replies(body, 1, SECTION)
        for reply in replies:
            assert isinstance(reply.text, str)
            assert reply.prompt_tokens >= 0
            assert reply.completion_tokens >= 0
