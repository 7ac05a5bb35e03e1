"""What `ovt data list`, `show` and `head` report, as plain data for `--json` and for `render.py`."""

import math
from typing import Any

import polars as pl

from ovt.core.errors import RecipeError
from ovt.core.schema import SPLITS
from ovt.curate.versions.data import COLUMNS
from ovt.curate.versions.read import Version, reading, scan, scan_rows
from ovt.curate.versions.stats import NEEDED, summarise

TURNS = ("prompt", "completion")
FLAT = [name for name in COLUMNS if name not in ("images", *TURNS)]


def outline(version: Version) -> dict[str, Any]:
    """One version in one line: ref, content_hash, parent, path; rows by split, questions asked, bytes; cost_usd, null
    where the price of any reply is not known."""
    manifest = version.manifest
    costs = [use.cost_usd for use in manifest.usage if use.samples > use.failed]
    return {
        "ref": version.ref,
        "content_hash": manifest.content_hash,
        "parent": manifest.provenance.parent,
        "path": str(version.path),
        **{split: manifest.rows[split] for split in SPLITS},
        "questions": manifest.rows["questions"],
        "bytes": sum(entry.size for entry in manifest.files.values()),
        "cost_usd": None if None in costs else math.fsum(cost for cost in costs if cost),
    }


def content(turn: str) -> pl.Expr:
    """The text of a column of chat turns; null where there is none."""
    return pl.col(turn).list.get(0, null_on_oob=True).struct.field("content").alias(turn)


def describe(version: Version) -> dict[str, Any]:
    """Everything about a version but its rows: `outline`, the manifest's records and `stats.summarise`."""
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
        raise RecipeError(f"{str(split)[:40]!a} is no split: choose {' or '.join(SPLITS)}")
    with reading(version):
        kept = scan_rows(version.path, [*FLAT, *map(content, TURNS)])
        first = (kept.filter(pl.col("split") == split) if split else kept).head(rows).collect()
        images = scan(version, "questions").select("question_id", "images")
        return first.lazy().join(images, on="question_id", how="left", maintain_order="left").collect().to_dicts()
