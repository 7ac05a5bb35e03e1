"""A description of each question's images, in place of the images, for a reasoner that reads only text (paper, step 1).

question_id       caption
1f0c2d3e4a5b6c7d  The image is a bar chart with four bars. The first bar is red and reaches 12 …
"""

from collections.abc import Iterator

import polars as pl
from pydantic import field_validator

from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.section import SamplingSection
from ovt.curate.section import Section
from ovt.curate.stages import prompt

KNOWN = ("question", "choices")

PROMPT = """\
Describe what you see in full. Be detailed, specific and complete: someone who cannot see it will have to answer \
questions about it from your words alone.
Write down every object, text, number, label, symbol and unit, with colours, shapes, sizes and counts, where things \
are and how they relate to each other. For a chart, table, figure or diagram give every value that can be read. \
Say only what is there; do not solve or explain anything."""


class CaptionSampling(SamplingSection):
    """As `SamplingSection`; one plain description of up to 1,024 tokens."""

    temperature: float | None = 0.0
    max_tokens: int | None = 1024


class CaptionSection(Section):
    """Who describes the images, and how it is asked. Leave the section out where the reasoner sees the images.

    endpoint: a name under [endpoints]. prompt: a template; it may hold {question} and {choices}.
    """

    endpoint: str
    prompt: str = PROMPT
    sampling: CaptionSampling = CaptionSampling()

    @field_validator("prompt")
    @classmethod
    def _placeholders(cls, template: str) -> str:
        return prompt.check_template(template, KNOWN, "caption.prompt")


def requests(questions: pl.DataFrame, section: CaptionSection) -> Iterator[ChatRequest]:
    """One request per question, in order, with all its images."""
    raise NotImplementedError


def run(questions: pl.DataFrame, samples: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Questions and their caption samples -> (question_id, caption of those described; decisions).

    Every caption sample gets its decision here. A caption that was cut off is used, and its decision says so.
    """
    raise NotImplementedError
