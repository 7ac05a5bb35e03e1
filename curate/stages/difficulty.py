"""How hard a question is for the model that answered it: its pass rate over the k samples, and a bucket.

    question_id       n_samples  n_correct  pass_rate  difficulty
    1f0c2d3e4a5b6c7d  4          1          0.25       hard

The paper takes its SFT rows from solved questions, and its GRPO questions from the medium and hard ones.
"""

import polars as pl
from pydantic import Field, model_validator

from ovt.core.section import Section


class DifficultySection(Section):
    """Bounds of the buckets, as pass rates from 0 to 1: the share of a question's judged samples that are correct.

    easy from `easy` up, hard up to `hard`, medium in between; unsolved at 0.
    """

    easy: float = Field(0.75, gt=0, le=1)
    hard: float = Field(0.25, ge=0, lt=1)

    @model_validator(mode="after")
    def _ordered(self) -> "DifficultySection":
        if self.hard >= self.easy:
            raise ValueError(f"hard = {self.hard} is not below easy = {self.easy}; give a lower hard or a higher easy")
        return self


def run(verdicts: pl.DataFrame, section: DifficultySection) -> pl.DataFrame:
    """One row per question that has a verdict, in order: question_id, n_samples, n_correct, pass_rate, difficulty.

    An abstention is not a wrong answer: it counts in neither number. If all samples abstain, pass_rate and
    difficulty are null.
    """
    outcome = pl.col("outcome")
    rate = pl.col("pass_rate")
    return (
        verdicts.group_by("question_id", maintain_order=True)
        .agg(
            outcome.is_in(["correct", "wrong"]).sum().cast(pl.Int32).alias("n_samples"),
            (outcome == "correct").sum().cast(pl.Int32).alias("n_correct"),
        )
        .with_columns(
            pl.when(pl.col("n_samples") > 0).then(pl.col("n_correct") / pl.col("n_samples")).alias("pass_rate"),
        )
        .with_columns(
            pl.when(rate.is_null())
            .then(None)
            .when(rate == 0)
            .then(pl.lit("unsolved"))
            .when(rate >= section.easy)
            .then(pl.lit("easy"))
            .when(rate <= section.hard)
            .then(pl.lit("hard"))
            .otherwise(pl.lit("medium"))
            .alias("difficulty")
        )
    )
