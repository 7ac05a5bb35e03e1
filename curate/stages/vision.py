"""Which questions are answered right without looking: each is asked with a grey picture in place of its own. Off unless
a recipe has `[vision]`.

    question_id       right  replies  answer
    1f0c2d3e4a5b6c7d      2        2  12

Such a question teaches nobody to look: it is dropped before anything else is asked about it; with `drop = false`
it goes on, and the column `right_unseen` says which share of the replies was right. Questions without a picture are not
asked, and one that got no reply goes on. These replies are no samples: their cost is in the version's usage.
"""

from collections.abc import Iterator, Mapping

import polars as pl
from pydantic import PositiveInt, ValidationInfo, field_validator

from ovt.core.decisions import dropped
from ovt.curate.endpoints.chat import ChatRequest
from ovt.curate.endpoints.sampling import SamplingSection
from ovt.curate.stages import prompt
from ovt.curate.stages.reason import KNOWN, OVER_IMAGE

MARK = "right_unseen"  # the reason, and the column
COUNTED = ("right", "replies", "answer")
LONGEST_SHOWN = 80  # characters of an answer


class VisionSampling(SamplingSection):
    """Like `SamplingSection`; greedy."""

    temperature: float | None = 0.0
    max_tokens: int | None = 1024


class VisionSection(prompt.PromptSection):
    """The model that is asked without the picture, and what happens if it is right.

    endpoint: a name under [endpoints]. k: replies per question; least: how many of them have to be right (with four
    options, one in four is right by chance). drop: false only marks. prompt: a template that may hold {question} and
    {choices}.
    """

    endpoint: str
    k: PositiveInt = 1
    least: PositiveInt = 1
    drop: bool = True
    prompt: str = OVER_IMAGE
    sampling: VisionSampling = VisionSampling()

    @field_validator("prompt")
    @classmethod
    def _placeholders(cls, template: str) -> str:
        return prompt.check_template(template, KNOWN, ("question",))

    @field_validator("least")
    @classmethod
    def _possible(cls, least: int, info: ValidationInfo) -> int:
        if least > (k := info.data.get("k", least)):
            raise ValueError(f"least = {least} of k = {k} replies cannot be right; give a higher k or a lower least")
        return least

    @property
    def sees_images(self) -> bool:
        return True


def requests(questions: pl.DataFrame, blanks: Mapping[str, str], section: VisionSection) -> Iterator[ChatRequest]:
    """One request (n = k) per question of `pictured`, in order. blanks: image id → that of its grey picture."""
    sampling = section.sampling.asked()
    for row in questions.iter_rows(named=True):
        text = prompt.render(section.prompt, {"question": row["question"], "choices": prompt.options(row["choices"])})
        content = prompt.content(text, [blanks[image] for image in row["images"]])
        yield ChatRequest(section.messages(content), sampling, n=section.k)


def count(questions: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """The questions with `right`, `replies` and an `answer` that was right; null without a reply. verdicts: of them."""
    right = pl.col("outcome") == "correct"
    counted = verdicts.group_by("question_id", maintain_order=True).agg(
        right=right.sum(), replies=pl.len(), answer=pl.col("extracted").filter(right).first()
    )
    return questions.join(counted, on="question_id", how="left", maintain_order="left")


def run(counted: pl.DataFrame, section: VisionSection) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Questions as `count` has them -> (those that go on; decisions on those that were answered right too often)."""
    if not section.drop:
        share = (pl.col("right") / pl.col("replies")).alias(MARK)
        return counted.with_columns(share).drop(COUNTED), dropped(counted.clear(), "question", "vision", MARK)
    often = (pl.col("right") >= section.least).fill_null(False)
    answer = pl.col("answer").fill_null("").str.slice(0, LONGEST_SHOWN)
    line = pl.format("{} of {} replies right without the picture: {}", "right", "replies", answer)
    ends = dropped(counted.filter(often), "question", "vision", MARK, line)
    return counted.filter(~often).drop(COUNTED), ends
