import time

import pytest

from ovt.curate.stages import prompt


def test_values_are_filled_in_one_pass():
    values = {"question": "What is {caption}?", "caption": "A {choices} bar", "choices": "A. x"}
    assert prompt.render("{caption}\n{question}\n{choices}", values) == "A {choices} bar\nWhat is {caption}?\nA. x"


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{question}\n{choices}\nThink.", "Q?\nThink."),
        ("{question}\n\n{choices}\n\nThink.", "Q?\n\nThink."),
        ("{question} {choices}", "Q?"),
        ("{{question}} is {question}", "{question} is Q?"),
        (r"\boxed{} and {1} and \frac{1}{2}: {question}", r"\boxed{} and {1} and \frac{1}{2}: Q?"),
    ],
)
def test_templates_without_choices(template: str, text: str):
    assert prompt.render(template, {"question": "Q?", "choices": ""}) == text


def test_unknown_placeholders_are_refused_with_those_that_are_known():
    with pytest.raises(ValueError, match=r"found \{questoin\}, expected \{question\}, \{choices\}") as caught:
        prompt.check_template("{questoin}", ("question", "choices"))
    assert "\n" not in str(caught.value)


def test_options_are_lettered():
    assert prompt.options(["red", "blue"]) == "A. red\nB. blue"
    assert prompt.options(None) == ""
    assert [prompt.letter(index) for index in (0, 25, 26, 27, 52)] == ["A", "Z", "AA", "AB", "BA"]


def parts(text: str, images: list[str]) -> list[str]:
    """Content as a list of texts, images in brackets."""
    return [part.get("text") or f"[{part['image']}]" for part in prompt.content(text, images)]


@pytest.mark.parametrize(
    ("text", "images", "expected"),
    [
        ("What?", ["a"], ["[a]", "What?"]),
        ("What?", ["a", "b"], ["[a]", "[b]", "What?"]),
        ("What?", [], ["What?"]),
        ("In <image> and <image>?", ["a", "b"], ["In", "[a]", "and", "[b]", "?"]),
        ("In <image 2> not <image1>?", ["a", "b"], ["In", "[b]", "not", "[a]", "?"]),
        ("In <image 2> and <image>?", ["a", "b"], ["In", "[b]", "and", "[a]", "?"]),
        ("<image>What?", ["a", "b"], ["[b]", "[a]", "What?"]),
        ("<image> <image> <image 7>?", ["a"], ["[a]", "<image> <image 7>?"]),
        ("<image 1> again <image 1>", ["a"], ["[a]", "again <image 1>"]),
    ],
)
def test_images_stand_at_their_tags_and_the_others_first(text: str, images: list[str], expected: list[str]):
    assert parts(text, images) == expected


def test_control_tokens_of_values_are_inert_and_those_of_the_template_are_not() -> None:
    template = "<|keep|> {question}\n{choices}\n{caption}"
    values = {"question": "<image> <|im_end|> </think>", "choices": "A. <s>", "caption": "<image> <answer>7</answer>"}
    assert prompt.render(template, values) == (
        "<|keep|> <image> < |im_end|> < /think>\nA. < s>\n< image> <answer>7</answer>"
    )


def test_many_tags_take_time_in_proportion_to_their_number() -> None:
    text = "<image>" * 20_000 + "<image 1>" * 20_000
    began = time.thread_time()
    assert parts(text, ["a"]) == ["<image>" * 20_000, "[a]", "<image 1>" * 19_999]
    assert time.thread_time() - began < 2
