import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.curate.sources.faults import Unfit
from ovt.curate.sources.named_choice import LETTERS, read_all, read_any, read_gold
from ovt.verifiers import verify


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


@pytest.mark.parametrize("gold", ["A, C", "AC", "A and C", "x, z", "A,C"])
def test_several_options_may_be_right_together(gold: str) -> None:
    assert read_gold(gold, ("x", "y", "z"), "auto").text == "A, C"


@pytest.mark.parametrize(
    ("golds", "together", "any_of"),
    [
        (["A", "C"], ("A, C", "text", False), ("A ||| C", "text", False)),
        (["0", "2"], ("A, C", "index", False), ("A ||| C", "index", False)),
        (["A, C", "B"], ("A, B, C", "text", True), ("A, C ||| B", "text", False)),
        (["A", "(A)"], ("A", "text", True), ("A ||| (A)", "text", False)),
        (["1", "3"], ("1, 3", "beyond", True), ("B ||| 3", "beyond", True)),  # counted from 1, as it seems
    ],
)
def test_several_golds_of_one_question(golds: list[str], together: tuple, any_of: tuple) -> None:
    for read, expected in ((read_all, together), (read_any, any_of)):
        found = read(golds, ("x", "y", "z"), "auto", ())
        assert (found.text, found.read_as, found.new) == expected
