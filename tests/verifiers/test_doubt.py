"""Answers that take themselves back earn nothing; ordinary answers that weigh something else still do."""

import pytest

from ovt.verifiers import verify, verify_response

COLOURS = ("red", "green", "blue", "yellow")

DOUBTED = [
    ("It cannot be 7.", "7", None, "hedged"),
    ("7 is wrong", "7", None, "hedged"),
    ("It cannot be Yes.", "Yes", None, "hedged"),
    ("never C", "C", COLOURS, "no_such_option"),
    ("It cannot be blue.", "C", COLOURS, "no_such_option"),
    ("anything but x > 5", "x > 5", None, "hedged"),
    ("7? No.", "7", None, "answer_withdrawn"),
    ("It is not true that it is 7", "7", None, "hedged"),
    ("I doubt that it is 7.", "7", None, "hedged"),
    ("It seems unlikely to be 7.", "7", None, "hedged"),
    ("7 can be ruled out", "7", None, "unparseable"),
    ("half of 7", "7", None, "unparseable"),
    ("non-7", "7", None, "unparseable"),
    ("A instead of C", "C", COLOURS, "other_choice"),
    ("8, but it could also be 7", "7", None, "hedged"),
    ("21 cm, or maybe 21 m", "21 cm", None, "several_answers"),
    ("21 cm if the axis starts at zero, else 21 m", "21 cm", None, "hedged"),
    ("The question asks whether it is C or A, and I cannot tell.", "C", COLOURS, "hedged"),
    ("It is No. No, it is Yes.", "No", None, "different"),
    ("1. 8\n2. 7", "7", None, "several_answers"),
    ("- London\n- Paris", "Paris", None, "different"),
    ("8\nor\n7", "7", None, "several_answers"),
    ("London\u2028|\u2028Paris", "Paris", None, "different"),
    ("21 cm | 21 m", "21 cm", None, "unparseable"),
    ("21 cm\u202e\u202eor\u202e 21 m", "21 cm", None, "several_answers"),
    ("5 apples/5 oranges", "5 apples", None, "unparseable"),
    ("y = 2x - 1 | y = 2x + 1", "y = 2x + 1", None, "several_answers"),
    ("C (or A", "C", COLOURS, "several_choices"),
    ("A versus C", "C", None, "several_answers"),
    ("\\boxed{5 apples}\\boxed{5 oranges}", "5 apples", None, "several_answers"),
    ("A. Yes, B. No", "Yes", ("Yes", "No"), "several_choices"),
    ("A. red\nB. dark red\nC. light red", "red", ("red", "dark red", "light red"), "no_choice"),
    ("5 apples\u200b9", "5 apples", None, "unparseable"),
    ("I would say C, but B is possible", "C", COLOURS, "hedged"),
    ("A then C", "C", COLOURS, "several_choices"),
    ("A then C", "C", None, "several_answers"),
    ("It's C, not B or A", "A", COLOURS, "other_choice"),
    ("It's A, not C", "C", COLOURS, "other_choice"),
    ("A followed by C", "C", None, "other_choice"),
    ("first A then C", "C", COLOURS, "several_choices"),
    ("C (maybe B)", "C", COLOURS, "several_choices"),
    ("C, actually B", "C", COLOURS, "several_choices"),
    ("C (50%), B (50%)", "C", COLOURS, "several_choices"),
    ("C as well as A", "C", COLOURS, "several_choices"),
    ("choose A, else C", "C", COLOURS, "several_choices"),
    ("Is it C?", "C", COLOURS, "no_such_option"),
    ("I cannot determine it. C", "C", COLOURS, "hedged"),
    ("I cannot determine it. 7", "7", None, "hedged"),
    ("There is not enough information; 7", "7", None, "hedged"),
    ("7 (wrong)", "7", None, "hedged"),
    ("~~7~~", "7", None, "no_answer"),
    ("o 8 o 7", "7", None, "several_answers"),
    (f"The weight is '7'. {'We look for the increase. ' * 9}So it cannot be answered.", "7", None, "hedged"),
    (f"The area is 7. {'This is a ring. ' * 15}However, this is not an option in the choices.", "7", None, "hedged"),
    (f"{'There are bonds. ' * 15}Count: 7 (old bonds) + 1 (new bond) = 8. It is so.", "7", None, "unparseable"),
    (f"x = 7. {'We go on. ' * 25}Now y = 20 / (20.0 - 25.0) = (20", "7", None, "unparseable"),
    ("ou 7", "7", None, "several_answers"),
]


