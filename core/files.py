"""Locks on files that end with the process that holds them: what a killed build left can be told from a live one."""

import fcntl
import os
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".lock"


def take_lock(path: Path) -> int:
    """Locks a file (made if need be), waiting for it: the open descriptor; closing it unlocks, as does our end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def try_lock(path: Path) -> int | None:
    """As `take_lock`, but None at once where another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Holds a folder's lock for the length of the block."""
    descriptor = take_lock(folder / LOCK)
    try:
        yield
    finally:
        os.close(descriptor)


def make_locked_folder(parent: Path, prefix: str) -> tuple[Path, int]:
    """A new folder PREFIX1, PREFIX2, … in `parent`, and the descriptor of its lock. Removes those that nobody holds."""
    with locked(parent):
        for left in parent.glob(f"{prefix}*"):
            remove_unheld(left)
        number = next(number for number in range(1, 10**6) if not (parent / f"{prefix}{number}").exists())
        folder = parent / f"{prefix}{number}"
        folder.mkdir()
        return folder, take_lock(folder / LOCK)


def remove_unheld(folder: Path) -> None:
    """Removes a folder unless somebody holds its lock."""
    descriptor = try_lock(folder / LOCK)
    if descriptor is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
