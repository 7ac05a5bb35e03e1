"""The report of `ovt data show`, as plain data, and the columns of rows that reports read."""

from typing import Any

import polars as pl

from ovt.curate.versions.data import COLUMNS
from ovt.curate.versions.profile import NEEDED, outline, summarise
from ovt.curate.versions.read import Version, reading, scan_rows

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
