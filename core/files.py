"""Atomic files and folders (complete or absent), and locks that are released when their process ends.

    write_json(path, record)                        readers see the old file or the new one, never half of one
    with new_folder(place) as folder: …             a folder appears under its name once the block has succeeded
    with locked(folder): …                          one process at a time; a killed process holds no lock

Work in progress lies beside its target until it is complete and synced, since a crash may come at any moment:

    .NAME.KEY.part          the file or folder in progress
    .NAME.KEY.part.lock     held by the process that writes it; without a holder, both are left over from a killed one
    .NAME.KEY.part.old      what is being replaced, for the moment between two renames

Nothing is more open than the folder that it is written to: in a home, which is its owner's alone, so are the files.

The next writer of NAME removes leftovers of killed writers and restores anything they were about to replace.
"""

import fcntl
import json
import os
import re
import shutil
import stat
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError

LOCK = ".lock"  # in a folder that outlives its writers: a run, a loop, the versions of a name


def find_folder(text: str) -> Path | None:
    """The folder that a text names, `~` being the home of its user; None if there is none, and for a text that cannot
    be a path: it is too long, or there is no such user."""
    try:
        path = Path(text).expanduser()
        return path if path.is_dir() else None
    except (OSError, RuntimeError):
        return None


def write_file(path: Path, content: str | bytes, durable: bool = True) -> None:
    """Writes a whole file (text as UTF-8), replacing an older one; creates missing parent folders.

    durable: whether it is on disk when this returns. False skips the sync and the cleanup of leftovers; it suits
    many files that can be recreated: a power cut may leave an empty one.
    """
    data = content.encode() if isinstance(content, str) else content
    if durable:
        with replacing(path) as part:
            part.write_bytes(data)
        return
    part = _name_part(path)
    limit = _mode_of(path.parent) & 0o666
    try:
        with open(part, "wb", opener=lambda name, flags: os.open(name, flags, limit)) as file:
            file.write(data)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _mode_of(folder: Path) -> int:
    """The permissions of a folder, which is made if it is missing."""
    try:
        return os.stat(folder).st_mode  # noqa: PTH116 - for each of a hundred thousand files
    except FileNotFoundError:
        return make_folder(folder).stat().st_mode


