"""What of a text may give an answer: no row of a table, no list of the options, no check, no torso."""

import pytest

from ovt.verifiers import verify
from ovt.verifiers.sentences import labelled_lines, telling


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("| Year | Sales |\n|---|---|\n| 2019 | 7 |\n\nThe sum is 7.", ["The sum is 7."]),
        ("A | B\n--|--\n1 | 2", []),
        ("|x| = 3", ["|x| = 3"]),
        ("A. cat\nB. dog\n\nIt is a dog.", ["It is a dog."]),
        ("x = 9.\n\nVerification: 2(9) + 1 = 19", ["x = 9."]),
        ("Check the graph: it is 5.", ["Check the graph: it is 5."]),
        ("It is 5.\nLet's check: wait, it is 6.", ["It is 5.", "Let's check: wait, it is 6."]),
        ("First 12 + 30 = 42. Next, subtract the 7 that", []),
        ("It is 5. That leaves two", ["It is 5.", "That leaves two"]),
    ],
)
def test_the_sentences_that_may_give_an_answer(text: str, told: list[str]) -> None:
    assert [piece.rstrip(".") for piece in telling(text)] == [piece.rstrip(".") for piece in told]


def test_a_list_of_options_begins_with_its_first_letter() -> None:
    assert labelled_lines(["Options:", "A. cat", "**B.** dog", "so it is B"]) == {1: "cat", 2: "dog"}
    assert not labelled_lines(["B. dog", "C. cow"])
    assert not labelled_lines(["A. dog"])


@pytest.mark.parametrize(
    ("text", "picked"),
    [
        ("A: wrong\nB: correct\nC: wrong", "B"),
        ("- (A) 3 ✗\n- (B) 4 ✓\n- (C) 5 ✗", "B"),
        ("A: correct\nB: correct\nC: wrong", ""),
        ("A: False\nB: False\nC: False", ""),
    ],
)
def test_a_judgement_on_each_option(text: str, picked: str) -> None:
    assert [letter for letter in "ABC" if verify(text, letter, choices=["one", "two", "three"])] == list(picked)


@pytest.mark.parametrize(
    ("text", "right", "wrong"),
    [
        ("3,5", ["3.5", "3, 5"], ["5, 3", "(3, 5)", "{3, 5}"]),
        ("$3,5$", ["3, 5", "5, 3"], ["3.5", "(3, 5)"]),
        ("2, 3", ["3, 2", "\\{2, 3\\}"], ["(2, 3)", "[2, 3]", "2.3"]),
        ("x = 2, y = 3", ["(2, 3)", "2, 3"], ["[2, 3]", "(3, 2)", "\\{2, 3\\}"]),
        ("22台", ["22", "22台电视"], ["22吨"]),
        ("5‰", ["0.005", "0.5%"], ["5", "0.5"]),
    ],
)
def test_one_reading_of_a_comma_and_of_a_counter(text: str, right: list[str], wrong: list[str]) -> None:
    assert [gold for gold in [*right, *wrong] if verify(text, gold)] == right
