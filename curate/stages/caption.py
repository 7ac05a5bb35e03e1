"""A description that replaces each question's images, for a reasoner that reads only text (paper, step 1).

    question_id       caption
    1f0c2d3e4a5b6c7d  The image is a bar chart with four bars. The first bar is red and reaches 12 …

A question without a caption ends here. Images are sent together, so one caption covers all of a question's images.
"""

from collections.abc import Iterator

import polars as pl
from pydantic import field_validator

from ovt.core.decisions import dropped, kept
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.sampling import SamplingSection
from ovt.curate.stages import prompt
from ovt.curate.stages.samples import unanswered

KNOWN = ("question", "choices")

PROMPT = """\
Describe what you see in full. Be detailed, specific and complete: someone who cannot see it will have to answer \
questions about it from your words alone.
Write down every object, text, number, label, symbol and unit, with colours, shapes, sizes and counts, where things \
are and how they relate to each other. For a chart, table, figure or diagram give every value that can be read. \
Say only what is there; do not solve or explain anything."""


class CaptionSampling(SamplingSection):
    """Like `SamplingSection`; one plain description of up to 1,024 tokens."""

    temperature: float | None = 0.0
    max_tokens: int | None = 1024


class CaptionSection(prompt.PromptSection):
    """The captioning model and its prompt. Omit the section if the reasoner sees the images.

    endpoint: a name under [endpoints]. prompt: a template; it may hold {question} and {choices}.
    """

    endpoint: str
    prompt: str = PROMPT
    sampling: CaptionSampling = CaptionSampling()

    @field_validator("prompt")
    @classmethod
    def _placeholders(cls, template: str) -> str:
        return prompt.check_template(template, KNOWN)

    @property
    def sees_images(self) -> bool:
        return True


def requests(questions: pl.DataFrame, section: CaptionSection) -> Iterator[ChatRequest]:
    """One request per question, in order, with all its images."""
    sampling = section.sampling.asked()
    for row in questions.iter_rows(named=True):
        text = prompt.render(section.prompt, {"question": row["question"], "choices": prompt.options(row["choices"])})
        messages = section.messages(prompt.content(text, row["images"]))
        yield ChatRequest(messages, sampling, keep_thinking=False)


def run(questions: pl.DataFrame, samples: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Questions and their caption samples -> (question_id, caption of those described; decisions).

    Every caption sample gets its decision here. A truncated caption is used, and its decision says so.
    """
    judged = samples.with_columns(drop=unanswered)
    used = judged.filter(pl.col("drop").is_null())
    failed = judged.filter(pl.col("drop").is_not_null())
    blind = questions.join(used, on="question_id", how="anti", maintain_order="left")
    cut = pl.when(pl.col("finish_reason") == "length").then(pl.lit("cut off at max_tokens"))
    decisions = [
        kept(used, "sample", "used", cut),
        dropped(failed, "sample", "caption", pl.col("drop"), pl.col("error")),
        dropped(blind, "question", "caption", "no_caption"),
    ]
    captions = used.select("question_id", caption=pl.col("text").str.strip_chars())
    return captions, pl.concat(decisions)
