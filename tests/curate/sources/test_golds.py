import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.core.errors import RecipeError
from ovt.core.section import read_section
from ovt.curate.sources.faults import Unfit
from ovt.curate.sources.golds import final_answer, read_golds
from ovt.curate.sources.patterns import last_match
from ovt.curate.sources.section import SourceSection


def golds(cell: Any, **settings: Any) -> list[str]:
    return read_golds(cell, SourceSection(path="x.jsonl", **settings))


def refused(cell: Any, **settings: Any) -> str:
    with pytest.raises(Unfit) as unfit:
        golds(cell, **settings)
    return unfit.value.reason


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
    started = time.thread_time()
    assert final_answer(tag * 50_000) == answer
    assert time.thread_time() - started < 5  # quadratic time would be minutes


def test_a_list_of_golds_counts_as_one_where_they_agree() -> None:
    assert golds(["4", "4", None]) == ["4"]
    assert golds([{"answer": "4", "confidence": "yes"}, {"answer": "4"}]) == ["4"]
    assert refused(["4", "5"]) == "unparseable_gold"
    assert refused({"a": 1}) == "unparseable_gold"
    assert golds(None) == golds([]) == golds("  ") == []


def test_which_of_several_golds_count() -> None:
    answers = [{"answer": text} for text in ("herb", "Basil", "basil", "basil leaves")]
    assert golds(answers, accept="majority") == ["Basil"]
    assert golds(answers, accept="any") == ["Basil", "herb", "basil leaves"]
    assert golds('["A", "C"]', accept="all") == ["A", "C"]
    assert refused(["a", "b"], accept="majority") == "no_majority"
    assert golds(["a"], accept="majority") == ["a"]


def test_golds_are_mapped() -> None:
    meant = {"0": "No", "1": "Yes", "n/a": "unanswerable"}
    assert [golds(cell, gold_map=meant) for cell in (0, 1, 1.0, "0", "N/A", "2")] == [
        ["No"], ["Yes"], ["Yes"], ["No"], ["unanswerable"], ["2"]
    ]  # fmt: skip
    assert golds([0, 1, 1], gold_map=meant, accept="majority") == ["Yes"]


def test_the_last_match_of_a_pattern_is_the_gold() -> None:
    text = "<CONCLUSION> B </CONCLUSION> no,\n<CONCLUSION>\n\\boxed{A}\n</CONCLUSION>"
    assert golds(text, gold_pattern="<CONCLUSION>(?s:(.*?))</CONCLUSION>") == ["A"]
    assert golds("So. The answer is 7.", gold_pattern=r"(?i)the answer is (.+?)\.?$") == ["7"]
    assert golds("7", gold_pattern=r"^(\d+)$", gold_map={"7": "seven"}) == ["seven"]
    assert refused("no conclusion", gold_pattern="<C>(.*)</C>") == "gold_pattern_not_found"


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "gold_pattern is '(': not a regular expression: unclosed group"),
        ("(?=a)(b)", "look-around"),
        ("answer", "has 0 groups, expected one"),
        ("(a)(b)", "has 2 groups, expected one"),
    ],
)
def test_patterns_that_cannot_be_used(pattern: str, said: str) -> None:
    with pytest.raises(RecipeError) as error:
        read_section(SourceSection, {"path": "x.jsonl", "gold_pattern": pattern}, "x")
    assert said in str(error.value)


def test_no_text_makes_a_pattern_take_long() -> None:
    started = time.thread_time()
    assert last_match("<C>(?s:(.*?))</C>", "<C>" * 300_000) is None
    assert last_match("(?:(a+)+)b", "a" * 300_000) is None
    assert time.thread_time() - started < 5  # backtracking would be hours


@given(st.lists(st.text(max_size=8), max_size=6))
def test_a_majority_is_one_of_any(texts: list[str]) -> None:
    every = golds(texts, accept="any")
    try:
        most = golds(texts, accept="majority")
    except Unfit:
        assert len(every) > 1
    else:
        assert most == every[:1]
