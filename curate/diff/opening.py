"""The two versions of a diff, wherever they are, and whether they still are as they were written."""

import re
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ovt.curate.errors import OvtError
from ovt.curate.home import Home
from ovt.curate.versions.manifest import MANIFEST
from ovt.curate.versions.read import Version, is_whole, open_version, verify_files

MOST_HASHED = 4 << 30  # bytes; a version that is larger is held against its files' sizes alone


@dataclass(frozen=True)
class Side:
    """A version, whose files are hashed while it is read: `checked` comes to a line for all that is not as it was
    written."""

    version: Version
    checked: Future[tuple[str, ...]]

    @property
    def notes(self) -> tuple[str, ...]:
        return self.checked.result()


def open_sides(a: str, b: str, home: Home) -> tuple[Side, Side]:
    """Both versions."""
    return open_side(a, home), open_side(b, home)


def open_side(ref: str, home: Home) -> Side:
    """The version that `ref` names: a name, a folder, or a Hub id with its revision ("you/pocket@v3"), which is pulled.

    A file that was changed is a note, since a diff shows what an edit did; one that is missing raises OvtError.
    """
    version = pulled(ref, home) if is_on_hub(ref) else open_version(ref, home)
    if not all((version.path / name).is_file() for name in version.manifest.files):
        verify_files(version)
    beside = ThreadPoolExecutor(1)
    checked = beside.submit(check_files, version)
    beside.shutdown(wait=False)
    return Side(version, checked)


def check_files(version: Version) -> tuple[str, ...]:
    """The line for what is not as it was written, or how little was looked at; none where all is well."""
    if sum(file.size for file in version.manifest.files.values()) <= MOST_HASHED:
        try:
            verify_files(version)
        except OvtError as error:
            return (str(error),)
        return ()
    if not is_whole(version):
        return (f"{version.ref} is not as it was written: files have other sizes than {MANIFEST} says",)
    return (f"{version.ref} is large: its files' sizes were checked, not their hashes",)


def is_on_hub(ref: str) -> bool:
    """Whether `ref` is a Hub id: "hf://…", or OWNER/NAME@REVISION where there is no such folder."""
    return ref.startswith("hf://") or (
        re.fullmatch(r"\w[\w.-]*/[\w.-]+@[\w.-]+", ref) is not None and not Path(ref).exists()
    )


def pulled(ref: str, home: Home) -> Version:
    """A version of the Hub, brought into the home; one that is there already is not fetched again."""
    from ovt.curate.hub.client import hub, split_address
    from ovt.curate.hub.pull import pull

    return pull(*split_address(ref), home, hub()).version


@contextmanager
def reading(side: Side) -> Generator[None]:
    """What cannot be read because the folder was edited, as the user's line instead of a traceback."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        if not side.notes:
            raise
        first = str(error).split("\n")[0][:200]
        raise OvtError(f"{side.notes[0]} ({first})") from error
