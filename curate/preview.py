"""A preview is a build of a few questions whose version is thrown away; its replies are kept, so nothing is lost."""

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.home import Home
from ovt.core.progress import Progress
from ovt.curate.build import build
from ovt.curate.endpoints.budget import Budget
from ovt.curate.recipe import Recipe
from ovt.curate.reports.why import story
from ovt.curate.versions.read import scan


def preview(recipe: Recipe, home: Home, n: int, budget: Budget) -> list[dict[str, Any]]:
    """The stories (`why.story`) of the first n rows of the sources, every prompt and reply included."""
    with tempfile.TemporaryDirectory(prefix="ovt-preview-") as scratch:
        version = build(
            recipe,
            replace(home, versions=Path(scratch)),
            budget=budget,
            progress=Progress(),
            rebuild="",
            limit=n,
        )
        ends = scan(version, "decisions").filter(pl.col("level") == "question").collect()
        return [story(version, question_id) for question_id in ends["id"]]
