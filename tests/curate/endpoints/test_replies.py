"""Reading a response: thinking put back, usage shared out, and nothing taken on trust."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.core.errors import CallError
from ovt.curate.endpoints.chat import Reply, kind_of
from ovt.curate.endpoints.replies import Usage, read_replies, read_text, read_usage, share
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


THOUGHT = {"type": "thinking", "thinking": [{"type": "text", "text": "2+1"}]}
TEXT = {"type": "text", "text": "3"}


@pytest.mark.parametrize(
    ("message", "finish", "text", "alone"),
    [
        ({"content": "hi"}, "stop", "hi", "hi"),
        ({"content": None}, "stop", "", ""),
        # a field of its own
        ({"content": "3", "reasoning_content": "2+1"}, "stop", "<think>2+1</think>3", "3"),
        ({"content": "\n\n3", "reasoning": "\n2+1\n"}, "stop", "<think>\n2+1\n</think>\n\n3", "\n\n3"),
        ({"content": "3", "thinking": "2+1"}, "stop", "<think>2+1</think>3", "3"),
        ({"content": "3", "reasoning": "2+1", "reasoning_content": ""}, "stop", "<think>2+1</think>3", "3"),
        ({"content": "3", "reasoning": "2", "reasoning_details": [{"text": "2"}]}, "stop", "<think>2</think>3", "3"),
        (
            {"content": "3", "reasoning_details": [
                {"type": "reasoning.text", "text": "2"}, {"type": "reasoning.summary", "summary": "+1"},
                {"type": "reasoning.encrypted", "data": "gAAAA"},
            ]},
            "stop", "<think>2+1</think>3", "3",
        ),
        ({"content": "3", "thinking_blocks": [THOUGHT]}, "stop", "<think>2+1</think>3", "3"),
        ({"content": "3", "reasoning": {"content": "2+1"}}, "stop", "<think>2+1</think>3", "3"),
        # parts of the content
        ({"content": [THOUGHT, TEXT]}, "stop", "<think>2+1</think>3", "3"),
        ({"content": [{"type": "thinking", "thinking": "2+1"}, TEXT]}, "stop", "<think>2+1</think>3", "3"),
        ({"content": [{"type": "reasoning", "text": "2+1"}, TEXT]}, "stop", "<think>2+1</think>3", "3"),
        ({"content": [{"type": "redacted_thinking", "data": "x"}, TEXT]}, "stop", "3", "3"),
        # tags
        ({"content": "<think>a</think>b", "reasoning_content": "a"}, "stop", "<think>a</think>b", "b"),
        ({"content": "\n<think>a</think>\n\nb"}, "stop", "\n<think>a</think>\n\nb", "b"),
        ({"content": "a</think>\n\nb"}, "stop", "a</think>\n\nb", "b"),
        ({"content": "◁think▷a◁/think▷b"}, "stop", "<think>a</think>b", "b"),
        ({"content": "[THINK]a[/THINK]b"}, "stop", "<think>a</think>b", "b"),
        ({"content": "<thinking>a</thinking>b"}, "stop", "<think>a</think>b", "b"),
        ({"content": "a <thinking> cap"}, "stop", "a <thinking> cap", "a <thinking> cap"),
        # cut off while thinking
        ({"content": None, "reasoning_content": "and then"}, "length", "<think>and then", ""),
        ({"content": "<think>and then"}, "length", "<think>and then", ""),
        ({"content": "◁think▷and then"}, "length", "<think>and then", ""),
        ({"content": "<think> is a tag"}, "stop", "<think> is a tag", "<think> is a tag"),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "stop", "ab", "ab"),
        ({"content": [{"type": "output_text", "text": {"content": "a"}}, "b"]}, "stop", "ab", "ab"),
        ({"content": "half a pair: \ud83d"}, "stop", "half a pair: \ufffd", "half a pair: \ufffd"),
        ({"content": 17}, "stop", "", ""),
    ],
)  # fmt: skip
def test_thinking_is_put_back_for_a_reasoner_and_left_out_for_a_captioner(
    message: dict, finish: str, text: str, alone: str
) -> None:
    choice = {"message": message, "finish_reason": finish}
    assert read_text(choice, finish) == text
    assert read_text(choice, finish, keep_thinking=False) == alone


@pytest.mark.parametrize(
    ("message", "finish", "kind", "error"),
    [
        ({"content": "3"}, "stop", "answered", None),
        ({"content": "3"}, "length", "truncated", None),
        ({"content": ""}, "max_tokens", "truncated", None),
        ({"content": " "}, "stop", "empty", "an empty reply"),
        ({"content": None}, None, "empty", "an empty reply"),
        ({"content": None}, "content_filter", "filtered", "withheld by a content filter: finish_reason content_filter"),
        ({"content": "Half of"}, "SAFETY", "filtered", "withheld by a content filter: finish_reason SAFETY"),
        ({"content": None, "refusal": "I\x1b\nno."}, "stop", "refusal", "the model refuses to answer: I� no."),
        ({"content": None, "tool_calls": [{"id": "1"}]}, "tool_calls", "tool_calls", "a tool call in place of a text"),
        ({"content": "3", "tool_calls": [{"id": "1"}]}, "tool_calls", "answered", None),
        ({"content": "", "function_call": {"name": "f"}}, "stop", "tool_calls", "a tool call in place of a text"),
    ],
)  # fmt: skip
def test_an_answer_that_is_no_reply_is_a_failure_of_its_kind(
    message: dict, finish: Any, kind: str, error: str | None
) -> None:
    (reply,) = read_replies(
        response(message, finish=finish, usage={"prompt_tokens": 5, "completion_tokens": 2}), 1, SECTION
    )
    assert (kind_of(reply), reply.error) == (kind, error)
    assert (reply.text is None) == (error is not None)
    assert reply.completion_tokens == 2  # paid for all the same


def test_kinds_of_replies_that_older_stores_hold() -> None:
    assert kind_of(Reply("", "stop")) == "empty"
    assert kind_of(Reply("", "content_filter")) == "filtered"
    assert kind_of(Reply("", "tool_calls")) == "tool_calls"
    assert kind_of(Reply(None, error="HTTP 400: no")) == "failed"


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 60}, (50, 10)),
        ({"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 2060}, (50, 2010)),  # Gemini
        ({"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": 0}, (50, 10)),
        ({"prompt_tokens": 50, "completion_tokens": 10, "total_tokens": "9"}, (50, 10)),
        ({"input_tokens": 5, "output_tokens": 6}, (5, 6)),
    ],
)
def test_thinking_counts_wherever_it_is_counted(usage: dict, counted: tuple[int, int]) -> None:
    assert read_usage({"usage": usage}) == Usage(*counted)


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
            assert isinstance(reply.text, str) or reply.error
            assert reply.prompt_tokens >= 0
            assert reply.completion_tokens >= 0
