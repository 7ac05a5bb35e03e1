"""The files of a version that a killed build has closed, so that the next one can continue after them.

closed.json   {"closed": {"samples": [1048576], "sft": [4608, 4352]}, "chunks": 150, "hash": "7b2e…"}
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from ovt.core.files import sync, write_json
from ovt.core.hashing import hash_bytes
from ovt.core.parquet import Series
from ovt.core.schema import SPLITS

CLOSED = "closed.json"


class Drifted(Exception):
    """What is written now differs from what a stopped writer of the same key had closed files of; they were removed."""


class Chain:
    """Which files of a writer's tables are closed, and a hash over the marks of the chunks up to then, so that a
    resumed writer knows whether they hold what it would write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count, self._hash = 0, ""
        try:
            found = json.loads((folder / CLOSED).read_text())
            self.closed: dict[str, list[int]] = found["closed"]
            self._until, self._expected = found["chunks"], found["hash"]
        except (OSError, ValueError, KeyError):
            self.closed, self._until, self._expected = {}, 0, ""
        if not all((folder / path).is_file() for path in self._paths()):
            self.closed, self._until = {}, 0
        if not self.closed:
            self._forget()

    def add(self, mark: str, files: Mapping[str, Series]) -> None:
        """A chunk with this mark was added; `files` are those of each table."""
        self._count += 1
        self._hash = hash_bytes(f"{self._hash} {mark}".encode())
        if self._count == self._until and self._hash != self._expected:
            self._drift()
        closed = {table: series.closed for table, series in files.items() if series.closed}
        if self._count > self._until and closed != self.closed:
            for table, series in files.items():
                for path in series.paths[len(self.closed.get(table, ())) :]:
                    sync(path)
            write_json(self._folder / CLOSED, {"closed": closed, "chunks": self._count, "hash": self._hash})
            self.closed = {table: [*rows] for table, rows in closed.items()}

    def check_end(self) -> None:
        """All chunks were added."""
        if self._count < self._until:
            self._drift()

    def remove(self) -> None:
        """Removes the note: the version is complete."""
        (self._folder / CLOSED).unlink(missing_ok=True)

    def _drift(self) -> None:
        self._forget()
        raise Drifted

    def _forget(self) -> None:
        self.remove()
        for name in ("data", "ledger"):
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _paths(self) -> Iterator[Path]:
        for table, rows in self.closed.items():
            for number in range(len(rows)):
                yield Path("data" if table in SPLITS else "ledger", f"{table}-{number:05}.parquet")