@pytest.mark.parametrize(("prediction", "gold", "choices", "reason"), DOUBTED)
def test_an_answer_that_takes_itself_back_is_wrong(prediction: str, gold: str, choices, reason: str) -> None:
    assert verify(gold, gold, choices=choices)
    verdict = verify(prediction, gold, choices=choices)
    assert (verdict.outcome, verdict.reason) == ("wrong", reason)
    assert not verify_response(f"<think>So.</think><answer>{prediction}</answer>", gold, choices=choices)


@pytest.mark.parametrize("response", ["It cannot be \\boxed{7}.", "\\boxed{7} is wrong.", "It is never \\boxed{7}"])
def test_a_box_that_is_denied_is_no_answer(response: str) -> None:
    assert not verify_response(response, "7")


def test_two_different_boxes_are_two_answers() -> None:
    assert not verify_response("$\\boxed{8}$ and also $\\boxed{7}$", "7")
    assert verify_response("$\\boxed{2}$ and also $\\boxed{3}$", "2, 3")


SETTLED = [
    ("7, because each row has 3 or 4 squares", "7", None),
    ("12, not 13", "12", None),
    ("It cannot be 8, so it is 7.", "7", None),
    ("C. It cannot be A because that is red.", "C", COLOURS),
    ("A is wrong, B is wrong and D is wrong, so C", "C", None),
    ("C. blue", "C", COLOURS),
    ("C, blue", "C", COLOURS),
    ("Yes, the red bar is taller, and no other bar is.", "Yes", None),
    ("No. Yes would require a taller bar.", "No", None),
    ("1 hour and 30 minutes", "1 hour 30 minutes", None),
    ("21 cm or 0.21 m", "21 cm", None),
    ("x = 2 or x = 3", "2, 3", None),
    ("x < 2 or x > 5", "(-\\infty, 2) \\cup (5, \\infty)", None),
    ("D. It cannot be determined.", "D", ("1", "2", "3", "cannot be determined")),
    ("Red or blue", "A", ("Red or blue", "Green", "Both")),
    ("There are 3 red, 4 blue and 0 green: 7 in total", "7", None),
    ("1. Add 3 and 4.\n2. Get 7.", "7", None),
    ("A. Compute the area: 12.\nB. Halve it: 6.\nSo it is 6.", "6", None),
    ("No doubt it is 7.", "7", None),
    ("It cannot be No, so it is Yes.", "Yes", None),
    ("Half of 14 is 7", "7", None),
    ("It is 7 rather than 8.", "7", None),
    ("It is C rather than A", "C", COLOURS),
    ("Triple the base gives 21", "21", None),
    ("No, that is wrong.", "No", None),
    ("False, the statement is wrong", "False", None),
    ("The answer is B, since A is impossible", "B", None),
    ("B, since C and A are wrong", "B", None),
    ("Is it 8? No, it is 7.", "7", None),
    ("\\boxed{7}. The other reading is wrong.", "7", None),
    ("It is false that the bars are equal, so False", "False", None),
    ("4/2", "2", None),
    ("|-7|", "7", None),
    ("C rather than A", "C", COLOURS),
    ("C not A", "C", COLOURS),
    ("It's C, not A.", "C", COLOURS),
    ("It is not A, it is C", "C", COLOURS),
    ("A and B are too small, so C", "C", COLOURS),
    ("Between A and C, the answer is C", "C", COLOURS),
    ("A red bar is shown, so C", "C", COLOURS),
    ("I cannot see the label, but it is 7", "7", None),
    ("7, because no other value can be found", "7", None),
    ("D", "D", ("1", "2", "3", "It cannot be determined")),
    (f"It cannot be answered by the text alone. {'We look at the picture. ' * 9}So it is 7.", "7", None),
    ("O", "O", None),
    ("The complexity is O(n^2).", "O(n^2)", None),
    ("O raio é 5 e o diâmetro é 10.", "10", None),
    ("O lado é 3, logo o perímetro é 12.", "12", None),
]


@pytest.mark.parametrize(("prediction", "gold", "choices"), SETTLED)
def test_an_answer_that_only_mentions_others_is_right(prediction: str, gold: str, choices) -> None:
    assert verify(prediction, gold, choices=choices)
