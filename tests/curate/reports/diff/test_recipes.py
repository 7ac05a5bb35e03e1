"""Word-level differences."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.curate.reports.diff.recipes import compare_words

TEXTS = st.text(st.sampled_from("ab \n\t<é"), max_size=40)


@given(TEXTS, TEXTS)
def test_pieces_join_to_both_texts(old, new):
    pieces = compare_words(old, new)
    assert "".join(text for what, text in pieces if what != "added") == old
    assert "".join(text for what, text in pieces if what != "removed") == new
    assert all(text for _, text in pieces)


@pytest.mark.parametrize(
    ("old", "new", "pieces"),
    [
        ("a b", "a b", [("same", "a b")]),
        ("a b c", "a x c", [("same", "a "), ("removed", "b"), ("added", "x"), ("same", " c")]),
        ("It is 4. Wait, no.", "It is 4.", [("same", "It is 4."), ("removed", " Wait, no.")]),
        ("", "new", [("added", "new")]),
        ("So,\nfirst, it is.", "So,\nit is.", [("same", "So,\n"), ("removed", "first, "), ("same", "it is.")]),
        (
            "x the bar is red, and the line is blue y",
            "z the dot, the bar is red, and the line is green w",
            [
                ("removed", "x"),
                ("added", "z the dot,"),
                ("same", " the bar is red, and the line is "),
                ("removed", "blue y"),
                ("added", "green w"),
            ],
        ),
    ],
)
def test_examples(old, new, pieces):
    assert compare_words(old, new) == pieces


@pytest.mark.parametrize("word", ["a ", "wait wait no "])
def test_repetitive_texts_take_no_minutes(word):
    start = time.perf_counter()
    compare_words(word * 3_000, f"b {word * 2_900} c")
    compare_words(word * 900, "x " + "a b " * 900)
    compare_words("a b b " * 160, "b a a " * 160)
    assert time.perf_counter() - start < 10
