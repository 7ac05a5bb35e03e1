import polars as pl
import pytest
from pydantic import ValidationError

from ovt.core.schema import VERDICTS
from ovt.curate.stages import verify


@pytest.fixture(scope="session")
def judged(samples_of, questions_of, response_of):
    questions = questions_of(
        {"question_id": "a"}, {"question_id": "b", "gold": "blue", "choices": ["red", "blue", "green"]}
    )
    samples = samples_of(
        "a",
        [response_of("x", "12"), response_of("x", "13"), {"text": "<think>and so", "finish_reason": "length"}],
        "b",
        [response_of("x", "B"), response_of("x", "red"), response_of("x", "A or B"), "<think>x</think>"],
    )
    return samples, verify.judge(samples, questions, verify.VerifySection())


def test_verdicts_are_those_of_the_verifier(judged):
    samples, verdicts = judged
    assert verdicts.schema == VERDICTS
    assert verdicts["sample_id"].to_list() == samples["sample_id"].to_list()
    correct = ["correct", "wrong", "wrong", "correct", "wrong", "wrong", "wrong"]
    assert verdicts["outcome"].to_list() == correct


def test_only_correct_samples_go_on_and_the_others_say_why(judged, ids, dropped_for):
    samples, verdicts = judged
    correct, decisions = verify.run(samples, verdicts)
    assert ids(correct) == ["a-0", "b-0"]
    assert correct.columns == samples.columns
    assert dropped_for(decisions) == {
        "a-reason-1": "wrong",
        "a-reason-2": "truncated",
        "b-reason-1": "wrong",
        "b-reason-2": "several_answers",
        "b-reason-3": "no_answer",
    }
    assert decisions["detail"].null_count() == 0
    assert decisions["detail"].str.contains("\n").any() is False


def test_a_question_that_nobody_could_judge_is_dropped_as_a_whole(judged, dropped_for):
    samples, verdicts = judged
    abstains = pl.when(pl.col("question_id") == "a").then(pl.lit("abstain")).otherwise("outcome")
    _, decisions = verify.run(samples, verdicts.with_columns(outcome=abstains))
    questions = decisions.filter(pl.col("level") == "question")
    assert dropped_for(questions) == {"a": "abstain"}
    assert set(decisions.filter(pl.col("question_id") == "a")["reason"]) == {"abstain"}


def test_unknown_kinds_are_refused():
    with pytest.raises(ValidationError, match="expected one of auto, choice"):
        verify.VerifySection(kind="maths")
