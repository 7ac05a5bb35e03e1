"""Finding a version and reading its tables."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ovt.curate.home import Home
from ovt.curate.versions.manifest import Manifest


@dataclass(frozen=True)
class Version:
    """A complete version folder; `ordinal` is N of vN, or None for a folder outside a home."""

    path: Path
    ordinal: int | None
    manifest: Manifest

    @property
    def ref(self) -> str:
        """How commands name it: "name@v3", or the folder's path."""
        return f"{self.manifest.name}@v{self.ordinal}" if self.ordinal is not None else str(self.path)


def open_version(ref: str, home: Home) -> Version:
    """The version that `ref` names: "name" (latest), "name@v3", "name@HASHPREFIX" or a folder's path."""
    raise NotImplementedError


def list_versions(home: Home) -> list[Version]:
    """Every complete version of `home`, by name and ordinal."""
    raise NotImplementedError


def scan(version: Version, table: str) -> pl.LazyFrame:
    """A ledger table ("questions", "samples", "verdicts", "decisions") or the data of a split ("sft", "rl"), lazily."""
    raise NotImplementedError


def verify_files(version: Version) -> None:
    """Raises OvtError naming the files that are missing, extra or not as the manifest says."""
    raise NotImplementedError
