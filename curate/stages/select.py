"""Which of a question's correct samples go on: the shortest, as in the paper, or another choice.

    sample_id                  question_id       text                  words
    1f0c2d3e4a5b6c7d-reason-3  1f0c2d3e4a5b6c7d  <think>\\nThe bar …  48

Length is measured in words of the whole response (runs without white space); ties go to the lower index.
"""

from typing import Literal

import polars as pl

from ovt.curate.section import Section

Strategy = Literal["shortest_correct", "longest_correct", "median_correct", "random_correct", "all_correct"]


class SelectSection(Section):
    """What to take of each question's correct samples: one, or with `all_correct` every one."""

    strategy: Strategy = "shortest_correct"
    seed: int = 0  # of random_correct, which depends on it and on the sample's id alone


def run(samples: pl.DataFrame, section: SelectSection) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Correct samples -> (those selected, with their `words`; decisions on the others). The order stays."""
    raise NotImplementedError
