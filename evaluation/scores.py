"""Scores the answers to a question set: accuracy with its interval, and how the answers are written.

Pure: tables of answers in, numbers out. `ANSWERS` is one row per answer, made from the ledger's tables.

    sample_id                  question_id       source  cluster  outcome  right  cut    valid  response_words  …
    1f0c2d3e4a5b6c7d-reason-0  1f0c2d3e4a5b6c7d  bars    9f2c…    correct  true   false  true   48              …
"""

from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.section import Section
from ovt.core.statistics import Interval, mean_interval, share_interval
from ovt.core.text import count_words
from ovt.curate.filters import format
from ovt.curate.stages import behaviours

ANSWERS = pl.Schema(
    {
        "sample_id": pl.String,
        "question_id": pl.String,
        "source": pl.String,
        "cluster": pl.String,  # the question's images, else the question: answers about the same are not independent
        "outcome": pl.String,
        "reason": pl.String,
        "right": pl.Boolean,
        "cut": pl.Boolean,  # stopped by max_tokens
        "valid": pl.Boolean,  # one <think>…</think>, then <answer>…</answer>
        "response_words": pl.Int32,
        **dict.fromkeys(behaviours.COLUMNS, pl.Int32),
    }
)


def percent(share: float) -> str:
    """ "34.8%"."""
    return f"{100 * share:.1f}%"


def points(gain: Interval) -> str:
    """A difference of accuracies with its interval: "+1.2 [-0.4, +2.8]"."""
    return f"{100 * gain.value:+.1f} [{100 * gain.low:+.1f}, {100 * gain.high:+.1f}]"


class Accuracy(Section):
    """The share of correct answers, with the 95% interval of `core.statistics.share_interval`.

    Undecided and empty answers count as not correct; failed requests do not count as answers.
    """

    questions: int
    answers: int
    accuracy: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{percent(self.accuracy)} [{percent(self.low)}, {percent(self.high)}]"


class Scores(Accuracy):
    """All reported scores of a question set.

    images      the clusters of the interval: distinct images, and questions without one
    solved      share of questions with at least one correct answer (with k = 1: the accuracy)
    format_valid, truncated   shares of answers
    words       mean words per answer
    behaviours  cues per 1,000 words, by family
    outcomes    answers by verdict; reasons: by the verdict's reason
    by_source   the accuracy in each source
    """

    images: int
    solved: float
    format_valid: float
    truncated: float
    words: float
    behaviours: dict[str, float]
    outcomes: dict[str, int]
    reasons: dict[str, int]
    by_source: dict[str, Accuracy]


def answers_table(questions: pl.DataFrame, samples: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """ANSWERS rows in the order of `samples`, which all have a text and a verdict (tables of the ledger's schemas)."""
    pictures = pl.col("images").list.join("+")
    alone = pl.col("images").list.len() == 0  # of text alone
    about = questions.select("question_id", "source", cluster=pl.when(alone).then("question_id").otherwise(pictures))
    judged = samples.join(verdicts.drop("question_id"), on="sample_id", maintain_order="left")
    valid = [format.require(text).drop is None for text in judged["text"]]
    table = (
        judged.join(about, on="question_id", maintain_order="left")
        .with_columns(
            right=pl.col("outcome") == "correct",
            cut=(pl.col("finish_reason") == "length").fill_null(False),
            valid=pl.Series(valid, dtype=pl.Boolean),
            response_words=count_words("text"),
        )
        .pipe(behaviours.run, "text")
    )
    return table.select(ANSWERS.names()).cast(dict(ANSWERS))


def score(answers: pl.DataFrame) -> Scores:
    """The scores of ANSWERS rows, at least one."""
    per_question = answers.group_by("question_id").agg(pl.col("right").any())
    rates = answers.select(behaviours.per_thousand_words()).row(0)
    sources = answers["source"].unique(maintain_order=True)
    return Scores(
        **accuracy(answers).model_dump(),
        images=answers["cluster"].n_unique(),
        solved=mean(per_question["right"]),
        format_valid=mean(answers["valid"]),
        truncated=mean(answers["cut"]),
        words=mean(answers["response_words"]),
        behaviours={family: rate or 0.0 for family, rate in zip(behaviours.FAMILIES, rates, strict=True)},
        outcomes=counts(answers["outcome"]),
        reasons=counts(answers["reason"]),
        by_source={source: accuracy(answers.filter(pl.col("source") == source)) for source in sources},
    )


def accuracy(answers: pl.DataFrame, right: str = "right") -> Accuracy:
    """The accuracy over ANSWERS rows, or READINGS with a reading's name. What a reading leaves open counts as wrong."""
    share = share_interval(answers.select("cluster", right=pl.col(right).fill_null(False)))
    count, value = answers["question_id"].n_unique(), share.value if len(answers) else 0.0
    return Accuracy(questions=count, answers=len(answers), accuracy=value, low=share.low, high=share.high)


def difference(answers: pl.DataFrame, other: pl.DataFrame) -> Interval:
    """How much better `answers` are than `other`, in accuracy, on the questions that both have: paired by question,
    clustered by image, so far narrower than two separate intervals. OvtError if they share no question."""
    pairs = paired(answers, other)
    if pairs.is_empty():
        raise OvtError("the evaluations share no question: compare evaluations of the same question set")
    return mean_interval(pairs)


def paired(answers: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
    """cluster, and value: how much better `answers` are; a row per question that both tables of ANSWERS have."""
    pairs = by_question(answers).join(by_question(other), on="question_id", suffix="_other", maintain_order="left")
    return pairs.select("cluster", value=pl.col("right") - pl.col("right_other"))


def by_question(answers: pl.DataFrame) -> pl.DataFrame:
    """question_id, cluster, and the share of its answers that are right."""
    return answers.group_by("question_id", maintain_order=True).agg(
        pl.col("cluster").first(), pl.col("right").mean().alias("right")
    )


def mean(values: pl.Series) -> float:
    """The mean as a plain float (0 if empty)."""
    found: Any = values.mean()
    return float(found or 0.0)


def counts(values: pl.Series) -> dict[str, int]:
    """How often each value occurs, most frequent first."""
    table = values.value_counts().sort("count", values.name, descending=[True, False])
    return dict(table.iter_rows())
