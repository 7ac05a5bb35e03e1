"""The paper's five families of reasoning behaviour, counted by their cues.

behaviour_visual  behaviour_digest  behaviour_plan  behaviour_reflection  behaviour_alternate
1                 2                 1               0                     0
"""

import polars as pl

FAMILIES: dict[str, tuple[str, ...]] = {
    "visual": ("identify", "recall"),
    "digest": ("given", "provided"),
    "plan": ("first",),
    "reflection": ("wait", "check"),
    "alternate": ("maybe",),
}
COLUMNS = tuple(f"behaviour_{family}" for family in FAMILIES)


def run(samples: pl.DataFrame, column: str = "response") -> pl.DataFrame:
    """`samples` with one count per family (COLUMNS, UInt32): how often its cues stand in `column`."""
    raise NotImplementedError


def per_thousand_words(family: str, words: str = "response_words") -> pl.Expr:
    """The rate of a counted family per 1,000 words over all rows of a table (Float64; null without words)."""
    return pl.col(f"behaviour_{family}").sum() * 1000 / pl.col(words).sum()
