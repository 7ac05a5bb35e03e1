"""A question set for evaluation: sources, as in a recipe, and how they are asked.

name = "held-out"
prompt = "{question}\\n{choices}\\nThink step by step."
[[sources]]
path = "pocket:figures"
seed = 900
limit = 500
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import Field, PositiveInt, field_validator, model_validator

from ovt.core.section import read_section, set_key
from ovt.curate.endpoints.sampling import AskingBase
from ovt.curate.recipe import Name, Recipe, load_tree, shipped_recipes
from ovt.curate.sources.section import Sources
from ovt.curate.stages import prompt, reason
from ovt.curate.stages.reason import ReasonSampling, ReasonSection
from ovt.curate.stages.verify import VerifySection

TASK = "evaluate"


class EvaluateSampling(ReasonSampling):
    """Like `SamplingSection`; greedy, at most 2,048 tokens (the paper uses temperature 0.01 and top-k 1)."""

    temperature: float | None = 0.0
    top_p: float | None = None
    max_tokens: int | None = 2048


class EvaluateSection(AskingBase):
    """How a question set is answered.

    k: answers per question; more than one needs a temperature. prompt: template of the user's turn, with {question}
    and {choices}; use the one that the model was trained with (`data.prompt` of its version's recipe).
    kind: how answers are compared, as in [verify].
    """

    k: PositiveInt = 1
    prompt: str = reason.OVER_IMAGE
    sampling: EvaluateSampling = EvaluateSampling()
    kind: str = "auto"

    @field_validator("prompt")
    @classmethod
    def _placeholders(cls, template: str) -> str:
        return prompt.check_template(template, reason.KNOWN, ("question",))

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        return VerifySection(kind=kind).kind

    @model_validator(mode="after")
    def check_draws(self) -> "EvaluateSection":
        if self.k > 1 and self.sampling.temperature == 0:
            raise ValueError(f"k is {self.k}, and greedy answers are all alike: set sampling.temperature, or k = 1")
        return self

    @property
    def asking(self) -> ReasonSection:
        """The equivalent reason section."""
        return ReasonSection(endpoint=TASK, k=self.k, see="image", prompt=self.prompt, sampling=self.sampling)


class QuestionSet(EvaluateSection):
    """The settings of `EvaluateSection`, and the sources of the questions. name: part of the evaluation's name."""

    name: Name = "held-out"
    sources: Sources = Field(min_length=1)

    @property
    def settings(self) -> EvaluateSection:
        """The evaluation settings without the questions."""
        return EvaluateSection(**self.model_dump(include=set(EvaluateSection.model_fields)))


def load_question_set(what: str | Path, overrides: Iterable[str] = ()) -> QuestionSet:
    """The question set that `what` refers to (`question_tree`), with `a.b=value` overrides of its own keys applied.

    Raises RecipeError, in one line, as recipes do.
    """
    where, tree = question_tree(what)
    for override in overrides:
        set_key(tree, override)
    return read_section(QuestionSet, tree, where)


def question_tree(what: str | Path) -> tuple[str, dict[str, Any]]:
    """(where, TOML tree) of a question set: a file's own, a loop's [evaluate], a recipe's questions with its prompt,
    or a source's path alone."""
    if not str(what).endswith(".toml") and str(what) not in dict(shipped_recipes()):
        return str(what), {"name": "questions", "sources": [{"path": str(what)}]}
    where, tree = load_tree(what)
    if "reason" not in tree:
        asked = tree.get("evaluate", tree)
        return where, {key: value for key, value in asked.items() if key != "benchmarks"}
    recipe = read_section(Recipe, tree, where)
    asked = {"name": recipe.name, "prompt": recipe.data.prompt, "kind": recipe.verify.kind}
    return where, asked | {"sources": tree["sources"]}


def without_images_of(questions: pl.DataFrame, others: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The questions that share no image with any of `others` (tables of QUESTIONS)."""
    seen = pl.concat([other.select(pl.col("images").explode()) for other in others]).to_series().unique()
    return questions.filter(~pl.col("images").list.eval(pl.element().is_in(seen.implode())).list.any())


def default_name(model: str, questions: str) -> str:
    """The default name of an evaluation: MODEL-QUESTIONS, made safe for a folder."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{model}-{questions}").strip("-.")
