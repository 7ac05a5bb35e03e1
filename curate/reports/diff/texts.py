"""What drifted in the texts themselves, on a sample of the responses: reflection cues and the variety of phrases."""

from collections import Counter
from collections.abc import Sequence

import polars as pl

from ovt.core.statistics import Estimate, Ratio, estimate, paired_blocks
from ovt.core.text import count_words
from ovt.curate.filters.reflection import CUES, at_sentence_start
from ovt.curate.reports.diff.tables import Tables

SAMPLED = 4_000  # responses read of each version, about
BLOCKS = 10
MOST_WORDS = 2_000  # of a block; distinct n-grams are only comparable among texts of one length
LEAST_WORDS = 50
GRAMS = (1, 2, 3)


def drift(a: Tables, b: Tables) -> list[Estimate]:
    """Reflection cues per 1,000 words, and distinct n-grams."""
    sides = [tables.rows.filter(pl.col("sampled").is_not_null()) for tables in (a, b)]
    return [*_reflections(*sides), *_variety(*sides)]


def _reflections(a: pl.DataFrame, b: pl.DataFrame) -> list[Estimate]:
    """Sentences that start with a cue of reflection, as the filter finds them."""
    counted = [
        side.select(
            "question", cues=pl.col("sampled").str.count_matches(at_sentence_start(CUES)), words=count_words("sampled")
        )
        .group_by("question")
        .sum()
        for side in (a, b)
    ]
    table = counted[0].join(counted[1], on="question", how="full", coalesce=True, suffix="_b")
    terms = [pl.col(name) for name in ("cues", "words", "cues_b", "words_b")]
    return estimate(table, [Ratio("texts", "reflection cues", "per 1,000 words", *terms, 1000.0)])


def cues(a: Tables, b: Tables) -> list[dict]:
    """How often each cue of reflection starts a sentence, per 1,000 words of the sampled responses."""
    counts = [_count_cues(tables.rows["sampled"].drop_nulls()) for tables in (a, b)]
    return [{"cue": cue, "a": counts[0][cue], "b": counts[1][cue]} for cue in CUES]


def _count_cues(texts: pl.Series) -> dict[str, float | None]:
    words = int(texts.str.count_matches(r"\S+").sum())
    found = texts.str.extract_all(at_sentence_start(CUES)).explode(empty_as_null=True).drop_nulls()
    ended = Counter(max((cue for cue in CUES if match.endswith(cue)), key=len) for match in found)
    return {cue: 1000 * ended[cue] / words if words else None for cue in CUES}


def _variety(a: pl.DataFrame, b: pl.DataFrame) -> list[Estimate]:
    """The share of n-grams (of words in lower case) that are distinct, in ten pairs of blocks of equally many words.

    A question is in the same block of both versions.
    """
    blocks = [_blocks(side) for side in (a, b)]
    shortest = min(len(block) for side in blocks for block in side)
    if shortest < LEAST_WORDS:
        return [Estimate("texts", f"distinct {n}-grams", "share", None, None) for n in GRAMS]
    size = min(shortest, MOST_WORDS)
    return [
        paired_blocks(
            "texts",
            f"distinct {n}-grams",
            "share",
            *([_distinct(block[:size], n) for block in side] for side in blocks),
        )
        for n in GRAMS
    ]


def _blocks(rows: pl.DataFrame) -> list[list[str]]:
    """The words of the first responses of each block."""
    ordered = rows.sort("question", "place").with_columns(block=pl.col("question").hash(2) % BLOCKS)
    blocks: list[list[str]] = [[] for _ in range(BLOCKS)]
    for block, text in ordered.select("block", "sampled").iter_rows():
        if len(blocks[block]) < MOST_WORDS:
            blocks[block] += text.lower().split()
    return blocks


def _distinct(words: Sequence[str], n: int) -> float:
    grams = list(zip(*(words[start:] for start in range(n)), strict=False))
    return len(set(grams)) / len(grams)
