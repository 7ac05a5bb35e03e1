"""Each sample's verdict against the gold; only correct samples go on.

    sample_id                  outcome  kind    reason  extracted  normalized_prediction  normalized_gold
    1f0c2d3e4a5b6c7d-reason-0  correct  number  equal   12         12                     12

The verifier is the one that RL and evaluation use (`ovt.verifiers`). A sample it cannot judge abstains: that is the
gold's trouble, not the model's, so such a question is dropped here and never reaches the RL pool as "unsolved".
"""

from typing import Literal

import polars as pl

from ovt.curate.section import Section


class VerifySection(Section):
    """How answers are compared with the gold."""

    kind: Literal["auto"] = "auto"


def judge(samples: pl.DataFrame, questions: pl.DataFrame, section: VerifySection) -> pl.DataFrame:
    """The VERDICTS row of each answered sample, in the order of `samples`."""
    raise NotImplementedError


def run(samples: pl.DataFrame, verdicts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answered samples and their verdicts -> (correct samples, decisions on the others and on abstained questions)."""
    raise NotImplementedError
