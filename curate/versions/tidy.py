"""`ovt data rm` and `ovt data clean`: versions that are no longer wanted, and what nothing refers to.

A version that something came from stays: a run, a step of a loop, or another version. Replies always stay: they were
paid for. Both commands only list until they are told to remove.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.files import disk_errors, is_written_to, leftovers
from ovt.core.home import Home
from ovt.core.progress import read_shared
from ovt.curate.sources.importing import fingerprint_of
from ovt.curate.versions.manifest import MANIFEST
from ovt.curate.versions.read import Version, list_versions, reading, scan

RECORDS = ("runs/*/run.json", "loops/*/steps/*.json")  # of the home: each names what it was made of


@dataclass(frozen=True)
class Unused:
    """What may be removed: what it is ("version", "import", "image", "leftover"), where, its bytes, and why."""

    what: str
    path: Path
    bytes: int
    why: str

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for JSON."""
        return vars(self) | {"path": str(self.path)}


def to_remove(version: Version, home: Home) -> Unused:
    """A version of this home as something to remove. OvtError if anything came from it, naming what."""
    if version.ordinal is None:
        raise OvtError(f"{version.path} is a folder, not a version of this home: delete it yourself")
    if used := list(users(version, home)):
        more = f" and {len(used) - 3} more" if len(used) > 3 else ""
        raise OvtError(f"{version.ref} cannot be removed: {', '.join(used[:3])}{more} came from it; remove these first")
    return Unused("version", version.path, size_of(version.path), "requested")


def users(version: Version, home: Home) -> Iterator[str]:
    """What was made from a version: runs and steps of loops, by their records; versions, by their parents."""
    marks = (version.manifest.content_hash, f'"{version.manifest.hash_ref}"', f'"{version.ref}"')
    for pattern in RECORDS:
        for path in sorted(home.path.glob(pattern)):
            text = path.read_text(encoding="utf-8", errors="replace")
            if any(mark in text for mark in marks):
                yield " ".join(path.relative_to(home.path).with_suffix("").parts[:2]).replace("s ", " ", 1)
    for other in list_versions(home)[0]:
        if other.path != version.path and other.manifest.provenance.parent == version.manifest.hash_ref:
            yield other.ref


def unused(home: Home) -> list[Unused]:
    """Imports that no version was built from, images that no version, evaluation or remaining import shows, and what
    killed processes left. OvtError while a build, an evaluation or an import runs: it may need any of them."""
    running = [path.stem for path in sorted(home.live.glob("[!.]*.json")) if read_shared(path)]
    running += ["an import"] * is_written_to(home.imports)
    if running:
        raise OvtError(f"{running[0]} is running in {home.path}: wait until it ends")
    versions, broken = list_versions(home)
    if broken:
        raise OvtError(f"{broken[0]}; until then it is not known which images it needs")
    built = {one.fingerprint for version in versions for one in version.manifest.provenance.inputs}
    imports = [path for path in sorted(home.imports.glob("[0-9a-f]*")) if path.is_dir()]
    idle = [path for path in imports if fingerprint_of(path) not in built]
    tables = [*sorted(home.evals.glob("*/questions.parquet")), *(path / "rows.parquet" for path in imports)]
    shown = images_in(versions, [path for path in tables if path.parent not in idle])
    pictures = (
        path for path in sorted(home.images.glob("*/*")) if path.name not in shown and not path.name.startswith(".")
    )
    return [
        *(Unused("import", path, size_of(path), "no version was built from it") for path in idle),
        *(Unused("image", path, path.stat().st_size, "no version or evaluation shows it") for path in pictures),
        *(Unused("leftover", path, size_of(path), "left by a killed process") for path in left_over(home)),
    ]


def images_in(versions: Iterable[Version], tables: Iterable[Path]) -> set[str]:
    """The ids of all images in the questions of versions, and in other tables of questions. OvtError naming what cannot
    be read."""
    shown: set[str] = set()
    for version in versions:
        with reading(version):
            shown.update(images_of(scan(version, "questions")))
    for path in tables:
        try:
            shown.update(images_of(pl.scan_parquet(path, glob=False)))
        except (pl.exceptions.PolarsError, OSError):
            unread = f"{path} cannot be read: restore it, or remove its folder"
            raise OvtError(f"{unread}; until then it is not known which images it needs") from None
    return shown


def images_of(table: pl.LazyFrame) -> pl.Series:
    """The ids of the images in a table of questions."""
    return table.select(pl.col("images").explode()).unique().collect()["images"].drop_nulls()


def left_over(home: Home) -> Iterator[Path]:
    for place in (
        home.images,
        *home.images.glob("*"),
        home.imports,
        home.runs,
        home.evals,
        *home.versions.glob("*"),
        *home.versions.glob("@*/*"),
    ):
        yield from leftovers(place)


def remove(things: Iterable[Unused]) -> None:
    """Removes them. A version stops being one at once."""
    for one in things:
        with disk_errors(one.path):
            if one.what == "version":
                (one.path / MANIFEST).unlink(missing_ok=True)  # without it, a folder is not a version
            if one.path.is_dir():
                shutil.rmtree(one.path)
            else:
                one.path.unlink(missing_ok=True)


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    return sum(one.stat().st_size for one in ([path] if path.is_file() else path.rglob("*")) if one.is_file())
