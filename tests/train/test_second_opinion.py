"""The graders that share no rule with the reward."""

import pytest

from ovt.core.errors import OvtError
from ovt.train.second_opinion import is_exact, only_answer, open_grader

STAR = ["circle", "Star"]


@pytest.mark.parametrize(
    ("answer", "gold", "choices", "right"),
    [
        ("4", "4", None, True),
        (" 4 ", "4", None, True),
        ("4.0", "4", None, False),
        ("b", "Star", STAR, True),
        ("(B)", "B", STAR, True),
        ("B. star", "star", STAR, True),
        ("A", "star", STAR, False),
        ("A or B", "star", STAR, False),
    ],
)
def test_exact_is_to_the_letter(answer, gold, choices, right):
    assert is_exact(f"<think>x</think><answer>{answer}</answer>", gold, choices) is right


@pytest.mark.parametrize("text", ["4", "<answer>4", "</answer>4<answer>", "<answer>4</answer><answer>4</answer>"])
def test_one_closed_answer_is_wanted(text):
    assert only_answer(text) is None


def test_the_share_that_is_right():
    texts = ["<answer>4</answer>", "<answer>5</answer>"]
    with open_grader("exact") as grader:
        assert grader is not None
        assert grader(texts, ["4", "4"], [None, None]) == 0.5
    with open_grader("math-verify") as grader:
        assert grader is not None
        assert grader(texts, ["4", "4"], [None, None]) == 0.5
    with open_grader("none") as grader:
        assert grader is None


def test_a_grader_that_is_not_there(monkeypatch):
    monkeypatch.setattr("ovt.train.second_opinion.installed", lambda: {"math-verify": False})
    with pytest.raises(OvtError, match="pip install math-verify"):
        open_grader("math-verify")
