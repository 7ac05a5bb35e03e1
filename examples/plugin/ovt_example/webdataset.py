"""A source: WebDataset archives, where files with the same name are a row.

    shard-000.wds              row
      0001.png                 {"image": b"…", "txt": "Which ruler is shown?", "cls": "4"}
      0001.txt
      0001.cls
      0002.png                 {"image": b"…", "question": "Which page is it?", "answer": "xii"}
      0002.json                what a .json holds becomes columns of its own

    [[sources]]
    path = "shards/*.wds"      # a file, a glob or a folder
    columns = { question = "txt", gold = "cls" }

A name ends at its first dot, and the files of a row follow each other, as WebDataset writes them. Anything but an
image, a .json or a text is skipped. https://github.com/webdataset/webdataset
"""

import tarfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path, PurePosixPath

from ovt.core.errors import OvtError
from ovt.core.untrusted import parse_json
from ovt.curate.sources.source import Part, Row, columns_of, take

IMAGES = {"png", "jpg", "jpeg", "webp", "gif", "bmp"}
TEXTS = {"txt", "cls"}
MOST_BYTES = 2**28  # of one member: more is neither a picture nor a question
PEEK = 100  # rows that are read to learn the columns

Sample = Sequence[tarfile.TarInfo]


def open_tar(path: Path) -> Part:
    """The rows of an archive, counted by its index alone."""
    try:
        with tarfile.open(path) as tar:
            samples = grouped(tar.getmembers())
            columns = columns_of(islice((row_of(tar, sample) for sample in samples), PEEK))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise OvtError(f"{path} cannot be read as a tar archive ({error}): download or write it again") from None

    def rows(names: Sequence[int | str], wanted: Collection[int]) -> Iterator[tuple[int, Row | None]]:
        with tarfile.open(path) as tar:
            yield from take((row_of(tar, sample) for sample in samples), wanted)

    return Part(columns, len(samples), rows)


def grouped(members: Sequence[tarfile.TarInfo]) -> list[Sample]:
    """The files of each row, in order."""
    files = [member for member in members if member.isfile() and not PurePosixPath(member.name).name.startswith(".")]
    return [list(sample) for _, sample in groupby(files, key=lambda member: split_name(member.name)[0])]


def split_name(name: str) -> tuple[str, str]:
    """The row that a file belongs to, and its part of it: "a/0001.left.png" -> ("a/0001", "left.png")."""
    path = PurePosixPath(name)
    stem, _, kind = path.name.partition(".")
    return str(path.with_name(stem)), kind.lower()


def row_of(tar: tarfile.TarFile, sample: Sample) -> Row | None:
    """The row that files make; None where one of them is not what its name says, or is there twice."""
    row: dict[str, object] = {}
    for member in sample:
        try:
            cells = cells_of(tar, member)
        except (ValueError, tarfile.TarError, OSError):
            return None
        if row.keys() & cells.keys():
            return None
        row |= cells
    return row


def cells_of(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Mapping[str, object]:
    """What one file adds to its row, by column. ValueError for a text that is not one, or a file that is too large."""
    name, _, suffix = split_name(member.name)[1].rpartition(".")
    if suffix not in {*IMAGES, *TEXTS, "json"}:
        return {}
    if member.size > MOST_BYTES:
        raise ValueError(f"{member.name} has {member.size:,} bytes")
    file = tar.extractfile(member)
    data = file.read() if file else b""
    if suffix in IMAGES:
        return {name or "image": data}
    text = data.decode()
    if suffix in TEXTS:
        return {name or suffix: text.strip()}
    found = parse_json(text)
    if not isinstance(found, dict):
        raise ValueError(f"{member.name} is not a JSON object")
    return found
