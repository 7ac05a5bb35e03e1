"""One file of the reply store, appended to by one process at a time: a reply or a failure per line, as JSON.

    ["9f2c…","<think> The bar …","stop",200,180,0.0004,2.1,"http://127.0.0.1:8000/v1","m"]
    ["77aa…",null,null,0,0,null,0.0,"http://127.0.0.1:8000/v1","m","HTTP 500: out of luck"]

A line is handed to the operating system in one call, so what was added survives a kill; if one was cut short (a full
disk, a power cut), only that line is lost, since a line without its end does not count.
"""

import errno
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from ovt.core.errors import OvtError
from ovt.curate.endpoints.chat import Reply

KEY_AT = slice(2, 66)  # of a line: the hex digits of its key
TEXT_AT = slice(68, 72)  # where a failure has "null", and a reply a quotation mark
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Log:
    """A log that is open for appending; the caller holds its lock. Whatever follows its last whole line is removed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666 & path.parent.stat().st_mode)
        self.size = whole_lines(self._file)
        os.ftruncate(self._file, self.size)

    def add(self, lines: bytes) -> int:
        """Adds whole lines; returns where they begin. OvtError if they cannot be written; then none of them is kept."""
        start, left = self.size, lines
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            os.ftruncate(self._file, start)
            raise cannot("write", self.path, error) from error
        self.size += len(lines)
        return start

    def sync(self) -> None:
        """Waits until everything added has reached the disk itself."""
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def whole_lines(file: int) -> int:
    """The size of a file in bytes, up to and including its last line end."""
    size = os.fstat(file).st_size
    while size:
        piece = os.pread(file, min(size, 1 << 16), max(0, size - (1 << 16)))
        if (end := piece.rfind(b"\n")) >= 0:
            return size - len(piece) + end + 1
        size -= len(piece)
    return 0


def write_line(key: str, reply: Reply) -> bytes:
    """The line of a reply or a failure."""
    rest = (reply.finish_reason, reply.prompt_tokens, reply.completion_tokens, reply.cost_usd, reply.latency_s)
    if reply.error is not None:
        return to_line(key, None, *rest, reply.url, reply.model, reply.error)
    return to_line(key, reply.text, *rest, reply.url, reply.model)


def to_line(*values: str | float | None) -> bytes:
    return encode(values).encode("utf-8", "surrogatepass") + b"\n"


def read_line(line: bytes) -> tuple[str, Reply] | None:
    """(key, reply or failure) of a line; None for one that is damaged."""
    try:
        key, *values = json.loads(line)
        return key, Reply(*values)
    except (ValueError, TypeError):
        return None


def entries(path: Path, start: int) -> Iterator[tuple[bytes, int, int, bool]]:
    """(half of its key, its start and end, whether it is a failure) of each whole line; no key for a damaged one."""
    with path.open("rb", buffering=1 << 20) as file:
        file.seek(start)
        for line in file:
            if not line.endswith(b"\n"):
                return  # being written, or cut short
            end = start + len(line)
            yield half_key(line), start, end, line[TEXT_AT] == b"null"
            start = end


def half_key(line: bytes) -> bytes:
    """The first half of a line's key; b"" if the line is damaged."""
    try:
        half = bytes.fromhex(line[KEY_AT].decode())[:16]
    except ValueError:
        return b""
    return half if line.startswith(b'["') and len(half) == 16 else b""


def lines_at(path: Path, starts: Iterable[int]) -> Iterator[bytes]:
    """The lines that begin at `starts`, in ascending order."""
    with path.open("rb", buffering=1 << 16) as file:
        for start in sorted(starts):
            file.seek(start)
            yield file.readline()


def cannot(do: str, path: Path, error: Exception) -> OvtError:
    """The error for a file of the store that cannot be used."""
    return OvtError(f"cannot {do} {path}: {getattr(error, 'strerror', None) or error}; {remedy(error)}")


def remedy(error: Exception) -> str:
    """How to fix a store that cannot be opened or written."""
    text = str(error)
    if getattr(error, "errno", None) in FULL or "full" in text or "I/O" in text:
        return "free some space on its disk and run the same command again; nothing that was stored is lost"
    if "locked" in text:
        return "another process has held it for a minute: wait for it to finish, or use another --home"
    if "not a database" in text or "malformed" in text:
        return "it is damaged or not written by ovt: move it away, or use another --home"
    return "check the folder and its permissions, or use another --home"
