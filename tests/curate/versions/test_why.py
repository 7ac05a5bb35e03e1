"""The story of every question and sample, dropped or not."""

import json

import pytest

from ovt.core.errors import OvtError
from ovt.curate.reports.why import story

REASON = {"endpoint": "pocket", "k": 3, "see": "caption", "prompt": "Seen: {caption}\n{question}\n{choices}"}
RECIPE = {"name": "tiny", "caption": {"endpoint": "pocket", "prompt": "Describe it."}, "reason": REASON}


@pytest.fixture
def version(home, make_build):
    return make_build(10).write(home, recipe=RECIPE)


@pytest.fixture
def build(make_build):
    return make_build(10)


def test_kept_question(version, build):
    question = build.questions[0]
    told = story(version, question["question_id"])
    assert (told["level"], told["decision"]["reason"], told["question"]) == ("question", "sft", question)
    assert [one["decision"]["reason"] for one in told["captions"]] == ["used"]
    assert [(one["decision"]["stage"], one["verdict"]["outcome"]) for one in told["samples"]] == [
        ("version", "correct"),
        ("select", "correct"),
        ("verify", "wrong"),
    ]
    assert [row["completion"][0]["content"] for row in told["rows"]] == [told["samples"][0]["text"]]
    images = [{"type": "image", "image": image} for image in question["images"]]
    asked = {"role": "user", "content": [*images, {"type": "text", "text": "Describe it."}]}
    assert told["prompts"]["caption"] == [asked]
    assert told["prompts"]["reason"][0]["content"].startswith("Seen: A picture.")
    json.dumps(told)


def test_question_that_ended_at_its_caption(version, build):
    told = story(version, build.questions[2]["question_id"])
    assert told["decision"] == {"stage": "caption", "decision": "dropped", "reason": "no_caption", "detail": None}
    assert told["captions"][0]["error"] == "HTTP 500"
    assert (told["samples"], told["rows"], list(told["prompts"])) == ([], [], ["caption"])


def test_row_left_out_at_import(version):
    told = story(version, "ffff")
    assert (told["question"], told["decision"]["stage"], told["decision"]["detail"]) == (None, "import", "row 7 ")


def test_sample_has_only_its_own_story(version, build):
    chain = build.samples[2]["sample_id"]
    told = story(version, chain)
    assert (told["level"], told["decision"]["reason"]) == ("sample", "not_selected")
    assert [one["sample_id"] for one in told["samples"]] == [chain]
    assert (len(told["captions"]), told["rows"]) == (1, [])
    assert story(version, build.samples[1]["sample_id"])["rows"][0]["split"] == "sft"
    caption = story(version, build.samples[0]["sample_id"])
    assert (caption["samples"], len(caption["captions"])) == ([], 1)


def test_every_id_has_a_story_and_a_unique_prefix_finds_it(version, build):
    for decision in build.decisions:
        told = story(version, decision["id"])
        assert (told["id"], told["decision"]["reason"]) == (decision["id"], decision["reason"])
    assert story(version, build.questions[3]["question_id"][:8])["id"] == build.questions[3]["question_id"]


@pytest.mark.parametrize(("prefix", "line"), [("", "start with ''"), ("none", "has no question or sample 'none'")])
def test_what_is_not_there_or_not_unique(version, prefix, line):
    with pytest.raises(OvtError, match=line):
        story(version, prefix)


def test_model_that_saw_the_image(home, make_build):
    reason = REASON | {"see": "image", "prompt": "{question}"}
    version = make_build(3).write(home, recipe={"caption": None, "reason": reason})
    question = make_build(3).questions[0]
    content = story(version, question["question_id"])["prompts"]["reason"][0]["content"]
    assert [part["type"] for part in content] == ["image"] * len(question["images"]) + ["text"]