def write_json(path: Path, value: Any) -> None:
    """Writes a value as indented JSON, like `write_file`."""
    write_file(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A path to write a file to; it replaces `path` if the block succeeds and is removed otherwise."""
    make_folder(path.parent)
    with _part(path) as part:
        yield part
        close_like_parent(part)
        sync(part)
        part.replace(path)
        _sync_one(path.parent)


@contextmanager
def new_folder(place: Path, key: str = "", busy: str | None = None) -> Generator[Path]:
    """A folder to fill; it replaces `place` when the block succeeds.

    With a `key` (without dots), leftovers of a failed or killed writer with the same key can be resumed, and the folder
    stays if this block fails. busy: the OvtError message if another process is writing with that key; None waits
    for it.
    """
    with staging(place, key, busy) as part:
        yield part
        put_folder(part, place)


@contextmanager
def staging(place: Path, key: str = "", busy: str | None = None) -> Generator[Path]:
    """Like `new_folder`, for callers that move it into place themselves: leftovers are removed at the end."""
    make_folder(place.parent)
    with _part(place, key, busy) as part:
        make_folder(part)
        yield part


def put_folder(part: Path, place: Path) -> None:
    """Syncs a folder to disk and renames it into place; an older folder there is removed.

    If two processes do so at once, the last one wins.
    """
    for inside in sorted(part.rglob("*")):
        close_like_parent(inside)
    sync(part)
    old = _old_of(part)
    while True:
        if place.exists():
            place.rename(old)
        try:
            part.rename(place)
        except OSError:
            if not place.exists():
                raise
            _remove(old)  # another process was faster: replace its folder
        else:
            break
    _sync_one(place.parent)
    _remove(old)


def make_folder(path: Path) -> Path:
    """Creates a folder, and those above it, each no more open than the one that holds it."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        close_like_parent(path)
    return path


def close_like_parent(path: Path) -> None:
    """Removes the permissions of a file or folder that its parent folder does not have."""
    mode, limit = path.lstat().st_mode, path.parent.stat().st_mode
    if mode & ~limit & 0o777 & ~0o100 and not stat.S_ISLNK(mode):
        path.chmod(mode & 0o7777 & (limit | ~0o777))


@contextmanager
def as_open_as(folder: Path) -> Generator[None]:
    """Makes whatever this process creates in the block no more open than a folder: for libraries that write there."""
    before = os.umask(0o077)
    os.umask(before | (~folder.stat().st_mode & 0o777))
    try:
        yield
    finally:
        os.umask(before)


def sync(path: Path) -> None:
    """Syncs a file, or a folder with its content, to disk: a full disk fails here, not after the rename."""
    for inside in sorted(path.rglob("*")) if path.is_dir() else ():
        _sync_one(inside)
    _sync_one(path)


@contextmanager
def locked(folder: Path, busy: str | None = None) -> Generator[None]:
    """Holds a folder's lock for the duration of the block.

    busy: the OvtError message if another process holds it; None waits until it is free.
    """
    with _hold(folder / LOCK, busy):
        yield


def is_locked(folder: Path) -> bool:
    """Whether any process holds a folder's lock now."""
    return _is_held(folder / LOCK)


@contextmanager
def disk_errors(place: Path) -> Generator[None]:
    """A full disk, a quota or missing permissions, as a one-line error instead of a traceback."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise OvtError(
            f"cannot write {error.filename or place} ({reason}): free some space or fix the folder's permissions, then "
            "run the same command again; every reply is kept"
        ) from error


@contextmanager
def _part(place: Path, key: str = "", busy: str | None = None) -> Generator[Path]:
    """A path beside `place` that this process alone writes to; what is still there at the end is removed, unless it has
    a key and there was an error."""
    part = _name_part(place, key)
    for left in place.parent.glob(f".{escape(place.name)}.*.part*"):
        if found := re.fullmatch(rf"(\.{re.escape(place.name)}\.[^.]+\.part)(?:\.lock|\.old)?", left.name):
            _clean_up(left.with_name(found[1]), place, keep=part)
    lock = _lock_of(part)
    with _hold(lock, busy):
        try:
            yield part
        except BaseException:
            if not key or (part.is_dir() and not any(part.iterdir())):  # an empty folder is nothing to resume from
                _remove(part)
            raise
        else:
            _remove(part)
        finally:
            lock.unlink(missing_ok=True)


def _clean_up(part: Path, place: Path, keep: Path) -> None:
    """Removes what a killed writer left, and restores what it was about to replace; leaves live writers alone."""
    with suppress(_Busy), _hold(_lock_of(part), ""):
        old = _old_of(part)
        if old.exists() and not place.exists():
            old.rename(place)
        _remove(old)
        if part != keep:
            _remove(part)
        _lock_of(part).unlink(missing_ok=True)


@contextmanager
def _hold(lock: Path, busy: str | None) -> Generator[None]:
    """Holds a lock file; with `busy`, raises if another process has it."""
    from filelock import FileLock, Timeout  # a tenth of a second to import, and most commands write nothing

    held = FileLock(lock, mode=0o644 & lock.parent.stat().st_mode, thread_local=False, poll_interval=0.02)
    try:
        held.acquire(blocking=busy is None)
    except Timeout:
        raise _Busy(busy or "") from None
    try:
        yield
    finally:
        held.release()


class _Busy(OvtError):
    """Another process holds the lock."""


def leftovers(folder: Path) -> Iterator[Path]:
    """What killed writers left in a folder and no process is writing to now."""
    for part in sorted(folder.glob(".*.part")):
        with suppress(_Busy), _hold(_lock_of(part), ""):
            yield part


def is_written_to(folder: Path) -> bool:
    """Whether any process is writing to something in a folder now."""
    return any(map(_is_held, folder.glob(".*.part.lock")))


def _name_part(place: Path, key: str = "") -> Path:
    return place.with_name(f".{place.name}.{key or uuid.uuid4().hex[:12]}.part")


def _is_held(lock: Path) -> bool:
    """Whether any process holds a lock file. It is only read: the home may be somebody else's."""
    try:
        descriptor = os.open(lock, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:  # where a file system knows no flock, a lock is a file that exists
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.lock")


def _old_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.old")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _sync_one(path: Path) -> None:
    """A file's bytes, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
