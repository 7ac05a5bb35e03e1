"""The paper's five families of reasoning behaviour, counted by their cues (whole words, case-insensitive).

    behaviour_visual  behaviour_digest  behaviour_plan  behaviour_reflection  behaviour_alternate
    1                 2                 1               0                     0

The first cues of each family are the paper's (figure on behaviours); the others are ours.
"""

import polars as pl

FAMILIES: dict[str, tuple[str, ...]] = {
    "visual": ("identify", "recall", "observe", "notice", "look at", "looking at"),
    "digest": ("given", "provided", "according to", "stated"),
    "plan": ("first", "to begin", "next, i", "step by step"),
    "reflection": ("wait", "check", "hmm", "verify"),
    "alternate": ("maybe", "perhaps", "alternatively", "another way"),
}
COLUMNS = tuple(f"behaviour_{family}" for family in FAMILIES)


def pattern(cues: tuple[str, ...]) -> str:
    """A regular expression for any of `cues` (ASCII words) between word boundaries."""
    return rf"(?i-u:\b(?:{'|'.join(cues)})\b)"


def run(samples: pl.DataFrame, column: str = "response") -> pl.DataFrame:
    """`samples` with one count per family (COLUMNS, Int32): how often its cues occur in `column`."""
    text = pl.col(column).str
    counts = [
        text.count_matches(pattern(cues)).cast(pl.Int32).alias(name)
        for name, cues in zip(COLUMNS, FAMILIES.values(), strict=True)
    ]
    return samples.lazy().with_columns(counts).collect()


def per_thousand_words(words: str = "response_words") -> list[pl.Expr]:
    """For each of COLUMNS, the cues per 1,000 words over all rows of a table (Float64; null without words)."""
    total, *sums = (pl.col(name).cast(pl.Int64).sum() for name in (words, *COLUMNS))  # sums of Int32 would overflow
    return [pl.when(total > 0).then(cues * 1000 / total).alias(name) for name, cues in zip(COLUMNS, sums, strict=True)]
