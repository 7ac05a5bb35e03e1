"""The pairs of golds that one text earns for: which are reported, which are excused."""

import pytest

from ovt.curate.audit.crossed import cross, differ_in_what_is_optional


def test_two_golds_that_one_text_earns_for_are_reported_with_it() -> None:
    golds = ["2", "2\\pi", "3"]
    crossed = cross(["2*pi", "3"], golds, lambda text, gold: text[0] == gold[0] and text not in golds[:2])
    assert crossed.unequal == (("2*pi", "2", "2\\pi"),)
    assert crossed.accepted == 3


def test_golds_that_equal_each_other_in_one_direction_are_no_finding() -> None:
    assert not cross(["1/2"], ["0.5", "50%"], lambda text, gold: text == "1/2" or gold == "50%").unequal


@pytest.mark.parametrize(
    ("text", "one", "two"),
    [
        ("21", "21 cm", "21 m"),
        ("5", "5 apples", "5 oranges"),
        ("0.12 m", "12 cm", "0.12"),
        ("50%", "50", "0.5"),
        ("3", "x = 3", "y = 3"),
        ("7:30", "7:30 AM", "7:30 PM"),
        ("15", "15人", "15米"),
        ("5√3", "5√3 cm", "5√3 m"),
        ("1, 2", "x = 1, y = 2", "\\{2, 1\\}"),
        ("2 and a half", "2 hours 30 minutes", "2.5 mol/L"),
        ("1.5 hours", "1 1/2", "90 minutes"),
        ("$\\boxed{28}$ pct", "$28\\%$", "28 cm²"),
        ("50％", "1/2", "50"),
        ("22", "22台", "22吨"),
        ("0.5 μm", "\\sin 30^\\circ", "500 nm"),
        ("180^\\circ", "180", "\\pi"),
        ("x=1 \\\\ y=2", "$\\boxed{1}\\boxed{2}$", "(1, 2)"),
        ("\\begin{pmatrix} 1 & 2 \\end{pmatrix}", "(1, 2)", "[1,2]"),
        ("The radius is 5, so the diameter is 10.", "10\\%", "10 students"),
    ],
)
def test_what_an_answer_may_leave_out_excuses_a_pair(text: str, one: str, two: str) -> None:
    assert differ_in_what_is_optional(text, one, two)
    assert differ_in_what_is_optional(text, two, one)


@pytest.mark.parametrize(
    ("text", "one", "two"),
    [
        ("2*pi", "2", "2\\pi"),
        ("12 cm ≈ 14 cm", "12 cm", "14 cm"),
        ("①③", "13", "①③"),
        ("(3,2)", "3.2", "(3,2)"),
        ("Yes and no", "Yes", "No"),
        ("2 or 3", "x = 2", "x = 3"),
        ("3 to 5", "3", "3 to 5"),
        ("0.\\overline{3}", "0", "1/3"),
        ("12 cm", "12", "14 cm"),
        ("1, 2, 3", "(1, 2, 3)", "\\{1, 2, 3\\}"),
        ("x = 2", "x = 2", "red"),
    ],
)
def test_two_readings_of_one_text_are_not_excused(text: str, one: str, two: str) -> None:
    assert not differ_in_what_is_optional(text, one, two)
