"""A filter: drops responses of fewer than this many words.

    [filter.min_words]
    words = 20

response_words  drop           why
12              too_few_words  12 words, fewer than 20
"""

import polars as pl
from pydantic import PositiveInt

from ovt.core.section import Section


class MinWordsSection(Section):
    """words: the fewest that a response may have."""

    words: PositiveInt


def min_words(frame: pl.LazyFrame, section: MinWordsSection) -> pl.LazyFrame:
    """Looks at `response_words`; adds drop and why."""
    short = pl.col("response_words") < section.words
    return frame.with_columns(
        drop=pl.when(short).then(pl.lit("too_few_words")),
        why=pl.when(short).then(pl.format(f"{{}} words, fewer than {section.words}", "response_words")),
    )
