"""The rows of a version, out of what the stages decided."""

import polars as pl
import pytest

from ovt.core import decisions
from ovt.core.schema import ROWS
from ovt.curate.stages import behaviours, difficulty, filter, rows, select, verify


@pytest.fixture
def made(questions_of, samples_of, response_of):
    """made(section): the rows of four questions: solved, unsolved, dropped by a filter, solved twice."""

    def make(section: rows.DataSection, strategy: select.Strategy = "all_correct") -> pl.DataFrame:
        questions = questions_of(
            {"question_id": "a", "gold": "12"},
            {"question_id": "b", "gold": "99", "question": "Which?", "choices": ["1", "99"]},
            {"question_id": "c", "gold": "12"},
            {"question_id": "d", "gold": "12"},
        )
        caption, plain = response_of("The caption says 12."), response_of("It is 12, maybe.")
        samples = samples_of(
            "a", [caption, response_of("No.", "13")], "b", [plain], "c", ["<answer>12</answer>"], "d", [plain, caption]
        )
        verdicts = verify.judge(samples, questions, verify.VerifySection())
        correct, wrong = verify.run(samples, verdicts)
        selected, left = select.run(correct, select.SelectSection(strategy=strategy))
        kept, fallen = filter.run(selected, filter.FilterSection())
        decided = pl.concat([wrong, left, fallen, decisions.kept(kept, "sample", "kept")])
        decided = pl.concat([decided, decisions.settle(questions, kept, decided)])
        captions = pl.DataFrame({"question_id": ["a", "d"], "caption": ["A bar.", "D bar."]})
        buckets = difficulty.run(verdicts, difficulty.DifficultySection())
        return rows.run(questions, [captions, buckets], behaviours.run(kept), decided, section)

    return make


def test_rows_are_in_the_order_of_questions_and_samples(made):
    table = made(rows.DataSection())
    assert table.schema == ROWS
    assert table.select("split", "question_id", "sample_id").rows() == [
        ("sft", "a", "a-reason-0"),
        ("rl", "b", None),
        ("sft", "d", "d-reason-0"),
        ("sft", "d", "d-reason-1"),
    ]


def test_what_is_known_of_a_kept_sample(made):
    row = made(rows.DataSection(), "shortest_correct").row(0, named=True)
    assert (row["answer"], row["caption"], row["pass_rate"], row["difficulty"]) == ("12", "A bar.", 0.5, "medium")
    assert row["completion"].startswith("<think>\nThe caption says 12.\n</think>")
    assert row["mentions"] is True


def test_an_unsolved_question_has_a_prompt_and_no_completion(made):
    row = made(rows.DataSection(prompt="{question}\n{choices}\nGo.")).row(1, named=True)
    assert row["prompt"] == "Which?\nA. 1\nB. 99\nGo."
    assert (row["completion"], row["mentions"], row["response_words"]) == (None, None, None)
    assert (row["pass_rate"], row["difficulty"], row["n_samples"]) == (0.0, "unsolved", 1)
