"""Mentions: a chain that refers to "the caption" makes no sense to a model that sees the image.

response                                              drop               why
<think>\\nAccording to the caption the bar is red …   mentions_caption   says "the caption"
"""

from typing import Literal

import polars as pl
from pydantic import Field, field_validator

from ovt.core.section import Section

PHRASES = (
    "the caption",
    "this caption",
    "image caption",
    "the description",
    "this description",
    "image description",
    "given description",
    "provided description",
    "text description",
)


class MentionsSection(Section):
    """How to handle a response that contains one of `phrases` (case-insensitive, also inside longer words).

    mark: keep it, with `mentions` set to true. drop: drop it (mentions_caption). off: do not check.
    """

    mode: Literal["mark", "drop", "off"] = "mark"
    phrases: tuple[str, ...] = Field(PHRASES, min_length=1)

    @field_validator("phrases")
    @classmethod
    def _words(cls, phrases: tuple[str, ...]) -> tuple[str, ...]:
        if not all(phrase.strip() for phrase in phrases):
            raise ValueError("found an empty phrase, which every response contains; remove it")
        return phrases


def apply(frame: pl.LazyFrame, section: MentionsSection) -> pl.LazyFrame:
    """Reads `response`; adds drop, why, mentions (null when off) and mentions_edit, a note for kept responses."""
    nothing = pl.lit(None, pl.String)
    if section.mode == "off":
        return frame.with_columns(drop=nothing, why=nothing, mentions=pl.lit(None, pl.Boolean), mentions_edit=nothing)
    said = pl.col("response").str.extract_many(list(section.phrases), ascii_case_insensitive=True).list.first()
    note = pl.format('says "{}"', "said")
    drops = pl.col("mentions") & pl.lit(section.mode == "drop")
    return (
        frame.with_columns(said=said)
        .with_columns(mentions=pl.col("said").is_not_null())
        .with_columns(
            drop=pl.when(drops).then(pl.lit("mentions_caption")),
            why=pl.when(drops).then(note),
            mentions_edit=pl.when("mentions").then(note),
        )
        .drop("said")
    )
