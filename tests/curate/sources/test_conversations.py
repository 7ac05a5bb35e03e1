import json
from typing import Any

import pytest

from ovt.curate.sources.conversations import as_turns, is_paired, read_conversation, rounds_of


def test_conversations_of_both_dialects() -> None:
    ours = [{"role": "user", "content": "<image>How many?"}, {"role": "assistant", "content": "<answer>3</answer>"}]
    theirs = [{"from": "human", "value": "<image>How many?"}, {"from": "gpt", "value": "It is \\boxed{3}"}]
    for turns in (ours, theirs):
        assert as_turns(turns) == as_turns(json.dumps(turns)) == turns
        assert read_conversation(turns)[0] == "<image>How many?"
    assert [read_conversation(turns)[1] for turns in (ours, theirs)] == ["<answer>3</answer>", "It is \\boxed{3}"]


def test_the_last_answer_is_the_gold_and_earlier_turns_are_part_of_the_question() -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is it?"},
        {"role": "assistant", "content": "A cube."},
        {"role": "user", "content": "Its colour?"},
        {"role": "assistant", "content": "red"},
    ]
    question, gold, _ = read_conversation(turns)
    assert question == "User: What is it?\n\nAssistant: A cube.\n\nUser: Its colour?"
    assert gold == "red"


def test_a_prompt_without_an_answer_has_no_gold() -> None:
    assert read_conversation([{"role": "user", "content": "How many?"}]) == ("How many?", None, [])


def test_content_in_parts_carries_its_images() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "data:x"}}, {"type": "text", "text": "How many?"}]
    assert read_conversation([{"role": "user", "content": parts}]) == ("How many?", None, [{"url": "data:x"}])


@pytest.mark.parametrize("cell", ["text", [], [1], [{"text": "no speaker"}], None, [{"role": 3}]])
def test_what_is_no_conversation(cell: Any) -> None:
    assert as_turns(cell) is None


@pytest.mark.parametrize(("asked", "answered"), [("user", "assistant"), ("question", "answer"), ("human", "gpt")])
def test_pairs_are_conversations(asked: str, answered: str) -> None:
    """The Cauldron and FineVision."""
    pairs = [{asked: "What is it?", answered: "A cube.", "source": "x"}, {asked: "Its colour?", answered: "red"}]
    assert is_paired(pairs)
    assert is_paired(json.dumps(pairs))
    turns = as_turns(pairs)
    assert turns is not None
    assert [read_conversation(one)[:2] for one in rounds_of(turns, in_context=False)] == [
        ("What is it?", "A cube."),
        ("Its colour?", "red"),
    ]


def test_rounds_with_those_before_them() -> None:
    turns = [{"role": role, "content": text} for role, text in zip(["user", "assistant"] * 2, "abcd", strict=True)]
    turns = [{"role": "system", "content": "Be brief."}, *turns, {"role": "user", "content": "e"}]
    alone = [read_conversation(one)[:2] for one in rounds_of(turns, in_context=False)]
    assert alone == [("a", "b"), ("c", "d"), ("e", None)]
    told = [read_conversation(one)[:2] for one in rounds_of(turns, in_context=True)]
    assert told[1] == ("User: a\n\nAssistant: b\n\nUser: c", "d")
    assert read_conversation(turns)[:2] == told[2]
