"""Writes a version chunk by chunk into a temporary folder, which becomes vN in one rename.

versions/pocket/.lock               held for a moment, to choose a number
versions/pocket/.new.8c1f….part/    a build in progress (core/files.py); with a key, it resumes after a kill:
    decided/                        the results of its chunks (curate/parts.py)
    data/, ledger/, closed.json     the files of the version, and which of them are closed (closed.py)
versions/pocket/v1/                 a version: complete, and never modified again
"""

import re
import shutil
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.files import disk_errors, locked, make_folder, put_folder, staging
from ovt.core.hashing import canonical_hash
from ovt.core.home import Home
from ovt.curate.sources.images import image_bytes
from ovt.curate.versions.card import render_card
from ovt.curate.versions.closed import Chain
from ovt.curate.versions.data import Data
from ovt.curate.versions.ledger import TABLES, Check, Ledger, funnel, usage
from ovt.curate.versions.manifest import (
    CARD,
    MANIFEST,
    NAME,
    FileEntry,
    Manifest,
    Provenance,
    Usage,
    content_hash,
    hash_file,
)
from ovt.curate.versions.read import LAST, Version, find_content, folder_of, ordinal_folders, scan_folder

DECIDED = "decided"


class VersionWriter:
    """A version being written: `with VersionWriter(home, name) as writer: writer.append(…) …; writer.finish(…)`.

    Several builds of one name may run at once. Leaving the block without `finish` leaves no version; a killed build's
    leftovers are removed when the next one of that name starts, unless it has the same key: then its closed files stay.
    """

    def __init__(self, home: Home, name: str, kept: pl.Schema | None = None, key: str = "") -> None:
        """kept: the columns of questions and rows that sources keep (`schema.kept_columns`); key: a hash of everything
        that the version is made of except replies. Of two writers of one key, the second waits for the first."""
        check_name(name)
        self._key = key
        self._kept = kept or pl.Schema()
        self.is_new = False  # whether `finish` created a version, or found its content in an older one
        self._home = home
        self._name = name
        self._place = home.versions / name

    def __enter__(self) -> Self:
        with disk_errors(self._place), ExitStack() as stack:
            self._home.make()
            self._folder = stack.enter_context(staging(self._place / "new", self._key))
            self._chain = Chain(self._folder)
            closed = self._chain.closed
            self._ledger = Ledger(self._folder / "ledger", self._kept, closed)
            self._data = Data(self._folder / "data", partial(image_bytes, self._home), self._kept, closed)
            self._check = Check()
            self._end = stack.pop_all().__exit__
        return self

    @property
    def decided(self) -> Path | None:
        """The folder for the results of chunks; None without a key."""
        return self._folder / DECIDED if self._key else None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and self._key and not any((self._folder / DECIDED).glob("[!.]*")):
            shutil.rmtree(self._folder, ignore_errors=True)  # nothing to resume from
        self._end(kind, error, trace)

    def append(
        self,
        mark: str = "",
        /,
        *,
        questions: pl.DataFrame,
        samples: pl.DataFrame,
        verdicts: pl.DataFrame,
        decisions: pl.DataFrame,
        rows: pl.DataFrame,
    ) -> None:
        """Adds a chunk: tables of the schemas QUESTIONS, SAMPLES, VERDICTS, DECISIONS and ROWS, in their final order;
        questions and rows with the kept columns. A chunk has everything that belongs to its questions.

        How the work is chunked leaves no trace in the files. The images of `rows` are read from the home.
        mark: a hash of what the tables were made of. Raises BrokenLedger, and Drifted (begin again) if a stopped writer
        of the same key was given something else.
        """
        self._check.chunk(questions=questions, samples=samples, verdicts=verdicts, decisions=decisions, rows=rows)
        with disk_errors(self._place):
            self._ledger.append(questions=questions, samples=samples, verdicts=verdicts, decisions=decisions)
            self._data.append(rows)
            if self._key:
                self._chain.add(mark, self._ledger.files | self._data.files)

    def finish(self, provenance: Provenance, more_usage: Sequence[Usage] = (), max_failed: float = 1.0) -> Version:
        """Checks the ledger, writes the card and the manifest, and moves the version into place.

        more_usage: usage beyond the samples (judgements). max_failed: the share of failures that makes it incomplete.
        If a version of this name already has the same content and terms, that one is returned and nothing is added.
        """
        self._chain.check_end()
        with disk_errors(self._place):
            manifest = self._describe(self._data.close() | self._ledger.close(), provenance, more_usage)
            if any(use.exceeds(max_failed) for use in manifest.usage):
                manifest = manifest.model_copy(update={"incomplete": True})
            older = find_content(self._home, self._name, manifest.content_hash, manifest.terms)
            if older is None:
                version, self.is_new = take_place(self._home, self._name, self._folder, self._seal(manifest))
                return version
            return older

    def _describe(self, rows: dict[str, int], provenance: Provenance, more_usage: Sequence[Usage]) -> Manifest:
        """The manifest, except for the card."""
        tables = {table: scan_folder(self._folder, table) for table in TABLES}
        self._check.whole(tables["decisions"])
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
        """Writes the card, then the manifest."""
        card, path = self._folder / CARD, self._folder / MANIFEST
        card.write_text(render_card(manifest, self._folder), encoding="utf-8")
        manifest = manifest.model_copy(update={"files": manifest.files | {CARD: seal(card)}})
        path.write_text(manifest.model_dump_json(indent=2) + "\n", encoding="utf-8")
        seal(path)
        self._chain.remove()  # only now: until here, a killed build can resume
        shutil.rmtree(self._folder / DECIDED, ignore_errors=True)
        return manifest


def check_name(name: str) -> str:
    """The name, if it can be a version's; OvtError otherwise."""
    if not re.fullmatch(NAME, name):
        raise OvtError(f"{name[:80]!r} cannot name a version: use a-z, 0-9, '.', '_' and '-', 64 characters at most")
    return name


def take_place(
    home: Home, name: str, folder: Path, manifest: Manifest, wished: int | None = None
) -> tuple[Version, bool]:
    """(version, whether it is new): numbers a complete folder, unless a version of that name already has its content
    under the same terms.

    wished: the number that it must have, by default the next one. Raises OvtError if it is another version's.
    """
    versions = folder_of(home, name)
    make_folder(versions)
    with locked(versions):
        if older := find_content(home, name, manifest.content_hash, manifest.terms):
            return older, False
        taken = ordinal_folders(home, name)
        if wished in taken:
            raise OvtError(
                f"{name}@v{wished} already exists with different content, and versions are never overwritten"
            )
        ordinal = wished or _next(taken)
        put_folder(folder, versions / f"v{ordinal}")
    return Version(versions / f"v{ordinal}", ordinal, manifest), True


def _next(taken: Collection[int]) -> int:
    """The number after the largest; above LAST, the first that is free."""
    following = max(taken, default=0) + 1
    return following if following <= LAST else next(number for number in count(1) if number not in taken)


def data_files(folder: Path) -> list[Path]:
    """The parquet files of a version that is being written, by name."""
    return sorted(path for part in ("data", "ledger") for path in (folder / part).iterdir())


def seal(path: Path) -> FileEntry:
    """Hashes a finished file and removes its write permission."""
    entry = hash_file(path)
    path.chmod(path.stat().st_mode & ~0o222)
    return entry
