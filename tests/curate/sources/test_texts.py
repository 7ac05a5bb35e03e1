import time
from typing import Any

import pytest

from ovt.curate.sources.lint import Unfit
from ovt.curate.sources.texts import final_answer, gold_text, is_conversation, plain_text, read_conversation


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (" 55° ", "55°"),
        ("007", "007"),
        (3, "3"),
        (3.0, "3"),
        (0.25, "0.25"),
        (True, "true"),
        (float("nan"), None),
        (float("inf"), "inf"),
        (None, None),
        ("  ", None),
        (b"bytes", None),
        ({"a": 1}, None),
        ("a\x00b", "ab"),
        ("lone \ud800", "lone ?"),
    ],
)
def test_cells_as_text(cell: Any, text: str | None) -> None:
    assert plain_text(cell) == text


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("42", "42"),
        ("<think>A or B?</think> <answer> B </answer>", "B"),
        ("<answer>A</answer> no, <answer>B</answer>", "B"),
        ("so \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("<answer>\\boxed{7}</answer>", "7"),
        ("open \\boxed{7", "7"),
        ("<answer>never closed", "<answer>never closed"),
    ],
)
def test_the_final_answer_of_a_worked_solution(text: str, answer: str) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(("tag", "answer"), [("<answer>", "<answer>" * 50_000), ("\\boxed{", "")])
def test_hostile_tags_take_linear_time(tag: str, answer: str) -> None:
    started = time.process_time()
    assert final_answer(tag * 50_000) == answer
    assert time.process_time() - started < 1


def test_a_list_of_golds_counts_as_one_where_they_agree() -> None:
    assert gold_text(["4", "4", None]) == "4"
    with pytest.raises(Unfit) as unfit:
        gold_text(["4", "5"])
    assert unfit.value.reason == "unparseable_gold"


def test_conversations_of_both_dialects() -> None:
    ours = [{"role": "user", "content": "<image>How many?"}, {"role": "assistant", "content": "<answer>3</answer>"}]
    theirs = [{"from": "human", "value": "<image>How many?"}, {"from": "gpt", "value": "It is \\boxed{3}"}]
    for turns in (ours, theirs):
        assert is_conversation(turns)
        assert read_conversation(turns) == ("<image>How many?", "3", [])


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
    assert not is_conversation(cell)
