"""Multiple choice: letters and texts are one answer, in every dressing; a conflict or a second letter is wrong."""

from collections.abc import Callable

import pytest

from ovt.verifiers import verify

ANGLES = ["30°", "45°", "55°", "65°"]
ON_ONE_LINE = """
{}|({})|[{}]|{}.|{})|{}:|({}).|**{}**|**({})**|\\text{{{}}}|\\textbf{{({})}}|\\mathrm{{{}}}|\\boxed{{{}}}|${}$
$\\boxed{{\\text{{({})}}}}$|"{}"|`{}`|Answer: {}|answer is {}|The answer is {}.|The correct answer is ({}).|Option {}
option ({})|Choice {}|The correct option is {}|Therefore, the answer is {}.|<answer>{}</answer>|Final Answer: {}
**Answer:** {}|**Answer: {}**|So the answer is: **{}**|I think it's {}|My answer is {}|答案：{}|The best answer is {}.
Correct choice: {}|  {}  |It must be {}.|I choose {}|{} is correct.|({}) is the correct answer
"""
DRESSINGS = [*ON_ONE_LINE.strip().replace("\n", "|").split("|"), "\n{}\n", "Answer:\n{}", "### Answer\n\n{}"]


@pytest.mark.parametrize("dressing", DRESSINGS)
@pytest.mark.parametrize("choices", [ANGLES, None, ["A", "B", "C", "D"]])
def test_dressing_of_a_letter_never_matters(dressing: str, choices: list[str] | None) -> None:
    assert verify(dressing.format("C"), "C", choices=choices)
    assert verify(dressing.format("c"), "C", choices=choices)
    assert not verify(dressing.format("B"), "C", choices=choices)


WITH_ANGLES = [
    ("C", "55°", "right", "the letter of the gold's text"),
    ("B", "55°", "wrong", "another letter"),
    ("55°", "C", "right", "the text of the gold's letter"),
    ("55", "C", "right", "its numeric value"),
    ("55.0", "C", "right", "its numeric value"),
    ("55 degrees", "C", "right", "its value with the unit in words"),
    ("$55^\\circ$", "C", "right", "its value in LaTeX"),
    ("45", "C", "wrong", "another option's value"),
    ("56", "C", "wrong", "no option's value"),
    ("C) 55°", "C", "right", "letter and text"),
    ("(C) 55°", "55°", "right", "letter and text"),
    ("C. 55°", "C", "right", "letter and text"),
    ("C: 55°", "C", "right", "letter and text"),
    ("C - 55°", "C", "right", "letter and text"),
    ("(B) 55°", "C", "wrong", "the letter conflicts"),
    ("(C) 45°", "C", "wrong", "the text conflicts"),
    ("A or C", "C", "wrong", "hedged"),
    ("A and C", "C", "wrong", "hedged"),
    ("A, C", "C", "wrong", "hedged"),
    ("A/C", "C", "wrong", "hedged"),
    ("AC", "C", "wrong", "two letters"),
    ("(A) or (C)", "C", "wrong", "hedged"),
    ("C or A", "C", "wrong", "hedged, right one first"),
    ("A, B, C, D", "C", "wrong", "every option"),
    ("ABCD", "C", "wrong", "every option"),
    ("55° or 65°", "C", "wrong", "hedged"),
    ("E", "C", "wrong", "no such option"),
    ("The answer is C because the angles sum to 180°.", "C", "right", "a reason after it"),
    ("C, because A is too small", "C", "right", "a reason after it that names another letter"),
    ("It's not A, therefore it's C", "C", "right", "another letter negated"),
    ("It's not C", "C", "wrong", "the gold negated"),
    ("none of the above", "C", "wrong", "not among the options"),
    ("I don't know", "C", "wrong", "no answer"),
    ("cannot be determined", "C", "wrong", "no answer"),
    ("", "C", "wrong", "nothing"),
    ("С", "C", "wrong", "the Cyrillic letter that looks the same"),
]  # fmt: skip


def test_options_with_values(check_table: Callable[..., None]) -> None:
    check_table(WITH_ANGLES, ANGLES, kind="choice")


def test_labelled_options(check_table: Callable[..., None]) -> None:
    choices = ["A. 30°", "B. 45°", "C. 55°", "D. 65°"]
    check_table(WITH_ANGLES, choices, kind="choice")
    check_table([("C", "C. 55°", "right", "a labelled gold"), ("B", "C. 55°", "wrong", "a labelled gold")], choices)
    check_table(
        [("C", "55°", "right", "round labels"), ("55", "C", "right", "round labels")], ["(A) 30°", "(B) 45°", "(C) 55°"]
    )


