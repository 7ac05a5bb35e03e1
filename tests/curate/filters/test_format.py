import time

import pytest

from ovt.curate.filters import format

WHOLE = "<think>\nThe bar.\n</think>\n\nIt is 12.\n<answer>12</answer>"


@pytest.mark.parametrize(
    "text",
    [
        WHOLE,
        f"  {WHOLE}\n",
        "<think>The bar.</think> It is 12. <answer> 12 </answer>",
        "The bar.</think>It is 12.<answer>12</answer>",
        "<Thinking> The bar. </ thinking>\nIt is 12.\n< answer >12</ANSWER>",
        "<think>The bar.</think><answer>12</answer>It is 12.",
    ],
)
def test_rewrite_puts_whatever_tags_there_are_into_the_format(text, filtered):
    response, edit = filtered(text, format={"mode": "rewrite"})
    assert response == WHOLE
    assert edit == (None if text.strip() == WHOLE else "put into the format")


@pytest.mark.parametrize(
    ("text", "response"),
    [
        (
            "<think>a</think>So \\boxed{12}.",
            "<think>\na\n</think>\n\nSo \\boxed{12}.\n<answer>12</answer>",
        ),
        ("<think>a</think>12", "<think>\na\n</think>\n\n<answer>12</answer>"),
        ("<think>a</think>b<think>c</think><answer>d</answer>", "<think>\nac\n</think>\n\nb\n<answer>d</answer>"),
        (
            "<think>a <answer>1</answer></think><answer>2</answer>",
            "<think>\na <answer>1</answer>\n</think>\n\n<answer>2</answer>",
        ),
        (
            "<think>a</think><answer>1</answer> No: <answer>2</answer>",
            "<think>\na\n</think>\n\n<answer>1</answer> No:\n<answer>2</answer>",
        ),
    ],
)
def test_rewrite_of_odd_responses(text, response, filtered):
    assert filtered(text, format={"mode": "rewrite"})[0] == response


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("The answer is 12.", "no_think"),
        ("<think> </think><answer>12</answer>", "no_think"),
        ("<think>a</think>", "no_answer"),
        ("<think>a</think><answer></answer>", "no_answer"),
        ("<think>a<thi<think>nk></think></think><answer>12</answer>", "no_answer"),
    ],
)
def test_rewrite_drops_what_it_cannot_put_together(text, reason, filtered):
    assert filtered(text, format={"mode": "rewrite"}) == (None, reason)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (WHOLE, None),
        ("<think>a</think><answer>12</answer>", None),
        ("a</think><answer>12</answer>", "no_think"),
        ("<answer>12</answer>", "no_think"),
        ("<think>a <answer>12</answer></think>12", "no_answer_tag"),
        ("<think>a</think>\\boxed{12}", "no_answer_tag"),
        ("<think>a</think><answer>12", "no_answer_tag"),
    ],
)
def test_require_leaves_the_text_alone_or_drops_it(text, reason, filtered):
    assert filtered(text, format={"mode": "require"}) == ((None, reason) if reason else (text, None))


@pytest.mark.parametrize("text", [WHOLE, "12", "<think>", "</think></think>", "a</think>b<think>c"])
def test_off_leaves_every_text_as_it_is(text, filtered):
    assert filtered(text) == (text, None)


@pytest.mark.parametrize("text", ["<" + " " * 40_000, f"</think><{' ' * 40_000}"])
def test_white_space_in_a_tag_takes_time_in_proportion_to_its_length(text):
    began = time.thread_time()
    format.leave(text)
    format.require(text)
    assert time.thread_time() - began < 2


@pytest.mark.parametrize("mode", [format.rewrite, format.leave, format.require])
def test_parts_are_all_there_or_none_is(mode):
    for text in (WHOLE, "12", "a</think>b", "<think>a</think>b<think>c</think>d"):
        parts = mode(text)
        assert len({part is None for part in (parts.head, parts.thinking, parts.tail)}) == 1
