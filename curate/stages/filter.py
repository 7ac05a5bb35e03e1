"""The last look at a selected response: edit it, mark it, or drop it with a reason.

    sample_id                  response                          response_words  edit                           mentions
    1f0c2d3e4a5b6c7d-reason-3  <think>\\nThe bar …\\n</think> …  38              reflection cut after 31 words  false

Order: format, reflection, mentions, repetition, length; so what the reflection filter cuts away cannot drop a response,
and the length is that of the text that people will train on. The raw sample stays as it is in the samples table.
"""

from collections.abc import Callable

import polars as pl

from ovt.core.decisions import dropped
from ovt.core.section import Section
from ovt.core.text import count_words
from ovt.curate.filters import format, length, mentions, reflection, repetition
from ovt.curate.filters.format import FormatSection
from ovt.curate.filters.length import LengthSection
from ovt.curate.filters.mentions import MentionsSection
from ovt.curate.filters.reflection import ReflectionSection
from ovt.curate.filters.repetition import RepetitionSection


class FilterSection(Section):
    """One section per filter; each can be turned off."""

    format: FormatSection = FormatSection()
    reflection: ReflectionSection = ReflectionSection()
    mentions: MentionsSection = MentionsSection()
    repetition: RepetitionSection = RepetitionSection()
    length: LengthSection = LengthSection()


EDITS = {"format": format.apply, "reflection": reflection.apply}
CHECKS = {"mentions": mentions.apply, "repetition": repetition.apply, "length": length.apply}
NOTES = ("format_edit", "reflection_edit", "mentions_edit")


def run(samples: pl.DataFrame, section: FilterSection) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Selected samples -> (those kept, with response, response_words, edit, mentions; decisions on the others).

    `edit` says in words what was done to a kept response; null where nothing was. The order stays.
    """
    frame, fallen = samples.with_row_index("row"), []
    for name, apply in EDITS.items():
        frame = judge(frame, apply, getattr(section, name), fallen)
    frame = frame.lazy().with_columns(response=compose()).with_columns(response_words=count_words("response")).collect()
    for name, apply in CHECKS.items():
        frame = judge(frame, apply, getattr(section, name), fallen)
    gone = pl.concat(fallen).sort("row")
    note = pl.concat_str(NOTES, separator="; ", ignore_nulls=True)
    kept = frame.with_columns(edit=pl.when(note != "").then(note))
    columns = [*samples.columns, "response", "response_words", "edit", "mentions"]
    return kept.select(columns), dropped(gone, "sample", "filter", pl.col("drop"), pl.col("why"))


def judge(
    frame: pl.DataFrame, apply: Callable[..., pl.LazyFrame], section: Section, fallen: list[pl.DataFrame]
) -> pl.DataFrame:
    """What a filter keeps of `frame`; what it drops is added to `fallen`."""
    judged = apply(frame.lazy(), section).collect()
    fallen.append(judged.filter(pl.col("drop").is_not_null()).select("row", "sample_id", "question_id", "drop", "why"))
    return judged.filter(pl.col("drop").is_null()).drop("drop", "why")


def compose() -> pl.Expr:
    """The response out of its parts; the text as it came where it was not taken apart."""
    return pl.coalesce(pl.concat_str("head", "thinking", "tail"), "text")
