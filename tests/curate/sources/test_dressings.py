import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.curate.sources.dressings import split_question
from ovt.curate.sources.named_choice import read_gold


@pytest.mark.parametrize(
    ("text", "gold", "question", "choices"),
    [
        ("How many? (A) 3 (B) 4", "B", "How many?", ("3", "4")),
        ("How many?\nA. 3\nB. 4", "4", "How many?", ("3", "4")),
        ("How many?\nOptions:\nA. three cats\nB. 4", "A", "How many?", ("three cats", "4")),
        ("Find x. Choices: (A) 3 (B) 4", "A", "Find x.", ("3", "4")),
        ("Find x.\n(a) 3\n(b) 4", "b", "Find x.", ("3", "4")),
        ("How many? A. 3 B. 4 C. 5", "C", "How many?", ("3", "4", "5")),
        (
            "How many?\nA. 3\nB. 4\nAnswer with the letter.",
            "A",
            "How many?\nAnswer with the letter.",
            ("3", "4"),
        ),
    ],
)
def test_choices_inside_the_question(text: str, gold: str, question: str, choices: tuple[str, ...]) -> None:
    assert split_question(text, gold)[:2] == (question, choices)


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("Do (A) and (B) touch?", "yes"),
        ("Points (A) and (B) lie on a line; which is higher?", "A"),
        ("How many? (A) 3 (B) 4", "17 cats"),
        ("Mr. A. Smith met B. Jones: who?", "Jones"),
        ("(A) 3 (B) 4", "A"),
        ("Plan A. Then plan C. What next?", "A"),
        ("How many? (A) 3 (B) 4", None),
    ],
)
def test_a_question_that_only_looks_like_it_has_choices_stays_whole(text: str, gold: str | None) -> None:
    assert split_question(text, gold)[:2] == (text, None)


@given(st.text(alphabet="AaBb(). \n?:<image>1", max_size=200), st.text(max_size=5))
def test_splitting_never_fails(text: str, gold: str) -> None:
    question, choices, *_ = split_question(text, gold)
    assert choices is None or (len(choices) >= 2 and all(choices) and question)


@pytest.mark.parametrize(
    ("unit", "splits"), [(" ", True), ("\n", True), ("A. ", True), (" x", False), ("(A) ", False), ("(", False)]
)
def test_hostile_questions_take_linear_time(unit: str, splits: bool) -> None:
    text = "Q? " + unit * (400_000 // len(unit)) + " (A) 1 (B) 2"
    started = time.process_time()
    question, choices, *_ = split_question(text, "A")
    assert time.process_time() - started < 1
    assert (question, choices) == ((text.removesuffix(" (A) 1 (B) 2").strip(), ("1", "2")) if splits else (text, None))


@pytest.mark.parametrize(
    ("text", "gold", "choices", "position"),
    [
        ("下图是什么？ A、猫 B、狗", "B", ("猫", "狗"), 1),
        ("下图是什么？A．猫 B．狗", "A", ("猫", "狗"), 0),
        ("这是？（A）猫（B）狗", "B", ("猫", "狗"), 1),
        ("Which? ① cat ② dog", "②", ("cat", "dog"), 1),
        ("Which? ① cat ② dog", "2", ("cat", "dog"), 1),
        ("What is x? (1) 70 (2) 80 (3) 90", "(3)", ("70", "80", "90"), 2),
        ("What is x? (1) 70 (2) 80 (3) 90", "3", ("70", "80", "90"), 2),
        ("What is it? A: cat, B: dog", "B", ("cat", "dog"), 1),
        ("What is it?\n[A] cat\n[B] dog", "A", ("cat", "dog"), 0),
        ("What is x?\n1. 70\n2. 80", "2", ("70", "80"), 1),
    ],
)
def test_options_in_other_dressings(text: str, gold: str, choices: tuple[str, ...], position: int) -> None:
    split = split_question(text, gold)
    assert split.choices == choices
    assert split.new
    assert read_gold(gold, split.choices, "auto", split.labels).position == position


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("What is x? (1) 70 (2) 80", "80"),  # a number that older versions of ovt compared as one
        ("How many? (1) 2 (2) 1", "2"),  # a label or a text?
        ("Equation (1) and (2) meet where?", "7"),
        ("Steps:\n1. Count.\n2. Add 3.\nWhat is the sum?", "12"),
        ("Time 12:30, then A: who?", "A"),
        ("Which of ① and ② is larger?", "①"),
    ],
)
def test_labels_that_are_not_of_options_stay(text: str, gold: str) -> None:
    assert split_question(text, gold)[:2] == (text, None)


@given(st.text(alphabet="AaBb12()①②[]（）、:. \n?", max_size=200), st.text(alphabet="AB12①()", max_size=5))
def test_a_gold_in_a_new_dressing_is_always_one_of_the_options(text: str, gold: str) -> None:
    split = split_question(text, gold)
    if split.choices and split.new:
        assert read_gold(gold, split.choices, "auto", split.labels).position is not None
