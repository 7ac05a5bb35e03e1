"""Writing a version: chunk by chunk into a folder of its own, which becomes vN in one rename.

versions/pocket/.lock         held for moments, to make, sweep and rename folders
versions/pocket/.writing-1/   a build under way; its own .lock is held until it ends, however it ends
versions/pocket/v1/           a version: complete, and never touched again
"""

import os
import re
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.files import LOCK, locked, make_locked_folder
from ovt.core.home import Home
from ovt.curate.sources.images import image_bytes
from ovt.curate.versions.card import render_card
from ovt.curate.versions.check import check
from ovt.curate.versions.data import Data
from ovt.curate.versions.ledger import TABLES, Ledger, funnel, usage
from ovt.curate.versions.manifest import (
    CARD,
    MANIFEST,
    FileEntry,
    Manifest,
    Provenance,
    Usage,
    canonical_hash,
    content_hash,
    hash_file,
)
from ovt.curate.versions.read import NAME, Version, find_content, ordinal_folders, scan_folder, scan_rows


class VersionWriter:
    """A version being written: `with VersionWriter(home, name) as writer: writer.append(…) …; writer.finish(…)`.

    Builds of one name may write at once. Leaving the block without `finish` leaves no version; what a killed build left
    goes away when the next one of that name starts.
    """

    def __init__(self, home: Home, name: str) -> None:
        if not re.fullmatch(NAME, name):
            raise OvtError(
                f"{name[:80]!r} cannot name a version: use a-z, 0-9, '.', '_' and '-', 64 characters at most"
            )
        self.is_new = False  # whether `finish` made a version, or found its content in an older one
        self._home = home
        self._name = name
        self._versions = home.versions / name

    def __enter__(self) -> Self:
        with one_line_errors(self._versions):
            self._versions.mkdir(parents=True, exist_ok=True)
            self._folder, self._lock = make_locked_folder(self._versions, ".writing-")
            self._ledger = Ledger(self._folder / "ledger")
            self._data = Data(self._folder / "data", partial(image_bytes, self._home))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.is_new:
            shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)

    def append(
        self,
        *,
        questions: pl.DataFrame,
        samples: pl.DataFrame,
        verdicts: pl.DataFrame,
        decisions: pl.DataFrame,
        rows: pl.DataFrame,
    ) -> None:
        """Adds a chunk: tables of the schemas QUESTIONS, SAMPLES, VERDICTS, DECISIONS and ROWS, in their final order.

        How the work is cut into chunks leaves no trace in the files. The images of `rows` are read from the home.
        """
        with one_line_errors(self._folder):
            self._ledger.append(questions=questions, samples=samples, verdicts=verdicts, decisions=decisions)
            self._data.append(rows)

    def finish(self, provenance: Provenance, more_usage: Sequence[Usage] = ()) -> Version:
        """Checks the ledger, writes the card and the manifest, and gives the version its place.

        more_usage: what was asked of models beside the samples (judgements).
        Where the same content is already a version of this name, that version is returned and nothing is added.
        """
        with one_line_errors(self._folder):
            manifest = self._describe(self._data.close() | self._ledger.close(), provenance, more_usage)
            older = find_content(self._home, self._name, manifest.content_hash)
            if older is None:
                manifest = self._seal(manifest)
                with locked(self._versions):
                    older = find_content(self._home, self._name, manifest.content_hash)
                    if older is None:
                        return self._take_place(manifest)
            return older

    def _describe(self, rows: dict[str, int], provenance: Provenance, more_usage: Sequence[Usage]) -> Manifest:
        """The manifest, but for the card."""
        tables = {table: scan_folder(self._folder, table) for table in TABLES}
        check(**tables, rows=scan_rows(self._folder, ["question_id", "sample_id"]))
        files = {path.relative_to(self._folder).as_posix(): seal(path) for path in data_files(self._folder)}
        fields = {
            "name": self._name,
            "content_hash": content_hash(files),
            "recipe_hash": canonical_hash(provenance.recipe, "recipe"),
            "rows": rows,
            "funnel": funnel(tables["decisions"]).to_dicts(),
            "usage": [*usage(tables["samples"]), *more_usage],
            "provenance": provenance,
            "files": files,
        }
        return Manifest.model_validate(fields)

    def _seal(self, manifest: Manifest) -> Manifest:
        """Writes the card, then the manifest, and sees them safely on disk."""
        card, path = self._folder / CARD, self._folder / MANIFEST
        card.write_text(render_card(manifest, self._folder), encoding="utf-8")
        manifest = manifest.model_copy(update={"files": manifest.files | {CARD: seal(card)}})
        path.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        seal(path)
        for folder in (self._folder / "data", self._folder / "ledger", self._folder):
            sync_folder(folder)
        return manifest

    def _take_place(self, manifest: Manifest) -> Version:
        ordinal = max(ordinal_folders(self._home, self._name), default=0) + 1
        place = self._versions / f"v{ordinal}"
        (self._folder / LOCK).unlink()
        self._folder.rename(place)
        self.is_new = True
        sync_folder(self._versions)
        return Version(place, ordinal, manifest)


def data_files(folder: Path) -> list[Path]:
    """The parquet files of a version that is being written, by name."""
    return sorted(path for part in ("data", "ledger") for path in (folder / part).iterdir())


def seal(path: Path) -> FileEntry:
    """Hashes a finished file, sees it on disk and takes away the right to write to it."""
    entry = hash_file(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    path.chmod(path.stat().st_mode & ~0o222)
    return entry


def sync_folder(folder: Path) -> None:
    """Sees the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def one_line_errors(folder: Path) -> Generator[None]:
    """A full disk, a quota or a missing right, as the user's line instead of a traceback."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OvtError(
            f"cannot write {error.filename or folder} ({reason}): make room or mend the rights there, then run the "
            "same command again; every answer is kept"
        ) from error
