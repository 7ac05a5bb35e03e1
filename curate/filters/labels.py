"""Drops samples that people gave certain labels, or keeps only those: [filter.labels] in a recipe.

    [filter.labels]
    file = "ovt-home/versions/charts/charts.labels.jsonl"     # `ovt view` writes it; docs/view.md
    drop = ["bad", "wrong_gold", "leaks_answer"]

A label on a question holds for all of its samples; one on a sample for the same reply in any version. The section
records the hash of the file's content, so that a build with other labels is another build.
"""

from pathlib import Path
from typing import Any

import polars as pl
from pydantic import model_validator

from ovt.core.errors import RecipeError
from ovt.core.hashing import hash_bytes
from ovt.core.section import Section
from ovt.curate.labels import left_out, read_labels


class LabelsSection(Section):
    """drop: labels whose samples are dropped; keep: if any are named, samples without one of them are dropped.

    content: sha256 of the file, recorded when a recipe is read.
    """

    file: str
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    content: str = ""

    @model_validator(mode="before")
    @classmethod
    def record_content(cls, data: Any) -> Any:
        """The hash of the file as it is now, unless a version's own recipe is read again."""
        if not isinstance(data, dict) or data.get("content") or not isinstance(data.get("file"), str):
            return data
        return data | {"content": hash_of(data["file"])}


def hash_of(file: str) -> str:
    """The sha256 of a label file. RecipeError if there is none."""
    if not Path(file).is_file():
        raise RecipeError(
            f"filter.labels.file is {file[:200]!r}, which is not a file: `ovt view` writes it beside versions"
        )
    return hash_bytes(Path(file))


def apply(frame: pl.LazyFrame, section: LabelsSection) -> pl.LazyFrame:
    """Drops `labelled_NAME`, and `not_labelled` where only some labels are kept."""
    if hash_of(section.file) != section.content:
        raise RecipeError(
            f"{section.file} has changed since this recipe was read: build again to use the labels as they are now"
        )
    why = left_out(read_labels(Path(section.file)), section.drop, section.keep)
    return frame.with_columns(drop=why, why=pl.lit(None, pl.String))
