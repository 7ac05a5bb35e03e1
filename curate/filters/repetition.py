"""Repetition: a response that goes in circles.

    response                                     drop        why
    <think>\\nThe bar is red. The bar is red. …  repetitive  one sentence 31 times

The response is cut into sentences (at . ! ? and line breaks; runs under 12 characters do not count). A sentence of more
than 400 characters is searched for repeated words inside it.
"""

from typing import Literal

import polars as pl
from pydantic import Field

from ovt.core.section import Section

SENTENCE_END = r"[.!?\n…。！？]+"
SHORTEST = 12  # characters; "So x = 2" may legitimately recur
LONG = 400  # characters
RUN = 8  # words that must recur together


class RepetitionSection(Section):
    """drop: drop a response (repetitive) that says one sentence more than `max_repeats` times, or in which more than
    `max_share` (0 to 1) of the characters repeat earlier text. off: do not check.
    """

    mode: Literal["drop", "off"] = "drop"
    max_repeats: int = Field(8, ge=1)
    max_share: float = Field(0.5, gt=0, le=1)


def apply(frame: pl.LazyFrame, section: RepetitionSection) -> pl.LazyFrame:
    """Reads `response`, by `row`; adds drop and why."""
    if section.mode == "off":
        return frame.with_columns(drop=pl.lit(None, pl.String), why=pl.lit(None, pl.String))
    often = pl.col("most") > section.max_repeats
    long = pl.col("share") > section.max_share
    why = (
        pl.when(often)
        .then(pl.format("one sentence {} times", "most"))
        .when(long)
        .then(pl.format("{}% said before", (pl.col("share") * 100).round().cast(pl.Int32)))
    )
    return (
        frame.join(measure(frame), on="row", how="left", maintain_order="left")
        .with_columns(drop=pl.when(often | long).then(pl.lit("repetitive")), why=why)
        .drop("most", "share")
    )


def measure(frame: pl.LazyFrame) -> pl.LazyFrame:
    """By `row`: most (how often its commonest sentence occurs) and share (of characters that repeat earlier text)."""
    sentence = pl.col("sentence")
    long = pl.when(pl.col("chars") > LONG).then(sentence)
    sentences = (
        frame.select("row", sentence=pl.col("response").str.split(SENTENCE_END, literal=False))
        .explode("sentence")
        .with_columns(sentence.str.strip_chars())
        .with_columns(chars=sentence.str.len_chars())
        .filter(pl.col("chars") >= SHORTEST)
        .group_by("row", "sentence", "chars")
        .agg(times=pl.len())
        .with_columns(inside=long.map_elements(share_said_before, return_dtype=pl.Float64))
    )
    inside = (pl.col("chars") * pl.col("inside").fill_null(0.0)).round().cast(pl.Int64)
    said_before = pl.col("chars") * (pl.col("times") - 1) + inside  # whole numbers: the order of a sum cannot show
    share = said_before.sum() / (pl.col("chars") * pl.col("times")).sum()
    return sentences.group_by("row").agg(most=pl.col("times").max(), share=share)


def share_said_before(sentence: str) -> float:
    """The share of a sentence's words in runs of RUN words that occurred in it before (0 to 1)."""
    words = sentence.split()
    runs: set[tuple[str, ...]] = set()
    before: set[int] = set()  # places of words
    for start in range(len(words) - RUN + 1):
        run = tuple(words[start : start + RUN])
        if run in runs:
            before.update(range(start, start + RUN))
        runs.add(run)
    return len(before) / max(len(words), 1)
