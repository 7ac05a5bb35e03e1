"""The questions of a version, recipe or source: the input of `ovt data lint`, `dedup` and `decontam`."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ovt.core.errors import RecipeError
from ovt.core.home import Home
from ovt.core.schema import DECISIONS
from ovt.core.section import read_section, set_key
from ovt.curate.recipe import load_recipe, shipped_recipes
from ovt.curate.screen.screen import is_version, with_images
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.section import SourceSection
from ovt.curate.versions.read import Version, open_version, reading, restore_images, scan

NO_CAPTIONS = pl.Schema({"question_id": pl.String, "text": pl.String})


@dataclass(frozen=True)
class Questions:
    """Questions and their context.

    table     QUESTIONS; left_out: DECISIONS on rows that the import refuses (none for a version)
    captions  question_id, text: the captions used, for a version
    kind      how answers are compared (verify.kind)
    unseen    questions of a version that are not in the table: dropped ones whose images are missing, as after
              pulling the version from the Hub
    """

    name: str
    table: pl.DataFrame
    left_out: pl.DataFrame
    captions: pl.DataFrame
    kind: str = "auto"
    unseen: int = 0


def read_questions(what: str, home: Home, overrides: Iterable[str] = (), limit: int | None = None) -> Questions:
    """The questions of a recipe (a .toml file, or a shipped recipe's name), a version or a source's path.

    overrides: `a.b=value` for the recipe, or for the source (`columns.gold=label`). A version takes precedence over
    a shipped recipe. Raises OvtError if nothing matches, RecipeError for overrides of a version.
    """
    overrides = tuple(overrides)
    if Path(what).suffix == ".toml" or is_shipped(what, home):
        recipe = load_recipe(what, overrides)
        return of_sources(recipe.name, recipe.sources, home, limit, recipe.verify.kind)
    if is_version(what):
        if overrides:
            raise RecipeError(
                f"--set {overrides[0]}: {what} is a version and cannot be changed; give its recipe instead"
            )
        return of_version(open_version(what, home), home, limit)
    source = source_at(what, overrides)
    return of_sources(source.name, [source], home, limit)


def source_at(path: str, overrides: Iterable[str]) -> SourceSection:
    """The source at a path, with `key=value` settings such as `columns.gold=label`."""
    tree = {"path": path}
    for override in overrides:
        set_key(tree, override)
    return read_section(SourceSection, tree, f"source {path}")


def is_shipped(what: str, home: Home) -> bool:
    """Whether this names a shipped recipe and not a version."""
    return not (home.versions / what.partition("@")[0]).is_dir() and what in dict(shipped_recipes())


def of_sources(name: str, sources: list[SourceSection], home: Home, limit: int | None, kind: str = "auto") -> Questions:
    imported = import_sources(sources, home, limit)
    return Questions(name, imported.questions, imported.decisions, NO_CAPTIONS.to_frame(), kind)


def of_version(version: Version, home: Home, limit: int | None) -> Questions:
    """All questions of the ledger, kept or not, and their captions."""
    with reading(version):
        restore_images(version, home)
        every = scan(version, "questions").collect()
    questions = with_images(every, home).head(limit or len(every))
    used = scan(version, "decisions").filter(pl.col("decision") == "kept").select("id")
    captions = (
        scan(version, "samples")
        .filter(pl.col("stage") == "caption")
        .join(used.rename({"id": "sample_id"}), on="sample_id", maintain_order="left")
    )
    with reading(version):
        texts = captions.select("question_id", "text").collect()
    unseen = 0 if limit else len(every) - len(questions)
    kind = version.manifest.provenance.kind
    return Questions(version.ref, questions, DECISIONS.to_frame(), texts, kind, unseen)
