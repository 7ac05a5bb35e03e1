"""How hard a question is for the model that answered it: its pass rate over the k samples, and a bucket.

    question_id       n_samples  n_correct  pass_rate  difficulty
    1f0c2d3e4a5b6c7d  4          1          0.25       hard

The paper takes its SFT rows from what was solved, and its GRPO questions from the medium and hard ones.
"""

import polars as pl
from pydantic import Field

from ovt.curate.section import Section


class DifficultySection(Section):
    """Bounds of the buckets, as pass rates from 0 to 1 (shares of a question's judged samples that are correct)."""

    easy: float = Field(0.75, gt=0, le=1, description="easy from this pass rate on")
    hard: float = Field(0.25, ge=0, lt=1, description="hard up to this pass rate; unsolved at 0; medium in between")


def run(verdicts: pl.DataFrame, section: DifficultySection) -> pl.DataFrame:
    """One row per question that has a verdict: question_id, n_samples, n_correct, pass_rate, difficulty.

    Abstentions are not answers that were found wrong: they count in neither number.
    """
    raise NotImplementedError
