"""Which questions a stage asks, and in which order."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovt.core.errors import OvtError
from ovt.curate.sources.where import matches
from ovt.train.questions import (
    IMAGE_TOKENS,
    asked_in_order,
    describe_left_out,
    further_columns,
    mark,
    measured_questions,
    update_rates,
)
from ovt.train.settings import QuestionsSection, RlSection

QUESTIONS = pl.DataFrame(
    {
        "question_id": ["a", "b", "c", "d", "d", "e"],
        "difficulty": ["easy", "medium", "hard", "unsolved", "unsolved", None],
        "pass_rate": [1.0, 0.5, 0.25, 0.0, 0.0, None],
        "n_samples": [4, 4, 4, 4, 4, None],
        "reason": [None, None, "too_long", None, None, None],
    }
)


def left_out(**settings) -> list[str | None]:
    return mark(QUESTIONS, QuestionsSection.model_validate(settings))["left_out"].to_list()


def test_each_question_is_asked_once_and_the_rest_has_a_reason():
    assert left_out() == [None, None, "too_long", None, "repeated", None]
    assert left_out(difficulty=["medium", "hard"]) == [
        "difficulty", None, "too_long", "difficulty", "repeated", "difficulty",
    ]  # fmt: skip
    assert left_out(sure="stored") == ["sure", None, "too_long", "sure", "repeated", None]
    assert describe_left_out(mark(QUESTIONS, QuestionsSection(sure="stored"))) == {
        "sure": 2, "too_long": 1, "repeated": 1,
    }  # fmt: skip


def test_where_chooses_by_any_column():
    assert left_out(where="pass_rate < 0.5") == ["where", "where", "too_long", None, "repeated", "where"]
    with pytest.raises(OvtError, match=r"where names 'grade'; found question_id, difficulty, pass_rate"):
        left_out(where="grade < 3")
    assert "where" not in QuestionsSection().model_dump(mode="json")
    assert further_columns("grade < 3 AND pass_rate > 0.1", ["grade", "pass_rate", "images"]) == ["grade"]


def test_a_column_of_the_data_may_have_the_name_of_what_is_measured(monkeypatch):
    import datasets

    lengths = pl.DataFrame({"prompt_tokens": [9, 9], "image_tokens": [4, 4], "reason": [None, None]})
    for name, told in (("prompt_limit", 100), ("load_processor", None), ("measured", lengths)):
        monkeypatch.setattr(f"ovt.train.questions.{name}", lambda *args, told=told: told)
    data = datasets.Dataset.from_dict({"question_id": ["a", "b"], "image_tokens": [7, 700]})
    training: Any = SimpleNamespace(where="", home=None, splits=[None], settings=RlSection())
    questions = measured_questions(training, data)
    assert questions[IMAGE_TOKENS].to_list() == [4, 4]
    assert matches(questions, "image_tokens < 100", "questions").to_list() == [True, False]


def test_measured_pass_rates_come_before_stored_ones():
    newer = update_rates(
        QUESTIONS, pl.DataFrame({"question_id": ["a", "b"], "pass_rate": [0.5, 1.0], "n_samples": [8, 8]})
    )
    marked = mark(newer, QuestionsSection(sure="rollouts"))
    assert marked["left_out"].to_list() == [None, "sure", "too_long", "sure", "repeated", None]


def test_a_bucket_that_nobody_is_in():
    with pytest.raises(OvtError, match=r"no question is 'mediun': the version has unsolved 2, .*medium 1"):
        left_out(difficulty=["mediun"])


@given(st.integers(1, 40), st.integers(0, 150), st.integers(0, 5))
def test_every_question_is_asked_before_any_is_asked_again(count, places, seed):
    order = asked_in_order(count, places, seed)
    assert len(order) == places
    assert order == asked_in_order(count, places + 7, seed)[:places]
    asked = Counter(order)
    assert max(asked.values(), default=0) - min((asked[i] for i in range(count)), default=0) <= 1
