"""Free text: dressing is ignored, the whole string must match."""

from collections.abc import Callable

import pytest

from ovt.verifiers.kinds.text import normalize_text

CASES = [
    ("Paris, not London", "Paris", "right", "another denied"),
    ("Paris (not London)", "Paris", "right", "another denied"),
    ("London, not Paris", "Paris", "wrong", "denied"),
    ("Paris, not sure", "Paris", "wrong", "a hedge"),
    ("first", "1st", "right", "an ordinal in words"),
    ("1st", "first", "right", "an ordinal in digits"),
    ("The second.", "2nd", "right", "an ordinal in words"),
    ("twenty-first", "21st", "right", "an ordinal in words"),
    ("fortieth", "40th", "right", "an ordinal in words"),
    ("2nd", "1st", "wrong", "another ordinal"),
    ("1", "1st", "wrong", "no ordinal"),
    ("2 seconds", "2nd", "wrong", "a time"),
    ("1/3", "third", "wrong", "a part"),
    ("first or second", "1st", "wrong", "two answers"),
    ("Paris", "paris", "right", "case"),
    ("Paris.", "Paris", "right", "punctuation"),
    ('"Paris"', "Paris", "right", "quotes"),
    ("“Paris”", "Paris", "right", "curly quotes"),
    ("**Paris**", "Paris", "right", "markdown"),
    ("*Paris*", "Paris", "right", "markdown"),
    ("`Paris`", "Paris", "right", "markdown"),
    ("\\text{Paris}", "Paris", "right", "LaTeX"),
    ("$\\text{Paris}$", "Paris", "right", "LaTeX"),
    ("\\boxed{Paris}", "Paris", "right", "a box"),
    ("The answer is Paris", "Paris", "right", "a lead-in"),
    ("Answer: Paris", "Paris", "right", "a lead-in"),
    ("The Paris", "Paris", "right", "an article"),
    ("a polynomial", "polynomial", "right", "an article"),
    ("It is Paris.", "Paris", "right", "a lead-in"),
    ("Hello, world!", "hello world", "right", "punctuation inside"),
    ("  new   york  ", "New York", "right", "white space"),
    ("New\nYork", "New York", "right", "a line break"),
    ("twenty-one pilots", "twenty one pilots", "right", "a hyphen between words"),
    ("PDE–Refiner", "PDE-Refiner", "right", "the look of a dash"),
    ("Paul Cezanne", "Paul Cézanne", "right", "accents"),
    ("U.S.A.", "USA", "right", "full stops of initials"),
    ("children’s class", "children's class", "right", "the look of an apostrophe"),
    ("O'clock", "o'clock", "right", "an apostrophe"),
    ("July and August", "July and August", "right", "a conjunction in a name"),
    ("odd", "\\text{odd}", "right", "LaTeX in the gold"),
    ("☆", "☆", "right", "a symbol"),
    ("Pariss", "Paris", "wrong", "another letter"),
    ("oddd", "odd", "wrong", "another letter"),
    ("ba", "ab", "wrong", "no product of letters"),
    ("Paris, France", "Paris", "wrong", "more than the gold"),
    ("Paris or London", "Paris", "wrong", "hedged"),
    ("not Paris", "Paris", "wrong", "negated"),
    ("It is not Paris", "Paris", "wrong", "negated"),
    ("York", "New York", "wrong", "a part"),
    ("New York City", "New York", "wrong", "more than the gold"),
    ("red, green, blue", "green", "wrong", "a list that holds the gold"),
    ("Mon", "Monday", "wrong", "a part"),
    ("increase", "decrease", "wrong", "the opposite"),
    ("", "Paris", "wrong", "nothing"),
    (".", "Paris", "wrong", "nothing"),
    ("blue and orange", "orange and blue", "right", "a list of two in another order"),
    ("Pаris", "Paris", "wrong", "a Cyrillic letter that looks the same"),
    ("f(x)", "f(y)", "wrong", "another argument"),
    ("1-III, 2-IV, 3-I", "1-III, 2-IV, 3-I", "right", "a code"),
    ("1-III, 2-IV, 3-II", "1-III, 2-IV, 3-I", "wrong", "a code"),
    ("V1,V5,V4", "V1, V5, V4", "right", "a row of names"),
    ("Around 37%", "Around 31%", "wrong", "another number"),
    ("Basket 5", "Basket 5", "right", "a name with a number"),
    ("Basket 4", "Basket 5", "wrong", "a name with a number"),
    ("None of the above", "none of the above", "right", "case"),
    ("3rd", "3rd", "right", "an ordinal"),
    ("4th", "3rd", "wrong", "an ordinal"),
    ("H2O", "H2O", "right", "a formula"),
    ("CO2", "H2O", "wrong", "a formula"),
    ("H₂O", "H_2O", "right", "the look of a subscript"),
    ("The population of tuna will increase", "The population of tuna will increase", "right", "a sentence"),
    ("The population of tuna will decrease", "The population of tuna will increase", "wrong", "a sentence"),
    ("triangle ABC", "△ABC", "right", "a sign"),
    ("\\triangle ABC", "△ABC", "right", "a sign"),
    ("△ABD", "△ABC", "wrong", "another figure"),
    ("angle ABC", "∠ABC", "right", "a sign"),
]


def test_table(check_table: Callable[..., None]) -> None:
    check_table(CASES)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("**The** capital of France is Paris.", "capital of france is paris"),
        ("  A  Simple   Test! ", "simple test"),
        ("A", "a"),
        ("the", "the"),
        ("Straße", "strasse"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert normalize_text(text) == normal
