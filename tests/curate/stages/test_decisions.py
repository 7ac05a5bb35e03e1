import polars as pl

from ovt.core import decisions
from ovt.core.schema import DECISIONS


def test_rows_have_the_schema_of_the_ledger(samples_of):
    samples = samples_of("a", ["x", "y"])
    made = pl.concat(
        [
            decisions.dropped(samples, "sample", "filter", "too_long"),
            decisions.kept(samples, "question", pl.col("text")),
        ]
    )
    assert made.schema == DECISIONS
    assert made.rows() == [
        ("sample", "a-reason-0", "a", "filter", "dropped", "too_long", None),
        ("sample", "a-reason-1", "a", "filter", "dropped", "too_long", None),
        ("question", "a", "a", "version", "kept", "x", None),
        ("question", "a", "a", "version", "kept", "y", None),
    ]
    assert decisions.dropped(samples.clear(), "sample", "filter", "too_long").schema == DECISIONS


def test_questions_are_settled_by_what_became_of_their_samples(questions_of, samples_of):
    questions = questions_of(*({"question_id": question_id} for question_id in "abcd"))
    samples = samples_of("a", ["x", "y"], "b", ["x"], "c", ["x", "y"])
    a, b, c = samples.partition_by("question_id", maintain_order=True)
    made = [
        decisions.dropped(a.tail(1), "sample", "filter", "too_long"),
        decisions.dropped(b, "sample", "verify", "wrong"),
        decisions.dropped(c.head(1), "sample", "filter", "too_long"),
        decisions.dropped(c.tail(1), "sample", "filter", "no_think"),
        decisions.dropped(questions.tail(1), "question", "caption", "no_caption"),
    ]
    settled = decisions.settle(questions, a.head(1), pl.concat(made))
    assert sorted(settled.select("id", "stage", "decision", "reason").rows()) == [
        ("a", "version", "kept", "sft"),
        ("b", "version", "kept", "rl"),
        ("c", "filter", "dropped", "no_think"),
    ]
