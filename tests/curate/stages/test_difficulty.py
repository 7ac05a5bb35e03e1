import polars as pl
import pytest
from pydantic import ValidationError

from ovt.curate.stages import difficulty


def verdicts(**outcomes: str) -> pl.DataFrame:
    """One letter per sample: c(orrect), w(rong), a(bstain)."""
    words = {"c": "correct", "w": "wrong", "a": "abstain"}
    rows = [(question, words[letter]) for question, letters in outcomes.items() for letter in letters]
    return pl.DataFrame(rows, schema=["question_id", "outcome"], orient="row")


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("cccc", (4, 4, 1.0, "easy")),
        ("cccw", (4, 3, 0.75, "easy")),
        ("ccww", (4, 2, 0.5, "medium")),
        ("cwww", (4, 1, 0.25, "hard")),
        ("wwww", (4, 0, 0.0, "unsolved")),
        ("caaa", (1, 1, 1.0, "easy")),
        ("aa", (0, 0, None, None)),
    ],
)
def test_pass_rates_and_buckets(letters: str, expected: tuple):
    table = difficulty.run(verdicts(q=letters), difficulty.DifficultySection())
    assert table.rows() == [("q", *expected)]


def test_bounds_are_the_recipes_and_the_order_is_the_questions():
    table = difficulty.run(verdicts(z="cw", a="cc"), difficulty.DifficultySection(easy=1.0, hard=0.5))
    assert table["question_id"].to_list() == ["z", "a"]
    assert table["difficulty"].to_list() == ["hard", "easy"]


def test_bounds_must_be_in_order():
    with pytest.raises(ValidationError, match=r"hard = 0\.8 is not below easy = 0\.75"):
        difficulty.DifficultySection(hard=0.8)
