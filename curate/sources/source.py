"""What a source is, and how one is opened: all that a plugin which adds one needs to know.

A recipe's `path` is "NAME:REST", or the place of files with a suffix. Both are looked up in `registry.SOURCES`, where
ours and those of plugins are alike:

    [project.entry-points."ovt.sources"]
    zoo = "ovt_zoo:open_zoo"       # path = "zoo:REST"                  open_zoo(section, most) -> Opened
    ".tar" = "ovt_tar:open_tar"    # a file, a glob, a folder of them   open_tar(path) -> Part

Opening is quick, as every build does it, also one that finds its rows imported before: it counts the rows and names
their columns. Reading them comes later, part by part, by `Part.rows`:

    def open_tar(path: Path) -> Part:
        with tarfile.open(path) as tar:
            samples = group(tar.getmembers())                     # [{"png": member, "json": member}, …]

        def rows(names, wanted):
            with tarfile.open(path) as tar:
                return take((read(tar, sample) for sample in samples), wanted)

        return Part(("image", "question", "answer"), len(samples), rows)

A row is a mapping of column name -> cell, or None where it is malformed: it is then left out and counted, and must not
stop the import. Cells are texts, numbers, lists and mappings as in JSON; images are bytes, {"bytes", "path"}, Pillow
images or paths. What becomes of them is not the source's concern.

The `fingerprint` of what is opened by NAME stands for its content: the same for the same rows, another for any others,
on every machine. Kept imports and finished builds are found by it. (Files are hashed for those that open a suffix.)
What a user can fix raises OvtError, in one line.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError
from ovt.core.hashing import hash_bytes
from ovt.core.registry import SOURCES
from ovt.curate.sources.section import Name, SourceSection

Row = Mapping[Any, Any]  # by Name
# (columns wanted, row numbers wanted) -> (row number, row; None where it is malformed), in order.
Rows = Callable[[Sequence[Name], Collection[int]], Iterator[tuple[int, Row | None]]]


@dataclass(frozen=True)
class Part:
    """A piece of a source: a file, or a split of a dataset.

    columns        theirs; image_columns those that it declares to hold images
    count          rows
    rows           (columns wanted, row numbers wanted, counted from 0) -> (row number, row), in rising order. It may
                   give more columns than are wanted
    root           folder where its relative image paths start, None where it has none
    allowed        folders that its image paths may not leave: without any, images are bytes only
    """

    columns: tuple[Name, ...]
    count: int
    rows: Rows
    root: Path | None = None
    allowed: tuple[Path, ...] = ()
    image_columns: tuple[Name, ...] = ()


@dataclass(frozen=True)
class Opened:
    """A source that was found, not yet read. `fingerprint` stands for its content; `notes` say what was guessed."""

    parts: tuple[Part, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()


def open_source(section: SourceSection, most: int | None = None) -> Opened:
    """Finds a source, of which `most` rows will be read. Raises OvtError: not there, or in no known format."""
    name, colon, _ = section.path.partition(":")
    if colon and name in SOURCES:
        return SOURCES.get(name)(section, most)
    if re.match(r"\w+:(//|\w+$)", section.path):
        raise OvtError(f"source {section.name}: path {section.path!r} is not known; {expected()}")
    return SOURCES.get("files")(section, most)


def expected() -> str:
    """What a path may be, for messages."""
    added = [name if name.startswith(".") else f"{name}:…" for name in SOURCES.names() if name not in SOURCES.ours]
    return (
        "expected .parquet, .jsonl, .json, .csv or .tsv, a folder of these, "
        f"{''.join(f'{name}, ' for name in added)}hf://OWNER/NAME, package:NAME/FILE or pocket:figures"
    )


def columns_of(rows: Iterable[Row | None]) -> tuple[Name, ...]:
    """All column names of some rows, in order of appearance."""
    return tuple(dict.fromkeys(name for row in rows for name in row or ()))


def take(rows: Iterable[Row | None], wanted: Collection[int]) -> Iterator[tuple[int, Row | None]]:
    """The wanted rows with their numbers; stops after the last one."""
    for number, row in enumerate(islice(rows, max(wanted, default=-1) + 1)):
        if number in wanted:
            yield number, row


def hash_files(files: Sequence[Path]) -> str:
    """sha256 (hex) over the names and the bytes of files."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0{hash_bytes(path)}\n".encode())
    return digest.hexdigest()


def pick_split(splits: Sequence[str], section: SourceSection) -> list[str]:
    """The splits to read: those that the section names ("a+b"), else the only one, else "train".

    A test split is never taken in with the others by accident. Raises OvtError naming the splits there are.
    """
    found = ", ".join(splits) or "no splits"
    if section.split:
        chosen = [name.strip() for name in section.split.split("+")]
        for name in chosen:
            if name not in splits:
                raise OvtError(f"source {section.name}: split {name!r} is not there; found {found}")
        return chosen
    if len(splits) == 1 or "train" in splits:
        return ["train"] if "train" in splits else [splits[0]]
    raise OvtError(
        f'source {section.name}: has the splits {found}; name one, e.g. split = "{splits[0]}", or several, "a+b"'
    )


def split_note(section: SourceSection, splits: Sequence[str]) -> tuple[str, ...]:
    """One line for people where the split was not named by the recipe."""
    return () if section.split or not splits else (f"source {section.name}: split {'+'.join(splits)}",)
