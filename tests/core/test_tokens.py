import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ovt.core.tokens import control_tokens, inert

# What the tokenizers of these families take for one token, wherever it is in a text.
WRITTEN = """
<|im_end|> <|im_start|> <|image_pad|> <|vision_start|> <|endoftext|> <|eot_id|> <|image_1|> <|box_start|> <|image|> <s>
<｜begin▁of▁sentence｜> <|begin_of_image|> </s> <pad> <unk> <bos> <eos> <mask> <im_start> <im_end> <im_patch> <image_1>
</image> <IMAGE> <image/> <image_soft_token> <image_token> <image_placeholder> <ImageHere> <img> </img> <img_context>
<IMG_CONTEXT> <video> <audio> <start_of_image> <end_of_image> <start_of_turn> <end_of_turn> <boi> <end_of_utterance>
<fake_token_around_image> <global-img> <row_1_col_2> [INST] [/INST] [IMG] [IMG_BREAK] [IMG_END] <<SYS>> <</SYS>> <ref>
<box> <quad> <loc0123> <seg001> <unused12> <tool_call> <think> </think>
"""
TOKENS = WRITTEN.split()
# And what only looks like one.
TEXTS = [
    "a < b > c",
    "x[0] [a]",
    "<answer>7</answer>",
    "<b>bold</b>",
    "|AB|",
    "<|x y|>",
    "f<T>",
    "<image 1>",
    "a|>b<|c",
]


@pytest.mark.parametrize("token", TOKENS)
def test_a_control_token_is_no_longer_one(token: str) -> None:
    assert control_tokens(f"What is {token} here?") == [token]
    broken = inert(f"What is {token} here?")
    assert token not in broken
    assert broken.replace(" ", "") == f"Whatis{token}here?"


@pytest.mark.parametrize("text", TEXTS)
def test_other_texts_stay(text: str) -> None:
    assert inert(text, tags=True) == text
    assert control_tokens(text) == []


def test_tags_and_thinking_stay_where_they_are_meant() -> None:
    assert inert("<image> or <image 2>?", tags=True) == "<image> or <image 2>?"
    assert inert("<image> or <image 2>?") == "< image> or < image 2>?"
    assert inert("<think>a</think>", thinking=False) == "<think>a</think>"


@example(["a|>b<|c", "[INST]", "a|>b<|c"])  # one between the marks of another
@given(st.lists(st.sampled_from([*TOKENS, *TEXTS, "<", "|", ">", "[", "]", " ", "image"]), max_size=8))
def test_nothing_is_left(pieces: list[str]) -> None:
    broken = inert("".join(pieces), tags=True)
    assert control_tokens(broken) == []
    assert inert(broken, tags=True) == broken


def test_hostile_texts_take_linear_time() -> None:
    started = time.thread_time()
    for unit in ("<|", "<image", "<row_1_col_", "[", "<|x", "</"):
        inert(unit * 100_000)
    assert time.thread_time() - started < 5
