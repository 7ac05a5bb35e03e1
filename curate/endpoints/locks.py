"""Numbers that one process at a time holds: record locks on the bytes of a file, which end with the process.

They stand for logs being written and for requests under way (`request_number`): two builds at once send each request
only once, and what a killed one held is free immediately. Nothing is written, and nothing times out.
"""

import fcntl
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from ovt.core.files import make_folder
from ovt.curate.endpoints.log import cannot

LOGS = 2**32  # numbers below it are logs


class Locks:
    """The claims of this process on the numbers of one file; `Locks.of(path)` is the same for all of its threads.

    Record locks belong to a process and end when it closes the file anywhere, so the file is opened once and for all.
    """

    _open: ClassVar[dict[Path, "Locks"]] = {}
    _opening: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666 & path.parent.stat().st_mode)
        self._held: set[int] = set()
        self._turn = threading.Lock()

    @classmethod
    def of(cls, path: Path) -> "Locks":
        """The claims on the numbers of the file at `path`, created if missing; OvtError if that fails."""
        with cls._opening:
            path = path.resolve()
            there = cls._open.get(path)
            try:
                if there is None or not there._is_at(path):
                    there = cls._open[path] = cls(path)
            except OSError as error:
                raise cannot("open", path, error) from error
        return there

    def take(self, number: int) -> bool:
        """Locks `number`, if neither another process nor anybody in this one holds it."""
        with self._turn:
            if number in self._held:
                return False
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except (BlockingIOError, PermissionError):
                return False
            except OSError as error:  # from a file system without locks
                raise cannot("lock", self.path, error) from error
            self._held.add(number)
            return True

    def release(self, numbers: Iterable[int]) -> None:
        """Gives claimed numbers back."""
        with self._turn:
            for number in numbers:
                self._held.discard(number)
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)

    def _is_at(self, path: Path) -> bool:
        """Whether the open file is still the one at `path`; a home may be removed and created again."""
        try:
            return os.path.samestat(os.fstat(self._file), path.stat())
        except FileNotFoundError:
            return False


def request_number(key: str) -> int:
    """The number of a request, from the key of its first sample: the same whatever the number of samples."""
    return LOGS + int(key[:15], 16)
