"""Tar and zip archives, read in place: pictures by their names, and tars of samples (WebDataset). Nothing is unpacked
to disk except a .tar.gz, into an unnamed file that disappears with the process. Links, devices and encrypted members
are ignored.

    image_root = "images.zip"     the row's "a/0.png" is the member a/0.png
    path = "shards/*.tar"         000.png, 000.json, 001.png, 001.json  ->  two rows
"""

import os
import shutil
import struct
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
LOCAL_HEADER = 30  # bytes before a zip member's name, which is followed by its content
KEPT = 64  # archives whose members stay listed, 600 bytes each; rows may alternate between all parts of a data set

_listing = Lock()  # of an unpacked archive: it moves the position in its one open file
# ValueError, LookupError, OverflowError: zipfile and tarfile trust names and numbers
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError,
           LookupError, OverflowError)  # fmt: skip


@dataclass(frozen=True)
class Member:
    """Where a file lies in an archive, and its size in bytes; `info` is only for a zip's."""

    start: int
    size: int
    info: Any = None


Files = dict[str, Member]  # of one sample, by suffix


class _Header(tarfile.TarInfo):
    """A tar header whose extensions are no longer than a name can be, since tarfile reads them whole."""

    @classmethod
    def frombuf(cls, buf: Any, encoding: str, errors: str) -> Self:
        found = super().frombuf(buf, encoding, errors)
        if found.type not in tarfile.SUPPORTED_TYPES or (not found.isreg() and found.size > MOST_HEADER):
            raise OvtError(f"a tar header of {found.size:,} bytes, or of an unknown kind: this does not look like data")
        return found


def read_member(archive: Path, name: str) -> bytes | None:
    """A member of an archive; None if it is not there. Raises Unfit if it is broken or unpacks to too much."""
    found = members(*_state(archive)).get(name)
    return None if found is None else _content(archive, found)


def _state(archive: Path) -> tuple[Path, int, int]:
    """A key for what was read from an archive, as long as nobody changes it."""
    about = archive.stat()
    return archive, about.st_size, about.st_mtime_ns


def _content(archive: Path, member: Member) -> bytes:
    if member.size > MAX_CELL:
        raise too_large(member.size)
    if member.info is None:
        with _tar_of(archive) as file:
            return os.pread(file.fileno(), member.size, member.start)
    packed = member.info.compress_size
    if member.size > max(UNPACKED, DENSITY * packed) or packed > MAX_CELL:
        raise Unfit("unreadable_image", f"{member.size:,} bytes that are packed into {packed:,}, a bomb?")
    try:
        return _from_zip(archive, member.info)
    except _BROKEN as error:
        raise Unfit("unreadable_image", f"in {archive.name}: {error}") from None


def _from_zip(archive: Path, info: zipfile.ZipInfo) -> bytes:
    """The content of a member, whose place is known: opening a ZipFile would list all members, and an open one cannot
    be shared by threads and processes. Others than deflate unpack to any size, whatever the directory says."""
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise zipfile.BadZipFile("packed in another way than deflate: pack it again")
    with archive.open("rb") as file:
        name, extra = struct.unpack_from("<HH", os.pread(file.fileno(), LOCAL_HEADER, info.header_offset), 26)
        start = info.header_offset + LOCAL_HEADER + name + extra
        data = os.pread(file.fileno(), info.compress_size, start)
    if info.compress_type == zipfile.ZIP_DEFLATED:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, info.file_size or 1)
    if zlib.crc32(data) != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.orig_filename!r}")
    return data


@lru_cache(maxsize=KEPT)
def members(archive: Path, size: int, mtime_ns: int) -> dict[str, Member]:
    """The regular files of an archive of this size and time, by name. OvtError if it is not an archive."""
    try:
        found = _in_zip(archive) if archive.suffix.lower() == ".zip" else _in_tar(archive)
        return dict(islice(found, MOST_MEMBERS))
    except OvtError as error:
        raise OvtError(f"{archive}: {error}") from None
    except _BROKEN as error:
        raise OvtError(f"{archive} is not a complete archive ({error}): download it again") from None


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
                vars(opened)["members"].clear()  # otherwise it keeps every header
                if info.isreg() and not info.issparse():
                    yield _normal(info.name), Member(info.offset_data, info.size)


@contextmanager
def _tar_of(archive: Path) -> Generator[IO[bytes]]:
    """A tar archive, opened; a compressed one is unpacked first."""
    if archive.suffix.lower() == ".tar":
        with archive.open("rb") as file:
            yield file
    else:
        yield _unpacked(*_state(archive))


@lru_cache(maxsize=16)
def _unpacked(archive: Path, size: int, mtime_ns: int) -> IO[bytes]:
    """The content of a .tar.gz, in a file that disappears with the process. OvtError for a bomb or a full disk."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - kept open, to be read from again
    with disk_errors(archive), open_text(archive) as packed:
        shutil.copyfileobj(packed, file, 2**20)
    return file


def _normal(name: str) -> str:
    return name.removeprefix("./").lstrip("/")


def tar_part(path: Path) -> Part:
    """A tar of samples: files with the same name up to the first dot. JSON gives columns, pictures the image,
    and any other text a column named by its suffix."""
    grouped: dict[str, Files] = {}
    for name, member in members(*_state(path)).items():
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
    """The samples among files with the same name up to the first dot: 22.05.png, 22.05.json, 22.06.png, 22.06.json are
    two, as both have the same suffixes after the last dot; 1.left.png, 1.right.png, 1.json are one."""
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
