"""k reasoning chains per question, over its caption or, from the second iteration on, its images (paper, step 2).

    sample_id                  question_id       text                                          finish_reason
    1f0c2d3e4a5b6c7d-reason-0  1f0c2d3e4a5b6c7d  <think>\\nThe bar …\\n</think>\\n…<answer>12…  stop

A truncated reply is a sample like any other: its verdict will reflect it.
"""

from collections.abc import Iterator
from typing import Literal

import polars as pl
from pydantic import PositiveInt, ValidationInfo, field_validator

from ovt.core.decisions import dropped
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.sampling import SamplingSection
from ovt.curate.stages import prompt
from ovt.curate.stages.samples import unanswered

KNOWN = ("question", "choices")

# The paper's response format; also the end of the prompt that models are trained on.
INSTRUCTION = """\
Think step by step between <think> and </think>. Then give a short solution, and finish with the final answer alone \
between <answer> and </answer>."""

OVER_CAPTION = f"""\
What an image shows:
{{caption}}

Question about the image: {{question}}
{{choices}}

{INSTRUCTION}
Reason as if you were looking at the image yourself, and do not speak of a description or a caption."""

OVER_IMAGE = f"""\
{{question}}
{{choices}}

{INSTRUCTION}"""


class ReasonSampling(SamplingSection):
    """Like `SamplingSection`; the paper's temperature, top-p and response length in tokens."""

    temperature: float | None = 0.6
    top_p: float | None = 0.95
    max_tokens: int | None = 2048


class ReasonSection(prompt.PromptSection):
    """The reasoning model, its input, and the number of samples.

    endpoint: a name under [endpoints]. k: samples per question. see: "caption" (text only) or "image".
    prompt: a template that may hold {question}, {choices} and, where see = "caption", {caption}; empty: the default.
    """

    endpoint: str
    k: PositiveInt = 4
    see: Literal["caption", "image"] = "caption"
    prompt: str = ""
    sampling: ReasonSampling = ReasonSampling()

    @field_validator("prompt")
    @classmethod
    def _placeholders(cls, template: str, info: ValidationInfo) -> str:
        if info.data.get("see") == "caption":
            return prompt.check_template(template, (*KNOWN, "caption"), ("question", "caption") if template else ())
        return prompt.check_template(template, KNOWN, ("question",) if template else ())

    @property
    def template(self) -> str:
        """The effective prompt."""
        return self.prompt or (OVER_CAPTION if self.see == "caption" else OVER_IMAGE)

    @property
    def sees_images(self) -> bool:
        return self.see == "image"


def requests(questions: pl.DataFrame, captions: pl.DataFrame | None, section: ReasonSection) -> Iterator[ChatRequest]:
    """One request (n = k) per question, in order.

    `captions` (question_id, caption) covers every question with a picture if `section.see` is "caption"; otherwise it
    is None. A question without a picture is asked as if the model saw images, or with an empty {caption}.
    """
    sampling = section.sampling.asked()
    described = {} if captions is None else dict(captions.select("question_id", "caption").iter_rows())
    for row in questions.iter_rows(named=True):
        values = {"question": row["question"], "choices": prompt.options(row["choices"])}
        if section.see == "caption":
            told = described[row["question_id"]] if row["images"] else ""
            template = section.template if row["images"] else section.prompt or OVER_IMAGE
            content = prompt.render(template, values | {"caption": told})
        else:
            content = prompt.content(prompt.render(section.template, values), row["images"])
        yield ChatRequest(section.messages(content), sampling, n=section.k)


def run(questions: pl.DataFrame, samples: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Questions and their reason samples -> (samples with a text; decisions on the rest, and on mute questions)."""
    judged = samples.with_columns(drop=unanswered)
    answered = judged.filter(pl.col("drop").is_null()).drop("drop")
    failed = judged.filter(pl.col("drop").is_not_null())
    silent = questions.join(answered, on="question_id", how="anti", maintain_order="left")
    decisions = [
        dropped(failed, "sample", "reason", pl.col("drop"), pl.col("error")),
        dropped(silent, "question", "reason", "no_reply"),
    ]
    return answered, pl.concat(decisions)