def test_options_that_contain_one_another(check_table: Callable[..., None]) -> None:
    choices = ["blue", "light blue", "dark blue", "not blue"]
    cases = [
        ("blue", "blue", "right", "in full"),
        ("A", "blue", "right", "its letter"),
        ("light blue", "blue", "wrong", "an option that contains the gold"),
        ("blue", "light blue", "wrong", "a part of the gold"),
        ("not blue", "blue", "wrong", "an option that contains the gold"),
        ("D", "blue", "wrong", "another letter"),
    ]
    check_table(cases, choices)


def test_options_that_are_letters(check_table: Callable[..., None]) -> None:
    check_table(
        [("B", "B", "right", "identity"), ("(B)", "B", "right", "identity"), ("A", "B", "wrong", "another")],
        ["A", "B", "C", "D", "E"],
    )
    check_table(
        [("R", "B", "right", "the text of B"), ("B", "B", "right", "the letter"), ("P", "B", "wrong", "A's text")],
        ["P", "R", "I", "S"],
    )


def test_options_that_differ_in_the_unit_only(check_table: Callable[..., None]) -> None:
    choices = ["1 cm", "1 m", "1 km"]
    check_table(
        [
            ("1 m", "B", "right", "in full"),
            ("100 cm", "B", "right", "converted"),
            ("1", "B", "wrong", "fits all of them"),
            ("1 km", "B", "wrong", "another option"),
        ],
        choices,
    )


def test_symbolic_options(check_table: Callable[..., None]) -> None:
    choices = ["$\\frac{\\sqrt{3}}{2}$", "$\\frac{1}{2}$", "$\\sqrt{3}$", "$2\\sqrt{3}$"]
    check_table(
        [
            ("\\sqrt{3}/2", "A", "right", "another spelling"),
            ("\\frac{3}{2\\sqrt{3}}", "A", "right", "another form"),
            ("0.5", "B", "right", "its value"),
            ("\\sqrt{12}", "D", "right", "another form"),
            ("\\sqrt{12}", "C", "wrong", "another option"),
        ],
        choices,
    )


def test_yes_no_options(check_table: Callable[..., None]) -> None:
    choices = ["Yes", "No"]
    check_table(
        [
            ("A", "Yes", "right", "letter"),
            ("Yes", "A", "right", "text"),
            ("(A) Yes", "Yes", "right", "both"),
            ("No", "A", "wrong", "other"),
            ("(A) No", "A", "wrong", "conflict"),
            ("yes", "A", "right", "case"),
            ("Yes, because it is", "A", "right", "a reason"),
            ("The answer could be either A (yes) or B (no).", "A", "wrong", "an option's own text is no judgement"),
            ("The answer is A (yes) or B (no).", "B", "wrong", "an option's own text is no judgement"),
        ],
        choices,
    )


WITHOUT_OPTIONS = [
    ("B", "B", "right", "the letter"),
    ("B) 12", "B", "right", "letter and text"),
    ("(B) the red one", "B", "right", "letter and text"),
    ("12", "B", "wrong", "a text that nobody can look up"),
    ("Bob", "B", "wrong", "a word that begins with it"),
    ("B and C", "B", "wrong", "two letters"),
    ("A, B", "A", "wrong", "two letters"),
    ("A, B", "A, B", "right", "a gold of two letters"),
    ("B, A", "A, B", "right", "in any order"),
    ("A", "A, B", "wrong", "one of two"),
    ("D", "(D) Alina", "right", "the letter of a labelled gold"),
    ("Alina", "(D) Alina", "right", "the text of a labelled gold"),
    ("C", "(D) Alina", "wrong", "another letter"),
    ("Let me think. ANSWER: A\nWait, that is wrong.\nANSWER: B", "B", "right", "the last statement counts"),
    ("Let me think. ANSWER: A\nWait, that is wrong.\nANSWER: B", "A", "wrong", "the last statement counts"),
    ("The answer is for sure D, it can't be A or B", "D", "right", "others ruled out"),
    ("A dog", "A", "wrong", "an article"),
    ("I am not sure", "I", "wrong", "a pronoun"),
]


def test_letters_without_options(check_table: Callable[..., None]) -> None:
    check_table(WITHOUT_OPTIONS)


def test_a_gold_that_is_no_option_is_compared_as_it_stands() -> None:
    assert verify("7", "7", choices=["1", "2"])
    assert not verify("A", "7", choices=["1", "2"])


def test_ten_options() -> None:
    choices = [f"{n} m" for n in range(1, 11)]
    assert verify("J", "J", choices=choices)
    assert verify("10 m", "J", choices=choices)
    assert verify("Answer: J", "10 m", choices=choices)
    assert not verify("I", "J", choices=choices)
