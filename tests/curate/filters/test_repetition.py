import random

import pytest

from ovt.curate.filters import repetition

DROP = {"mode": "drop"}
WORDS = random.Random(0).choices([f"word{number}" for number in range(500)], k=2_000)


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("The bar is red and tall. " * 9, True),
        ("The bar is red and tall.\n" * 2, False),
        ("The bar is red and tall. The bar is blue and low. " * 3, True),  # two thirds of it is said before
        ("So x = 2. " * 9 + " ".join(WORDS[:50]), False),  # too short to count
        (" ".join(WORDS), False),
        ("and the bar is red " * 40, True),  # one long sentence that goes round
        (" ".join(WORDS[:300]) + " and the bar is red" * 30, False),  # a third of it does
        ("", False),
    ],
)
def test_responses_that_go_round_are_dropped(text, dropped, filtered):
    assert filtered(text, repetition=DROP) == ((None, "repetitive") if dropped else (text, None))
    assert filtered(text, repetition={"mode": "off"}) == (text, None)


def test_the_bounds_are_the_recipes(filtered):
    twice = "The bar is red and tall. " * 2 + "Then there is a blue one to the left."
    assert filtered(twice, repetition={"mode": "drop", "max_repeats": 1})[1] == "repetitive"
    assert filtered(twice, repetition={"mode": "drop", "max_share": 0.2})[1] == "repetitive"
    assert filtered(twice, repetition={"mode": "drop", "max_share": 0.6})[0] == twice


def test_the_share_inside_a_sentence():
    assert repetition.share_said_before(" ".join(WORDS[:100])) == 0
    assert repetition.share_said_before(" ".join(WORDS[:100] * 2)) == 0.5
    assert repetition.share_said_before("a " * 100) == 0.99
    assert repetition.share_said_before("") == 0
