"""The last step: kept samples and unsolved questions as training rows.

    split  question_id       sample_id                  prompt                   completion                    answer
    sft    1f0c2d3e4a5b6c7d  1f0c2d3e4a5b6c7d-reason-3  Which bar is highest? …  <think>\\nThe red bar …        12
    rl     77aa01f0c2d3e4a5  null                       How many are green? …    null                          3

`sft` holds the chosen samples after their edits; `rl` the questions that had replies but no correct one, from which
the paper took its GRPO questions.
"""

from collections.abc import Sequence

import polars as pl
from pydantic import field_validator

from ovt.core.schema import ROWS, kept_columns
from ovt.core.section import Section
from ovt.curate.stages import prompt, reason
from ovt.curate.stages.behaviours import COLUMNS

KNOWN = ("question", "choices")


class DataSection(Section):
    """The format of a version's rows.

    prompt: template of the user's turn; it may hold {question} and {choices}. The images accompany it.
    """

    prompt: str = reason.OVER_IMAGE

    @field_validator("prompt")
    @classmethod
    def _placeholders(cls, template: str) -> str:
        return prompt.check_template(template, KNOWN)


def run(
    questions: pl.DataFrame,
    about: Sequence[pl.DataFrame],
    samples: pl.DataFrame,
    decisions: pl.DataFrame,
    section: DataSection,
) -> pl.DataFrame:
    """The ROWS of a chunk, in the order of `questions`, with the columns that their sources keep.

    about: facts about questions, by question_id: their captions, their difficulty. samples: after the filters and
    behaviours; decisions: the chunk's, where kept questions name their split.
    """
    splits = decisions.filter(pl.col("level") == "question", pl.col("decision") == "kept")
    known = questions.with_columns(
        pl.Series("prompt", _prompts(questions, section), pl.String), pl.col("gold").alias("answer")
    ).join(splits.select("question_id", split="reason"), on="question_id", maintain_order="left")
    for table in about:
        known = known.join(table, on="question_id", how="left", maintain_order="left")
    chosen = samples.select("question_id", "sample_id", "mentions", "response_words", *COLUMNS, completion="response")
    rows = known.join(chosen, on="question_id", how="left", maintain_order="left_right")
    return rows.select(*(pl.col(name).cast(dtype) for name, dtype in ROWS.items()), *kept_columns(questions.schema))


def _prompts(questions: pl.DataFrame, section: DataSection) -> Sequence[str]:
    return [
        prompt.render(section.prompt, {"question": question, "choices": prompt.options(choices)})
        for question, choices in questions.select("question", "choices").iter_rows()
    ]
