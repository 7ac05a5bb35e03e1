import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.curate.sources.choices import LETTERS, labels_of, read_choices, read_gold, split_question
from ovt.curate.sources.faults import Unfit
from ovt.verifiers import verify


@pytest.mark.parametrize(
    "cell",
    [
        ["3", "4", "5"],
        ("3", "4", "5"),
        [3, 4.0, "5 "],
        "['3', '4', '5']",
        '["3", "4", "5"]',
        "[3, 4, 5]",
        {"A": "3", "B": "4", "C": "5"},
        {"B": "4", "C": "5", "A": "3", "D": None},
        '{"A": "3", "B": "4", "C": "5"}',
        {"label": ["A", "B", "C"], "text": ["3", "4", "5"]},
        "A. 3\nB. 4\nC. 5",
        "(A) 3 (B) 4 (C) 5",
        "A) 3; B) 4; C) 5",
        "3\n4\n5",
        ["A. 3", "B. 4", "C. 5"],
        ["3", "4", "5", None, None],
        "['3' '4'\n '5']",  # as numpy prints; Python would join the three
        "3; 4; 5",
        "3|4|5",
        "3 ||| 4 ||| 5",
        [{"label": "A", "text": "3"}, {"label": "B", "text": "4"}, {"label": "C", "text": "5"}],
        '[{"id": 1, "content": "3"}, {"id": 2, "content": "4"}, {"id": 3, "content": "5"}]',
    ],
)
def test_every_shape_of_choices(cell: Any) -> None:
    assert read_choices(cell) == ("3", "4", "5")


@pytest.mark.parametrize("cell", [None, "", "  ", [], "[]", {}, [None, None]])
def test_no_choices(cell: Any) -> None:
    assert read_choices(cell) is None


@pytest.mark.parametrize(
    "cell",
    [
        "one, two",
        ["only one"],
        ["a", None, "b"],
        ["a", ""],
        [str(n) for n in range(27)],
        "|3| + |x|",
        "cat;",
        "__import__('os').system('true')",
        "[" * 5_000 + "]" * 5_000,
        "(" * 100_000,
        "[" + "-" * 15_000 + "1]",
        7,
        [["a", "b"], ["c"]],
    ],
)
def test_what_cannot_be_choices(cell: Any) -> None:
    with pytest.raises(Unfit) as unfit:
        read_choices(cell)
    assert unfit.value.reason == "unparseable_choices"


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


@pytest.mark.parametrize(
    ("gold", "gold_is", "text", "position"),
    [
        ("B", "auto", "B", 1),
        ("(b)", "auto", "(b)", 1),
        ("60°", "auto", "60°", 1),
        ("B. 60°", "auto", "B. 60°", 1),
        ("1", "index", "B", 1),
        ("2", "number", "B", 1),
        ("60°", "text", "60°", 1),
        ("1", "auto", "B", 1),
    ],
)
def test_golds_by_letter_text_and_index(gold: str, gold_is: str, text: str, position: int) -> None:
    found = read_gold(gold, ("55°", "60°", "65°"), gold_is)
    assert (found.text, found.position) == (text, position)


@pytest.mark.parametrize(
    ("gold", "gold_is", "choices"),
    [
        ("D", "auto", ("55", "60")),
        ("70", "auto", ("55", "60")),
        ("3", "index", ("55", "60", "65")),
        ("0", "number", ("55", "60", "65")),
        ("-1", "index", ("55", "60", "65")),
        ("55", "letter", ("55", "60")),
        ("B", "text", ("55", "60")),
    ],
)
def test_a_gold_that_is_no_choice(gold: str, gold_is: str, choices: tuple[str, ...]) -> None:
    with pytest.raises(Unfit) as unfit:
        read_gold(gold, choices, gold_is)
    assert unfit.value.reason == "gold_not_in_choices"


def test_a_letter_that_is_also_the_text_of_another_choice_is_ambiguous() -> None:
    with pytest.raises(Unfit) as unfit:
        read_gold("A", ("B", "A"), "auto")
    assert unfit.value.reason == "ambiguous_gold"
    assert read_gold("A", ("B", "A"), "text").text == "B"  # the letter of the choice "A"
    assert read_gold("A", ("B", "A"), "letter").position == 0


@given(
    choices=st.lists(st.from_regex(r"[a-z0-9.°-]{1,6}", fullmatch=True), min_size=2, max_size=8, unique=True),
    data=st.data(),
)
def test_the_verifier_reads_the_stored_gold_as_the_same_choice(choices: list[str], data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(choices) - 1))
    gold = read_gold(str(position), choices, "index")
    assert gold.position == position
    assert verify(LETTERS[position], gold.text, choices=choices).outcome == "correct"


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


def test_options_by_number_are_found_by_their_numbers() -> None:
    """GEOS: {"1": "70", …}, and the gold is a key."""
    cell = {"1": "70", "2": "80", "3": "90"}
    assert labels_of(cell) == ("1", "2", "3")
    assert read_gold("3", read_choices(cell), "auto", labels_of(cell)) == ("C", 2, None)
    with pytest.raises(Unfit) as unfit:
        read_gold("2", ("1", "2", "3"), "auto", ("3", "1", "2"))
    assert unfit.value.reason == "ambiguous_gold"


@pytest.mark.parametrize(
    "cell", [{"A": "x", "B": "y"}, {"0": "x", "1": "y"}, ["x", "y"], None, "{", {"label": "A", "text": ["x"]}]
)
def test_usual_labels_are_read_as_letters_and_indexes(cell: Any) -> None:
    assert labels_of(cell) == ()


@pytest.mark.parametrize("gold", ["A, C", "AC", "A and C", "x, z", "A,C"])
def test_several_options_may_be_right_together(gold: str) -> None:
    assert read_gold(gold, ("x", "y", "z"), "auto").text == "A, C"


def test_options_that_are_pictures_have_a_reason_of_their_own() -> None:
    placeholders = ["(image)[image-2.png]", "[image-3.jpg]"]  # https://github.com/DAMO-NLP-SG/M3Exam/issues/5
    for cell in (["choice_0.png", "choice_1.png"], [{"bytes": b"x", "path": None}] * 2, placeholders):
        with pytest.raises(Unfit) as unfit:
            read_choices(cell)
        assert unfit.value.reason == "picture_choices"
    assert read_choices(["[1, 2]", "[2, 3]"]) == ("[1, 2]", "[2, 3]")


@given(st.text(alphabet="AaBb12()①②[]（）、:. \n?", max_size=200), st.text(alphabet="AB12①()", max_size=5))
def test_a_gold_in_a_new_dressing_is_always_one_of_the_options(text: str, gold: str) -> None:
    split = split_question(text, gold)
    if split.choices and split.new:
        assert read_gold(gold, split.choices, "auto", split.labels).position is not None
