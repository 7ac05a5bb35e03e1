"""Numbers about a version's rows, for its card and for `ovt data`: plain dicts and lists, the same every time."""

import polars as pl

from ovt.curate.stages.behaviours import COLUMNS as BEHAVIOURS
from ovt.curate.stages.behaviours import per_thousand_words

BUCKETS = ("easy", "medium", "hard", "unsolved")  # of difficulty
NEEDED = ("source", "pass_rate", "difficulty", "response_words", *BEHAVIOURS)
BINS = 10


def summarise(rows: pl.LazyFrame) -> dict:
    """The statistics of kept rows (columns `split` and NEEDED).

    words        of the completions in sft: rows, mean, median, p95, max; `histogram` of equal bins (`from`, `to`, rows)
    behaviours   cues per 1,000 words of the completions in sft, by family
    pass_rates   rows by split and pass rate; difficulty and sources: rows by split and value
    """
    table = rows.select("split", *NEEDED).collect()
    answered = table.filter(pl.col("response_words").is_not_null())
    return {
        "words": lengths(answered["response_words"]),
        "behaviours": behaviours(answered),
        "pass_rates": _count(table.with_columns(pl.col("pass_rate").round(3)), "pass_rate"),
        "difficulty": _count(table, "difficulty"),
        "sources": _count(table, "source"),
    }


def lengths(counts: pl.Series) -> dict | None:
    """How whole numbers without nulls (words, tokens) are spread; None where there are none."""
    if not len(counts):
        return None
    counts = counts.cast(pl.Int64)  # a sum of Int32 would overflow
    return {
        "rows": len(counts),
        "mean": round(counts.sum() / len(counts), 1),
        "median": int(counts.quantile(0.5, "nearest") or 0),
        "p95": int(counts.quantile(0.95, "nearest") or 0),
        "max": int(counts.to_numpy().max()),
        "histogram": _equal_bins(counts),
    }


def _equal_bins(words: pl.Series) -> list[dict]:
    """At most BINS equal bins from 0, as wide as a round number allows."""
    longest = int(words.to_numpy().max())
    width = round_up(max(1, longest) / BINS)
    counts = dict((words // width).value_counts().iter_rows())
    return [
        {"from": number * width, "to": (number + 1) * width - 1, "rows": counts.get(number, 0)}
        for number in range(longest // width + 1)
    ]


def round_up(width: float) -> int:
    """1, 2, 5, 10, 20, …"""
    return next(step * 10**power for power in range(9) for step in (1, 2, 5) if step * 10**power >= width)


def behaviours(rows: pl.DataFrame) -> dict[str, float]:
    """Cues per 1,000 words of rows that have a response, by family; 0 without words."""
    rates = rows.select(per_thousand_words()).row(0, named=True)
    return {name.removeprefix("behaviour_"): round(rate or 0.0, 2) for name, rate in rates.items()}


def _count(rows: pl.DataFrame, column: str) -> list[dict]:
    """Rows by value of a column, in all and by split, in the values' order (nulls last)."""
    counted = rows.group_by(column).agg(
        sft=(pl.col("split") == "sft").sum().cast(pl.Int64), rl=(pl.col("split") == "rl").sum().cast(pl.Int64)
    )
    return counted.sort(column, nulls_last=True).rename({column: "value"}).to_dicts()
