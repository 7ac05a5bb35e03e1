"""Reflection: what follows the first "Wait" inside the thinking, the paper's filter (its best in the SFT ablation).

    thinking  The bar reaches 12. Wait, let me look again. It is 12.   ->   The bar reaches 12.

A cue only counts at the start of a sentence: at the start of the thinking or of a line, or after a sentence end.
"""

import re
from typing import Literal

import polars as pl
from pydantic import Field, field_validator

from ovt.core.section import Section
from ovt.core.text import count_words

# The first three are the paper's; the others start the same kind of sentence.
CUES = (
    "Wait",
    "But wait",
    "But the question",
    "Hmm",
    "Hold on",
    "Let me check",
    "Let me double-check",
    "Let me re-check",
    "Let me verify",
    "On second thought",
)

END = r"[.!?…。！？][\"'”’»)\]*_]*"  # the end of a sentence, with what closes around it
WIDE_END = r"[。！？][\"'”’»)\]*_]*"  # the same without a space after it, as in Chinese
LEAD = r"[\s>*_#\"'“‘«(•–—-]*"  # white space, and what may open a line or a sentence before its first word


class ReflectionSection(Section):
    """How to handle reflection cues at the start of a sentence inside the thinking.

    truncate: cut the thinking before the first (the paper's choice); empty_thinking if nothing remains.
    drop: drop a response with more than `max_count` of them (too_reflective). off: leave it unchanged.
    cues: words at the start of a sentence; case-sensitive.
    """

    mode: Literal["truncate", "drop", "off"] = "truncate"
    max_count: int = Field(0, ge=0)
    cues: tuple[str, ...] = Field(CUES, min_length=1)

    @field_validator("cues")
    @classmethod
    def _words(cls, cues: tuple[str, ...]) -> tuple[str, ...]:
        if not all(cue.strip() for cue in cues):
            raise ValueError("found an empty cue, which every sentence starts with; remove it")
        return cues


def any_of(cues: tuple[str, ...]) -> str:
    """A regular expression for one of `cues` as whole words."""
    return "(?:" + "|".join(re.escape(cue) + word_end(cue[-1]) for cue in cues) + ")"


def word_end(last: str) -> str:
    """What follows the last character of a word: its end, except in scripts like Chinese, which has no spaces."""
    if not last.isalnum():
        return ""
    if last.isascii():
        return r"(?-u:\b)"
    return r"\b" if last.lower() != last.upper() else ""


def at_sentence_start(cues: tuple[str, ...]) -> str:
    """A regular expression for a cue with its context: the end of a sentence, a line break or nothing."""
    pattern = rf"(?:{END}\s|\n|\A){LEAD}{any_of(cues)}"
    wide = tuple(cue for cue in cues if not cue[0].isascii())
    return rf"{pattern}|{WIDE_END}{LEAD}{any_of(wide)}" if wide else pattern


def apply(frame: pl.LazyFrame, section: ReflectionSection) -> pl.LazyFrame:
    """Edits `thinking`; adds drop, why and reflection_edit. A text without parts (null thinking) is unchanged."""
    if section.mode == "truncate":
        return truncate(frame, section.cues)
    nothing = pl.lit(None, pl.String)
    if section.mode == "off":
        return frame.with_columns(drop=nothing, why=nothing, reflection_edit=nothing)
    count = pl.col("thinking").str.count_matches(at_sentence_start(section.cues))
    over = count > section.max_count
    return frame.with_columns(
        drop=pl.when(over).then(pl.lit("too_reflective")),
        why=pl.when(over).then(pl.format(f"{{}} cues, more than {section.max_count}", count)),
        reflection_edit=nothing,
    )


def truncate(frame: pl.LazyFrame, cues: tuple[str, ...]) -> pl.LazyFrame:
    """`thinking` up to the end of the last sentence before the first cue."""
    thinking, at = pl.col("thinking").cast(pl.Binary), pl.col("at")  # `find` gives bytes
    before = thinking.bin.slice(0, at).cast(pl.String)
    end = thinking.bin.slice(at, None).cast(pl.String).str.extract(rf"\A({END})")
    kept = pl.when(at.is_not_null()).then(pl.concat_str(before, end.fill_null("")).str.strip_chars_end())
    words = count_words("kept")  # null where nothing was cut
    return (
        frame.with_columns(at=pl.col("thinking").str.find(at_sentence_start(cues)))
        .with_columns(kept=kept)
        .with_columns(
            thinking=pl.coalesce("kept", "thinking"),
            drop=pl.when(words == 0).then(pl.lit("empty_thinking")),
            why=pl.when(words == 0).then(pl.lit("the thinking starts with a reflection cue")),
            reflection_edit=pl.format("reflection cut after {} words", words),
        )
        .drop("at", "kept")
    )
