"""A question set to evaluate on: sources, as in a recipe, and how they are asked.

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
from pydantic import Field

from ovt.core.section import read_section, set_key
from ovt.curate.recipe import Name, Recipe, load_tree, shipped_recipes
from ovt.curate.sources.section import SourceSection
from ovt.evaluation.evaluate import EvaluateSection


class QuestionSet(EvaluateSection):
    """What `EvaluateSection` says, and the sources of the questions. name: part of the evaluation's name."""

    name: Name = "held-out"
    sources: list[SourceSection] = Field(min_length=1)

    @property
    def settings(self) -> EvaluateSection:
        """How the questions are asked, without what they are."""
        return EvaluateSection(**self.model_dump(include=set(EvaluateSection.model_fields)))


def load_question_set(what: str | Path, overrides: Iterable[str] = ()) -> QuestionSet:
    """The question set that `what` has (`question_tree`), with `a.b=value` overrides of its own keys applied.

    Raises RecipeError, in one line, as recipes do.
    """
    where, tree = question_tree(what)
    for override in overrides:
        set_key(tree, override)
    return read_section(QuestionSet, tree, where)


def question_tree(what: str | Path) -> tuple[str, dict[str, Any]]:
    """(where, TOML tree) of a question set: a file's own, a loop's [evaluate], a recipe's questions, asked as its rows
    ask them, or a source's path alone."""
    if not str(what).endswith(".toml") and str(what) not in dict(shipped_recipes()):
        return str(what), {"name": "questions", "sources": [{"path": str(what)}]}
    where, tree = load_tree(what)
    if "reason" not in tree:
        return where, tree.get("evaluate", tree)
    recipe = read_section(Recipe, tree, where)
    asked = {"name": recipe.name, "prompt": recipe.data.prompt, "kind": recipe.verify.kind}
    return where, asked | {"sources": tree["sources"]}


def without_images_of(questions: pl.DataFrame, others: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The questions that share no image with any of `others` (tables of QUESTIONS)."""
    seen = pl.concat([other.select(pl.col("images").explode()) for other in others]).to_series().unique()
    return questions.filter(~pl.col("images").list.eval(pl.element().is_in(seen.implode())).list.any())


def default_name(model: str, questions: str) -> str:
    """What an evaluation is called unless it is named: MODEL-QUESTIONS, as a name for a folder."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", f"{model}-{questions}").strip("-.")
