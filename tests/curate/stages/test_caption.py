import pytest
from pydantic import ValidationError

from ovt.curate.stages import caption


def test_one_request_per_question_with_all_its_images(questions_of):
    questions = questions_of({"question_id": "a", "images": ["i1", "i2"]}, {"question_id": "b", "images": ["i3"]})
    first, second = caption.requests(questions, caption.CaptionSection(endpoint="vlm"))
    (message,) = first.messages
    assert message["role"] == "user"
    assert [part.get("image") for part in message["content"]] == ["i1", "i2", None]
    assert message["content"][-1]["text"].startswith("Describe")
    assert "How high" not in message["content"][-1]["text"]
    assert first.n == 1
    assert first.sampling == {"temperature": 0.0, "max_tokens": 1024}
    assert second.messages[0]["content"][0]["image"] == "i3"


def test_the_prompt_may_hold_the_question(questions_of):
    section = caption.CaptionSection(endpoint="vlm", prompt="Describe for {question}", sampling={"top_p": 0.5})
    (request,) = caption.requests(questions_of({"question_id": "a"}), section)
    assert request.messages[0]["content"][-1]["text"] == "Describe for How high is it?"
    assert request.sampling == {"temperature": 0.0, "top_p": 0.5, "max_tokens": 1024}


def test_an_unknown_placeholder_is_refused():
    with pytest.raises(ValidationError, match=r"expected \{question\}, \{choices\}"):
        caption.CaptionSection(endpoint="vlm", prompt="{caption}")


def test_every_caption_sample_and_every_question_without_one_is_decided(questions_of, samples_of):
    questions = questions_of(*({"question_id": question_id} for question_id in "abcd"))
    samples = samples_of(
        "a",
        [" A bar. "],
        "b",
        [{"text": "Cut off her", "finish_reason": "length"}],
        "c",
        [{"text": None, "error": "HTTP 500"}],
        "d",
        [" \n"],
        stage="caption",
    )
    captions, decisions = caption.run(questions, samples)
    assert captions.rows() == [("a", "A bar."), ("b", "Cut off her")]
    assert decisions.select("id", "stage", "decision", "reason", "detail").rows() == [
        ("a-caption-0", "version", "kept", "used", None),
        ("b-caption-0", "version", "kept", "used", "cut off at max_tokens"),
        ("c-caption-0", "caption", "dropped", "request_failed", "HTTP 500"),
        ("d-caption-0", "caption", "dropped", "empty_reply", None),
        ("c", "caption", "dropped", "no_caption", None),
        ("d", "caption", "dropped", "no_caption", None),
    ]
