from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizer import SPECIAL, TAGS, user_turn

from ovt.pocket import WEIGHTS


def shipped():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(WEIGHTS, local_files_only=True)


TOKENIZER = shipped()


@settings(max_examples=200)
@given(st.text(max_size=60).filter(lambda text: "<|" not in text))
def test_any_text_survives_a_round_trip(text):
    ids = TOKENIZER(text)["input_ids"]
    assert TOKENIZER.decode(ids) == text


def test_digits_stand_alone():
    tokens = TOKENIZER.tokenize("The red bar is 4711.")
    assert [token.lstrip("Ġ") for token in tokens][-5:] == ["4", "7", "1", "1", "."]


def test_tags_and_control_tokens_are_single_tokens_and_only_the_latter_are_special():
    for token in (*SPECIAL, *TAGS):
        assert len(TOKENIZER(token)["input_ids"]) == 1, token
    text = "<think>x</think>\n<answer>7</answer><|im_end|>"
    assert TOKENIZER.decode(TOKENIZER(text)["input_ids"], skip_special_tokens=True) == text.removesuffix("<|im_end|>")


def test_frequent_words_are_single_tokens():
    for word in (" the", " bar", " circle", " answer", " Wait", " caption", " yellow"):
        assert len(TOKENIZER.tokenize(word)) == 1, word


def test_the_chat_template_writes_what_pocket_was_trained_on():
    parts = [{"type": "image"}, {"type": "text", "text": "What is shown?"}]
    text = TOKENIZER.apply_chat_template(
        [{"role": "user", "content": parts}], tokenize=False, add_generation_prompt=True
    )
    assert text == user_turn("What is shown?", visual_tokens=1)


def test_the_chat_template_marks_what_the_assistant_says():
    chat = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "The answer."}]
    out = TOKENIZER.apply_chat_template(chat, return_dict=True, return_assistant_tokens_mask=True)
    said = [i for i, mask in zip(out["input_ids"], out["assistant_masks"], strict=True) if mask]
    assert TOKENIZER.decode(said) == "The answer.<|im_end|>"
