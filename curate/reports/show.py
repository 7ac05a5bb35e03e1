"""The reports of `ovt data list`, `show` and `head`, as plain data."""

from typing import Any

import polars as pl

from ovt.core.errors import RecipeError
from ovt.core.schema import SPLITS
from ovt.curate.versions.data import COLUMNS
from ovt.curate.versions.profile import NEEDED, outline, summarise
from ovt.curate.versions.read import Version, reading, scan, scan_rows

TURNS = ("prompt", "completion")
FLAT = [name for name in COLUMNS if name not in ("images", *TURNS)]


def content(turn: str) -> pl.Expr:
    """The text of a column of chat turns; null if there is none."""
    return pl.col(turn).list.get(0, null_on_oob=True).struct.field("content").alias(turn)


def describe(version: Version) -> dict[str, Any]:
    """Everything about a version except its rows: `outline`, the manifest's records and `stats.summarise`."""
    manifest = version.manifest.model_dump(mode="json")
    with reading(version):
        stats = summarise(scan_rows(version.path, NEEDED))
    return {
        **outline(version),
        "tables": manifest["rows"],
        "funnel": manifest["funnel"],
        "usage": manifest["usage"],
        "provenance": manifest["provenance"],
        "stats": stats,
    }


def head(version: Version, split: str | None = None, rows: int = 5) -> list[dict[str, Any]]:
    """The first rows of the data (of one split): flat columns, the texts of prompt and completion, image ids."""
    if split not in (None, *SPLITS):
        raise RecipeError(f"{str(split)[:40]!a} is not a split: choose {' or '.join(SPLITS)}")
    with reading(version):
        kept = scan_rows(version.path, [*FLAT, *map(content, TURNS)])
        first = (kept.filter(pl.col("split") == split) if split else kept).head(rows).collect()
        images = scan(version, "questions").select("question_id", "images")
        return first.lazy().join(images, on="question_id", how="left", maintain_order="left").collect().to_dicts()
