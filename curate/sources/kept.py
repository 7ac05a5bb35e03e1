"""Imports kept in the home, complete or partial, so that no row is read twice.

imports/FINGERPRINT/            a whole import, renamed into place when complete
    rows.parquet                ROWS, in order
    stamps.parquet              path, size and time of every image file that was read or missing
    import.json                 what the folder's name is a hash of, which folders held the images, and which ways of
                                reading were needed that older versions of ovt did not have
imports/.FINGERPRINT.rows.part/
    000000/, 000001/, …         the same for the first rows of a stopped import, which continues after the last of them
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.files import disk_errors, new_folder, put_folder, staging, write_json
from ovt.core.home import Home
from ovt.curate.sources.images import image_path

PART = 5_000  # rows of a part; bounds the memory, too
STAMPS = pl.Schema({"path": pl.String, "size": pl.Int64, "mtime_ns": pl.Int64})
ABSENT = (-1, -1)


@dataclass(frozen=True)
class Kept:
    """An import: ROWS without "files", the STAMPS of these, and the newer ways of reading that it needed."""

    rows: pl.DataFrame
    stamps: pl.DataFrame = field(default_factory=STAMPS.to_frame)
    readings: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: pl.DataFrame, readings: set[str]) -> "Kept":
        """Rows as they were just read."""
        files = rows["files"].explode().drop_nulls().unique(maintain_order=True)
        stamps = pl.DataFrame([(path, *stamp(path)) for path in files], STAMPS, orient="row")
        return cls(rows.drop("files"), stamps, tuple(sorted(readings)))

    @classmethod
    def joined(cls, parts: Sequence["Kept"]) -> "Kept":
        """All parts of an import as one."""
        stamps = pl.concat([part.stamps for part in parts]).unique("path", keep="first", maintain_order=True)
        readings = {name for part in parts for name in part.readings}
        return cls(pl.concat([part.rows for part in parts]), stamps, tuple(sorted(readings)))


@dataclass(frozen=True)
class Cache:
    """Where an import is kept, what its name is a hash of, which folders its images may come from, and the newer ways
    of reading that its source is known to need: an import that lacks one is another version's, and is not used."""

    home: Home
    folder: Path
    settings: dict[str, Any]
    roots: tuple[str, ...]
    readings: frozenset[str] = frozenset()

    def load(self, folder: Path | None = None) -> Kept | None:
        """An earlier import, or the part in `folder`; None if there is none, it was read differently, an image file
        changed since, or a stored image is gone."""
        folder = folder or self.folder
        try:
            noted = json.loads((folder / "import.json").read_text())
            rows, stamps = (pl.read_parquet(folder / f"{name}.parquet", glob=False) for name in ("rows", "stamps"))
        except (OSError, ValueError, pl.exceptions.PolarsError):
            return None
        if noted.get("roots") != list(self.roots) or not self.readings <= {*noted.get("readings", ())}:
            return None
        if any(stamp(path) != (size, mtime_ns) for path, size, mtime_ns in stamps.iter_rows()):
            return None
        images = rows["images"].explode().drop_nulls().unique()
        if not all(_is_stored(self.home, image) for image in images):
            return None
        rows = rows.drop("files", "row_id", strict=False)  # which older versions of ovt kept there
        return Kept(rows, stamps, tuple(noted.get("readings", ())))

    def complete(
        self, read_on: Callable[[Sequence[Kept]], Iterator[Kept]], arrange: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> Kept:
        """The whole import, kept from now on. If two processes make it at once, the second waits for the first.

        read_on: given the parts that a stopped import left, yields the others; arrange: puts all rows in order.
        """
        with ExitStack() as stack:
            with disk_errors(self.folder):
                place = stack.enter_context(staging(self.folder, "rows"))
            if (there := self.load()) is not None:
                return there
            parts = [*self._left(place)]
            for part in read_on(tuple(parts)):
                if len(part.rows) >= PART:  # the last rows are not worth a part
                    self._keep(part, place / f"{len(parts):06}")
                parts.append(part)
            made = Kept.joined(parts)
            made = Kept(arrange(made.rows), made.stamps, made.readings)
            with disk_errors(self.folder):
                for number in range(len(parts)):
                    shutil.rmtree(place / f"{number:06}", ignore_errors=True)
                self._fill(place, made)
                put_folder(place, self.folder)
            return made

    def _left(self, place: Path) -> Iterator[Kept]:
        """The parts of a stopped import that can still be used."""
        for number in count():
            part = self.load(place / f"{number:06}")
            if part is None:
                return
            yield part

    def _keep(self, part: Kept, folder: Path) -> None:
        with disk_errors(folder), new_folder(folder) as place:
            self._fill(place, part)

    def _fill(self, folder: Path, made: Kept) -> None:
        about = {"settings": self.settings, "roots": list(self.roots)}
        made.rows.write_parquet(folder / "rows.parquet")
        made.stamps.write_parquet(folder / "stamps.parquet")
        write_json(folder / "import.json", about | ({"readings": made.readings} if made.readings else {}))


def in_parts(records: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """PART records of ROWS at a time, and any more that belong to the last one's row; the last part may be empty."""
    part: list[dict[str, Any]] = []
    for record in records:
        if len(part) >= PART and record["row"] != part[-1]["row"]:
            yield part
            part = []
        part.append(record)
    yield part


def stamp(path: str) -> tuple[int, int]:
    """Size and time of a file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a hundred thousand of them
    except OSError:
        return ABSENT
    return found.st_size, found.st_mtime_ns


def _is_stored(home: Home, image_id: str) -> bool:
    """Whether an image exists; a power cut may have left an empty file."""
    path = image_path(home, image_id)
    return path.exists() and path.stat().st_size > 0
