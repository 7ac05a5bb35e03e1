"""What a word is, in every length that is counted: a run without white space, as Python's `str.split` has it."""

import polars as pl


def count_words(column: str) -> pl.Expr:
    """Words of a text column (Int32; null of null)."""
    return pl.col(column).str.count_matches(r"\S+").cast(pl.Int32)
