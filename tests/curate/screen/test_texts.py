"""What texts are compared by."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ovt.curate.screen import texts


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  How MANY bars\nare there? ", "how many bars are there"),
        ("<image> What is it, then?<image 2>", "what is it then"),
        ("Is x = 3.5 + 1,000?", "is x = 3.5 + 1,000"),
        ("Find ∠ABC.", "find ∠abc"),
        ("“Quoted” — so!", "quoted so"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("5 - 3", "5 3"),
        ("-3 °C", "-3 °c"),
        ("?!…", ""),
    ],
)
def test_plain_keeps_words_numbers_and_signs(text, plain):
    assert texts.plain(text) == plain


@given(st.text(max_size=200) | st.text("-_.,:5a <", max_size=12))
@example("-_")
@example("-.5")
def test_plain_is_plain_already(text):
    assert texts.plain(texts.plain(text)) == texts.plain(text)


@pytest.mark.parametrize(
    "other",
    ["What is AB if AC = 5 and BC = 8?", "What is AC if AC = 5 and BC = 7?", "What is not AB if AC = 5 and BC = 7?"],
)
def test_numbers_labels_and_denials_are_particular(other):
    assert texts.particulars("What is AB if AC = 5 and BC = 7?") != texts.particulars(other)


def test_grams_are_runs_of_13_words():
    words = [f"w{number}" for number in range(15)]
    assert len(list(texts.grams(" ".join(words)))) == 3
    assert list(texts.grams(" ".join(words[:12]))) == []
    assert next(texts.grams(" ".join(words))) == next(texts.grams(" ".join(words[:13])))


def test_hashes_are_the_same_on_every_machine():
    assert texts.text_hash("how many bars are there").hex() == "a4ce44806351b851"


@given(st.text(max_size=60), st.text(max_size=60))
def test_screenity_is_symmetric_and_one_for_the_same(first, second):
    one, other = texts.shingles(first), texts.shingles(second)
    assert texts.similarity(one, other) == texts.similarity(other, one) <= 1
    assert texts.similarity(one, one) == 1
