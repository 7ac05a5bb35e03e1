"""The reward: the verifier's verdict and nothing else, unless asked for; and graders that share no rule with it."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.train.reward import Judged, Reward, is_exact, is_formatted, only_answer, open_grader, overlong, worth
from ovt.train.settings import RewardSection, RlSection
from ovt.verifiers import Verdict, verify_response

GOOD = "<think>Two and two.</think>\nIt is four.\n<answer>4</answer>"
STAR = ["circle", "Star"]
ABSTAIN = Verdict("abstain", "expression", "undecided")


def asked(texts, golds, section=None, grader=None, choices=None, opening=""):
    """What TRL gets for these texts: (rewards, metrics, the batch that was kept)."""
    metrics: dict[str, float] = {}
    kept: list[Judged] = []
    settings = RlSection(reward=section or RewardSection(), max_completion_length=100)
    reward = Reward(settings, "auto", grader, kept.append, opening)
    rewards = reward(
        completions=[[{"role": "assistant", "content": text}] for text in texts],
        completion_ids=[[1] * len(text.split()) for text in texts],
        answer=golds,
        choices=choices or [None] * len(texts),
        question_id=[f"q{i}" for i in range(len(texts))],
        trainer_state=SimpleNamespace(global_step=6),
        log_metric=metrics.__setitem__,
        images=[[]] * len(texts),
    )
    return rewards, metrics, kept[0]


def test_the_reward_is_the_verdict():
    texts = [GOOD, GOOD, "no idea", "<answer>B</answer>", "<think>cut off"]
    golds = ["4", "5", "4", "star", "4"]
    choices = [None, None, None, ["circle", "star"], None]
    rewards, metrics, kept = asked(texts, golds, choices=choices)
    said = [verify_response(*row[:2], choices=row[2]) for row in zip(texts, golds, choices, strict=True)]
    assert rewards == [float(verdict.outcome == "correct") for verdict in said] == [1.0, 0.0, 0.0, 1.0, 0.0]
    assert list(kept.verdicts) == said
    assert kept.step == 7
    assert metrics["verdicts"] == 5
    assert metrics["abstain"] == 0
    assert metrics["reward_s"] > 0


def test_what_was_judged_before_is_not_judged_again(monkeypatch):
    kept: list[Judged] = []
    reward = Reward(RlSection(), "auto", None, kept.append)
    columns = {"answer": ["4", "5"], "choices": [None, None], "question_id": ["q0", "q1"]}
    texts: list[Any] = [[{"content": GOOD}]] * 2
    parts = [reward.judge(1, texts, [[1], [2]], columns) for _ in range(2)]
    reward.ready = Judged.together(parts).at([0, 3])
    monkeypatch.setattr(reward, "judge", None)
    given = {"completions": texts, "completion_ids": [[1], [2]], "log_metric": lambda name, value: None}
    assert reward(**given, trainer_state=SimpleNamespace(global_step=0), **columns) == [1.0, 0.0]
    assert (kept[0].question_ids, kept[0].tokens, reward.ready) == (["q0", "q1"], [[1], [2]], None)
    assert kept[0].seconds == parts[0].seconds + parts[1].seconds


def test_what_the_template_has_written_of_a_response_is_judged_with_it():
    whole, cut = "So.\n</think>\n\nIt is 4.\n<answer>4</answer>", "Perhaps it is 4"
    rewards, metrics, kept = asked([whole, cut], ["4", "4"], RewardSection(format_weight=0.2), opening="<think>\n")
    assert rewards == [1.2, 0.0]  # the second thinks on until it is cut off
    assert metrics["formatted"] == 0.5
    assert kept.texts == ["<think>\n" + whole, "<think>\n" + cut]
    assert asked([whole], ["4"], RewardSection(format_weight=0.2))[0] == [1.0]


def test_an_abstention_is_worth_nothing_whatever_else_is_rewarded():
    section = RewardSection(format_weight=0.5, length_weight=0.5)
    assert worth(ABSTAIN, GOOD, 10, section, 100) is None


def test_format_and_length_are_added_where_asked_for():
    plain = "It is <answer>4</answer>"
    assert asked([GOOD, plain], ["4", "4"])[0] == [1.0, 1.0]
    assert asked([GOOD, plain], ["4", "4"], RewardSection(format_weight=0.2))[0] == [1.2, 1.0]
    section = RewardSection(length_weight=0.5, length_cache=20)
    assert [worth(verify_response(GOOD, "4"), GOOD, n, section, 100) for n in (80, 90, 100)] == [1.0, 0.75, 0.5]


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        (GOOD, True),
        (f"\n{GOOD}\n", True),
        ("<answer>4</answer>", False),
        (f"{GOOD} and more", False),
        (f"<answer>3</answer> {GOOD}", False),
        ("<think>a</think><think>b</think><answer>4</answer>", False),
        ("<answer>4</answer><think>a</think>", False),
    ],
)
def test_format(text, formatted):
    assert is_formatted(text) is formatted


@given(st.integers(1, 3000), st.integers(1, 2048), st.integers(1, 600))
def test_the_penalty_grows_from_0_to_1(length, limit, cache):
    assert 0 <= overlong(length, limit, cache) <= overlong(length + 1, limit, cache) <= 1


def test_a_second_grader_is_asked_about_the_same_texts():
    heard = []
    asked([GOOD], ["4"], grader=lambda *given: heard.append(given) or 0.5)
    assert heard == [([GOOD], ["4"], [None])]


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
    monkeypatch.setattr("ovt.train.reward.installed", lambda: {"math-verify": False})
    with pytest.raises(OvtError, match="pip install math-verify"):
        open_grader("math-verify")
