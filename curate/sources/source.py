"""What a source is and how one is opened: everything a plugin author needs to know.

A recipe's `path` is "NAME:REST", or the location of files with a suffix. Both are looked up in `registry.SOURCES`,
where ours and plugins' are treated alike:

    [project.entry-points."ovt.sources"]
    zoo = "ovt_zoo:open_zoo"       # path = "zoo:REST"                  open_zoo(section, most) -> Opened
    ".wds" = "ovt_wds:open_tar"    # a file, a glob, a folder of them   open_tar(path) -> Part

Opening must be fast, since every build does it, even one that finds its rows cached: it counts the rows and names
the columns. Rows are read later, part by part, by `Part.rows`:

    def open_tar(path: Path) -> Part:
        with tarfile.open(path) as tar:
            samples = group(tar.getmembers())                     # [{"png": member, "json": member}, …]

        def rows(names, wanted):
            with tarfile.open(path) as tar:
                return take((read(tar, sample) for sample in samples), wanted)

        return Part(("image", "question", "answer"), len(samples), rows)

A row is a mapping of column name -> cell, None if it is malformed, or the Unfit (faults.py) that says what is wrong
with it: it is then left out and counted, and must not stop the import. Cells are texts, numbers, lists and mappings as
in JSON; images are bytes, {"bytes", "path"}, Pillow images or paths. The source need not care what happens to them.

The `fingerprint` of a source opened by NAME identifies its content: the same for the same rows, different otherwise,
on every machine. Cached imports and finished builds are found by it. (Files opened by suffix are hashed automatically.)
User mistakes raise a one-line OvtError.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ovt.core.errors import OvtError
from ovt.core.hashing import hash_bytes
from ovt.core.registry import SOURCES
from ovt.curate.sources.faults import Unfit
from ovt.curate.sources.section import Name, SourceSection

Row = Mapping[Any, Any]  # by Name
Kind = TypeVar("Kind")
MaybeRow = Row | Unfit | None  # a fault, or None, if it cannot be read
# (columns wanted, row numbers wanted) -> (row number, row), in order.
Rows = Callable[[Sequence[Name], Collection[int]], Iterator[tuple[int, MaybeRow]]]


@dataclass(frozen=True)
class Part:
    """A piece of a source: a file, or a split of a dataset.

    columns        theirs; image_columns: those declared as images; late: those that only later rows have
    count          rows; may be too high, if that shows only when they are read
    rows           (columns wanted, row numbers wanted, counted from 0) -> (row number, row), in rising order. It may
                   include more columns than wanted
    root           base folder of relative image paths, None if there is none
    allowed        folders that image paths may not leave; without any, images must be bytes
    readings       ways of reading it that older versions of ovt did not have
    """

    columns: tuple[Name, ...]
    count: int
    rows: Rows
    root: Path | None = None
    allowed: tuple[Path, ...] = ()
    image_columns: tuple[Name, ...] = ()
    late: tuple[Name, ...] = ()
    readings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Opened:
    """A source that was found but not read yet. `fingerprint` identifies its content; `notes` list guesses."""

    parts: tuple[Part, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()


def open_source(section: SourceSection, most: int | None = None) -> Opened:
    """Opens a source, of which at most `most` rows will be read. Raises OvtError if missing or of unknown format.

    With `where`, these may be any rows: only hf:// is told how many, since it can look at single columns.
    """
    name, colon, _ = section.path.partition(":")
    most = most if section.where is None or name == "hf" else None
    if colon and name in SOURCES:
        return SOURCES.get(name)(section, most)
    if re.match(r"\w+:(//|\w+$)", section.path) and not section.path.startswith("file:///"):
        raise OvtError(f"source {section.name}: path {section.path!r} is not known; {expected()}")
    return SOURCES.get("files")(section, most)


def expected() -> str:
    """The supported forms of a path, for messages."""
    added = [name if name.startswith(".") else f"{name}:…" for name in SOURCES.names() if name not in SOURCES.ours]
    return (
        "expected .parquet, .jsonl, .json, .csv, .tsv (also .gz), .arrow, .tar or .tar.gz, a folder of these, "
        f"{''.join(f'{name}, ' for name in added)}hf://OWNER/NAME, package:NAME/FILE or pocket:figures"
    )


def columns_of(rows: Iterable[MaybeRow]) -> tuple[Name, ...]:
    """All column names of some rows, in order of appearance."""
    return tuple(dict.fromkeys(name for row in rows if isinstance(row, Mapping) for name in row))


def take(rows: Iterable[Kind], wanted: Collection[int]) -> Iterator[tuple[int, Kind]]:
    """The wanted rows with their numbers; stops after the last one."""
    for number, row in enumerate(islice(rows, max(wanted, default=-1) + 1)):
        if number in wanted:
            yield number, row


def within(wanted: Collection[int], start: int, count: int) -> Collection[int]:
    """The wanted rows of a part, numbered from its own first row."""
    if isinstance(wanted, range):
        return range(max(wanted.start - start, 0), min(wanted.stop - start, count))
    return frozenset(number - start for number in wanted if start <= number < start + count)


def hash_files(files: Sequence[Path]) -> str:
    """sha256 (hex) over the names and the bytes of files."""
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0{hash_bytes(path)}\n".encode())
    return digest.hexdigest()


def pick_split(splits: Sequence[str], section: SourceSection) -> list[str]:
    """The splits to read: those named by the section ("a+b"), else the only one, else "train".

    A test split is never included by accident. Raises OvtError naming the available splits.
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
    """A note if the recipe did not name the split."""
    return () if section.split or not splits else (f"source {section.name}: split {'+'.join(splits)}",)
