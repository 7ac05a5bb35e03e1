"""Tar and zip archives, read in place: pictures by their names, and tars of samples (WebDataset). Nothing is unpacked
to disk but a .tar.gz, into a file without a name that ends with the process; and links, devices and encrypted members
are as if they were not there.

    image_root = "images.zip"     the row's "a/0.png" is the member a/0.png
    path = "shards/*.tar"         000.png, 000.json, 001.png, 001.json  ->  two rows
"""

import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import IO, Any, Self

from ovt.core import images
from ovt.core.errors import OvtError
from ovt.core.files import disk_errors
from ovt.core.untrusted import parse_json
from ovt.curate.sources.faults import MAX_CELL, Unfit, too_large
from ovt.curate.sources.section import Name
from ovt.curate.sources.source import MaybeRow, Part, columns_of
from ovt.curate.sources.texts import open_text

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
PEEK = 1_000  # samples inspected for column names
MOST_MEMBERS = 20_000_000
MOST_HEADER = 64 * 2**10  # bytes of a tar header's long names; no path is longer than 4,096
DENSITY, UNPACKED = 50, 8 * 2**20  # pictures hardly shrink in a zip file

_listing = Lock()  # that of an unpacked archive moves in its one open file
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Member:
    """Where a file lies in an archive, and its bytes there; `info` is for a zip's."""

    start: int
    size: int
    info: Any = None


Files = dict[str, Member]  # of one sample, by suffix


class _Header(tarfile.TarInfo):
    """A tar header whose extensions are not longer than a name can be: tarfile reads them whole."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.type not in tarfile.SUPPORTED_TYPES or (not found.isreg() and found.size > MOST_HEADER):
            raise OvtError(f"a tar header of {found.size:,} bytes, or of an unknown kind: this is no data")
        return found


def read_member(archive: Path, name: str) -> bytes | None:
    """A member of an archive; None if it is not there. Raises Unfit where it is broken or unpacks to too much."""
    found = members(archive, archive.stat().st_size, archive.stat().st_mtime_ns).get(name)
    return None if found is None else _content(archive, found)


def _content(archive: Path, member: Member) -> bytes:
    if member.size > MAX_CELL:
        raise too_large(member.size)
    if member.info is None:
        with _tar_of(archive) as file:
            return os.pread(file.fileno(), member.size, member.start)
    if member.size > max(UNPACKED, DENSITY * member.info.compress_size):
        raise Unfit(
            "unreadable_image", f"{member.size:,} bytes that are packed into {member.info.compress_size:,}, a bomb?"
        )
    try:
        with zipfile.ZipFile(archive) as opened, opened.open(member.info) as file:
            return file.read(member.size)
    except _BROKEN as error:
        raise Unfit("unreadable_image", f"in {archive.name}: {error}") from None


@lru_cache(maxsize=16)
def members(archive: Path, size: int, mtime_ns: int) -> dict[str, Member]:
    """The regular files of an archive of this size and time, by name. OvtError if it is no archive."""
    try:
        found = _in_zip(archive) if archive.suffix.lower() == ".zip" else _in_tar(archive)
        return dict(islice(found, MOST_MEMBERS))
    except OvtError as error:
        raise OvtError(f"{archive}: {error}") from None
    except _BROKEN as error:
        raise OvtError(f"{archive} is no whole archive ({error}): download it again") from None


def _in_zip(archive: Path) -> Iterator[tuple[str, Member]]:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            if not info.is_dir() and not info.flag_bits & 1:
                yield _normal(info.filename), Member(info.header_offset, info.file_size, info)


def _in_tar(archive: Path) -> Iterator[tuple[str, Member]]:
    with _listing, _tar_of(archive) as file:
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:", tarinfo=_Header, errorlevel=2) as opened:
            while (info := opened.next()) is not None:
                vars(opened)["members"].clear()  # else it keeps every header
                if info.isreg() and not info.issparse():
                    yield _normal(info.name), Member(info.offset_data, info.size)


@contextmanager
def _tar_of(archive: Path) -> Generator[IO[bytes]]:
    """A tar archive, opened; a packed one, unpacked."""
    if archive.suffix.lower() == ".tar":
        with archive.open("rb") as file:
            yield file
    else:
        about = archive.stat()
        yield _unpacked(archive, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=16)
def _unpacked(archive: Path, size: int, mtime_ns: int) -> IO[bytes]:
    """The content of a .tar.gz, in a file that ends with the process. OvtError where it is a bomb, or the disk full."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - kept open, to be read from again
    with disk_errors(archive), open_text(archive) as packed:
        shutil.copyfileobj(packed, file, 2**20)
    return file


def _normal(name: str) -> str:
    return name.removeprefix("./").lstrip("/")


def tar_part(path: Path) -> Part:
    """A tar of samples: files of one name but for what follows its first dot. JSON gives columns, pictures the image,
    and any other text a column named by its suffix."""
    about = path.stat()
    grouped: dict[str, Files] = {}
    for name, member in members(path, about.st_size, about.st_mtime_ns).items():
        place = PurePosixPath(name)
        stem, dot, suffix = place.name.partition(".")
        if dot and stem:
            grouped.setdefault(str(place.with_name(stem)), {})[suffix.lower()] = member
    samples = {key: files for stem, together in grouped.items() for key, files in _apart(stem, together).items()}
    readings = () if len(samples) == len(grouped) else ("dotted names",)
    keys = list(samples)

    def read(key: str) -> MaybeRow:
        try:
            return _sample(path, key, samples[key])
        except Unfit as unfit:
            return unfit
        except ValueError:
            return None

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        order = wanted if isinstance(wanted, range) else sorted(wanted)
        return ((number, read(keys[number])) for number in order)

    return Part(columns_of(map(read, keys[:PEEK])), len(keys), rows, path.parent, (), readings=readings)


def _apart(stem: str, files: Files) -> dict[str, Files]:
    """The samples among files that are one by their first dot: 22.05.png, 22.05.json, 22.06.png, 22.06.json are two, as
    each has the same files behind its last dot; 1.left.png, 1.right.png, 1.json are one."""
    found: dict[str, Files] = {}
    for suffix, member in files.items():
        inner, dot, last = suffix.rpartition(".")
        found.setdefault(f"{stem}{dot and '.'}{inner}", {})[last] = member
    kinds = {frozenset(of_one) for of_one in found.values()}
    return found if len(found) > 1 and len(kinds) == 1 and len(*kinds) > 1 else {stem: files}


def _sample(path: Path, key: str, files: Files) -> MaybeRow:
    row: dict[Any, Any] = {"id": key}
    shown = []
    for suffix, member in files.items():
        if f".{suffix}".endswith(images.SUFFIXES):
            shown.append(_content(path, member))
        elif suffix.endswith("json"):
            value = parse_json(_content(path, member))
            row |= value if isinstance(value, dict) else {suffix: value}
        elif member.size <= MAX_CELL // 64:
            row[suffix] = _content(path, member).decode("utf-8", "replace")
    return row | ({"image": shown[0] if len(shown) == 1 else shown} if shown else {})
