"""What the log says of held-out questions during RL."""

import pytest

from ovt.train.held_out import OUTCOMES, summarise

WRONG, RIGHT, ABSTAIN = range(len(OUTCOMES))


def test_accuracy_has_an_interval_by_images():
    answers = [[RIGHT, 10], [RIGHT, 20], [WRONG, 30], [ABSTAIN, 40]]
    told = summarise(answers, [0, 1, 2, 3])
    assert told["eval_accuracy"] == 0.5
    assert told["eval_low"] < 0.5 < told["eval_high"]
    assert (told["eval_abstain"], told["eval_tokens"]) == (0.25, 25.0)
    together = summarise(answers, [0, 0, 1, 1])
    assert together["eval_high"] - together["eval_low"] > told["eval_high"] - told["eval_low"]


@pytest.mark.parametrize(("outcome", "accuracy"), [(WRONG, 0.0), (RIGHT, 1.0)])
def test_answers_that_are_all_alike_have_an_interval_too(outcome, accuracy):
    told = summarise([[outcome, 3]] * 8, list(range(8)))
    assert told["eval_accuracy"] == accuracy
    assert told["eval_high"] - told["eval_low"] > 0.2
