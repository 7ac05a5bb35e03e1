"""The last look at a selected response: edit it, mark it, or drop it with a reason.

    sample_id                  response                          response_words  edit                           mentions
    1f0c2d3e4a5b6c7d-reason-3  <think>\\nThe bar …\\n</think> …  38              reflection cut after 31 words  false

Order: format, reflection, mentions, repetition, length; so what the reflection filter cuts away cannot drop a response,
and the length is that of the text that people will train on. The raw sample stays as it is in the samples table.
"""

import polars as pl

from ovt.curate.section import Section
from ovt.curate.stages.filters.format import FormatSection
from ovt.curate.stages.filters.length import LengthSection
from ovt.curate.stages.filters.mentions import MentionsSection
from ovt.curate.stages.filters.reflection import ReflectionSection
from ovt.curate.stages.filters.repetition import RepetitionSection


class FilterSection(Section):
    """One section per filter; each can be turned off."""

    format: FormatSection = FormatSection()
    reflection: ReflectionSection = ReflectionSection()
    mentions: MentionsSection = MentionsSection()
    repetition: RepetitionSection = RepetitionSection()
    length: LengthSection = LengthSection()


def run(samples: pl.DataFrame, section: FilterSection) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Selected samples -> (those kept, with response, response_words, edit, mentions; decisions on the others)."""
    raise NotImplementedError
