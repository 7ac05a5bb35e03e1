"""Sources that were imported before: `home.imports/FINGERPRINT/`, renamed into place when complete.

rows.parquet    ROWS, in order
stamps.parquet  path, size and time of every image file that was read or missed
import.json     what the fingerprint is over and which folders held the images: {"settings": …, "roots": […]}
"""

import json
import os
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from ovt.core.errors import OvtError
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
    return rows if all(image_path(home, image).exists() for image in images) else None


def save(folder: Path, rows: pl.DataFrame, roots: Sequence[str], settings: dict) -> None:
    """Keeps the rows of an import. Two processes may do so at once: the first one wins, with the same rows."""
    files = rows["files"].explode().drop_nulls().unique(maintain_order=True)
    stamps = [(path, *_stamp(path)) for path in files]
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        temporary.mkdir(parents=True)
        rows.drop("files").write_parquet(temporary / "rows.parquet")
        schema = {"path": pl.String, "size": pl.Int64, "mtime_ns": pl.Int64}
        pl.DataFrame(stamps, schema, orient="row").write_parquet(temporary / "stamps.parquet")
        noted = {"settings": settings, "roots": list(roots)}
        (temporary / "import.json").write_text(json.dumps(noted, indent=1, ensure_ascii=False))
        _put_in_place(temporary, folder)
    except OSError as error:
        raise OvtError(f"cannot write {folder}: {error.strerror}; free some space or choose another --home") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _put_in_place(temporary: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # only here where it is out of date
    try:
        temporary.rename(folder)
    except OSError:
        if not (folder / "import.json").is_file():  # else another process was faster
            raise


def _stamp(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a hundred thousand of them
    except OSError:
        return _ABSENT
    return found.st_size, found.st_mtime_ns
