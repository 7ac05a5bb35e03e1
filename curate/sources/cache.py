"""Sources that were imported before: `home.imports/FINGERPRINT/`, renamed into place when complete.

rows.parquet    ROWS, in order
stamps.parquet  path, size and time of every image file that was read or missed
import.json     what the fingerprint is over and which folders held the images: {"settings": …, "roots": […]}
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ovt.core.files import disk_errors, new_folder, write_json
from ovt.core.home import Home
from ovt.curate.sources.images import image_path

_ABSENT = (-1, -1)


def load(folder: Path, home: Home, roots: Sequence[str]) -> pl.DataFrame | None:
    """An earlier import's rows; None if there is none, an image file changed since, or a stored image is gone."""
    try:
        noted = json.loads((folder / "import.json").read_text())
        rows, stamps = pl.read_parquet(folder / "rows.parquet"), pl.read_parquet(folder / "stamps.parquet")
    except (OSError, ValueError, pl.exceptions.PolarsError):
        return None
    if noted.get("roots") != list(roots):
        return None
    if any(_stamp(path) != (size, mtime_ns) for path, size, mtime_ns in stamps.iter_rows()):
        return None
    images = rows["images"].explode().drop_nulls().unique()
    return rows if all(_is_stored(home, image) for image in images) else None


def save(folder: Path, rows: pl.DataFrame, roots: Sequence[str], settings: dict) -> None:
    """Keeps the rows of an import. Two processes may do so at once, with the same rows."""
    files = rows["files"].explode().drop_nulls().unique(maintain_order=True)
    stamps = [(path, *_stamp(path)) for path in files]
    schema = {"path": pl.String, "size": pl.Int64, "mtime_ns": pl.Int64}
    with disk_errors(folder), new_folder(folder) as made:
        rows.drop("files").write_parquet(made / "rows.parquet")
        pl.DataFrame(stamps, schema, orient="row").write_parquet(made / "stamps.parquet")
        write_json(made / "import.json", {"settings": settings, "roots": list(roots)})


def _is_stored(home: Home, image_id: str) -> bool:
    """Whether an image is there; a power cut may have left an empty file."""
    path = image_path(home, image_id)
    return path.exists() and path.stat().st_size > 0


def _stamp(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a hundred thousand of them
    except OSError:
        return _ABSENT
    return found.st_size, found.st_mtime_ns
