import polars as pl
import pytest
from pydantic import ValidationError

from ovt.curate.stages import reason


def test_over_captions_the_reasoner_gets_text_and_the_papers_sampling(questions_of):
    questions = questions_of(
        {"question_id": "a", "question": "Is it {caption}?", "choices": ["red", "blue"]}, {"question_id": "b"}
    )
    captions = pl.DataFrame({"question_id": ["b", "a"], "caption": ["A low bar", "A {question} bar"]})
    first, second = reason.requests(questions, captions, reason.ReasonSection(endpoint="llm"))
    text = first.messages[0]["content"]
    assert isinstance(text, str)
    assert "A {question} bar" in text
    assert "Is it {caption}?\nA. red\nB. blue\n" in text
    assert "<think>" in text
    assert "<answer>" in text
    assert "A low bar" in second.messages[0]["content"]
    assert first.n == 4
    assert first.sampling == {"temperature": 0.6, "top_p": 0.95, "max_tokens": 2048}


def test_over_images_the_reasoner_sees_them_and_no_caption(questions_of):
    section = reason.ReasonSection(endpoint="vlm", see="image", k=2, sampling={"temperature": 1.0})
    (request,) = reason.requests(questions_of({"question_id": "a", "images": ["i1", "i2"]}), None, section)
    assert [part.get("image") for part in request.messages[0]["content"]] == ["i1", "i2", None]
    assert request.n == 2
    assert request.sampling["temperature"] == 1.0


def test_a_caption_placeholder_belongs_to_see_caption():
    reason.ReasonSection(endpoint="llm", prompt="{caption} {question}")
    with pytest.raises(ValidationError, match=r"found \{caption\}"):
        reason.ReasonSection(endpoint="llm", see="image", prompt="{caption} {question}")


@pytest.mark.parametrize(("see", "prompt"), [("caption", "{question}"), ("caption", "{caption}"), ("image", "Look.")])
def test_a_prompt_that_leaves_out_what_is_asked_is_refused(see, prompt):
    with pytest.raises(ValidationError, match="would not see the"):
        reason.ReasonSection(endpoint="llm", see=see, prompt=prompt)


def test_samples_without_text_and_questions_without_samples_are_dropped(questions_of, samples_of):
    questions = questions_of(*({"question_id": question_id} for question_id in "abc"))
    failed = {"text": None, "error": "timed out after 600 s"}
    cut_off = {"text": "<think> and", "finish_reason": "length"}
    samples = samples_of("a", ["one", failed], "b", ["", failed], "c", [cut_off, "two"])
    answered, decisions = reason.run(questions, samples)
    assert answered["text"].to_list() == ["one", "<think> and", "two"]
    assert answered.columns == samples.columns
    assert decisions.select("id", "reason", "detail").rows() == [
        ("a-reason-1", "request_failed", "timed out after 600 s"),
        ("b-reason-0", "empty_reply", None),
        ("b-reason-1", "request_failed", "timed out after 600 s"),
        ("b", "no_reply", None),
    ]
