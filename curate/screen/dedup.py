"""The stage that drops questions which ask again what an earlier one asks, in other bytes or other words.

    id                stage  decision  reason          detail
    77aa01f0c2d3e4a5  dedup  dropped   near_duplicate  of 1f0c2d3e4a5b6c7d: image off by 6 of 576 bits, text 1.0 alike

Questions that are the same to the byte were left out at import already (duplicate_question).
"""

from typing import Annotated

import polars as pl
from pydantic import Field

from ovt.core.decisions import dropped
from ovt.curate.screen.image_hashes import BITS, Looks, Nearness
from ovt.curate.screen.near_duplicates import find_twins


class DedupSection(Nearness):
    """What counts as asked before; the first of each such group stays. `twins.py` says what must agree besides.

    min_similarity  shared 5-character shingles of the two questions, by all of theirs; 1 takes only questions that are
                    equal but for case and punctuation
    """

    min_similarity: Annotated[float, Field(gt=0, le=1)] = 0.8


def run(
    questions: pl.DataFrame, looks: dict[str, int], table: Looks, section: DedupSection
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """QUESTIONS -> (those kept, those dropped, decisions on the latter). The order stays."""
    twins = find_twins(questions, looks, table, section, section.min_similarity)
    again = questions.join(twins, on="question_id", maintain_order="left")
    detail = pl.format(
        "of {}: image off by {} of {} bits, text {} alike",
        "twin_id",
        "bits",
        pl.lit(BITS * BITS),
        pl.col("similarity").round(2),
    )
    kept = questions.join(twins, on="question_id", how="anti", maintain_order="left")
    gone = again.select(questions.columns)
    return kept, gone, dropped(again, "question", "dedup", "near_duplicate", detail)
