"""Files, JSON and TOML that others made, read within limits: a hostile one is an error, never a hang or a traceback."""

import json
import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError

DEEPEST = 64  # levels of lists and objects; real data sets have fewer than ten
MOST_TOML = 2**20  # characters; the longest shipped recipe has 4,000
LARGEST = 64 * 2**20  # bytes of a JSON file other than data: a manifest, a record, a model's configuration


class NotRegular(OvtError):
    """A path that is a named pipe, a device or a socket: opening one would wait forever, or act on hardware."""


def read_bytes(path: Path, most: int = LARGEST) -> bytes:
    """The bytes of a regular file.

    Raises OSError as `open` does, NotRegular for anything that is not a file, and OvtError above `most` bytes.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:  # noqa: PTH123 - of a descriptor: what was checked is what is read
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            raise IsADirectoryError(21, "Is a directory", str(path))
        if not stat.S_ISREG(about.st_mode):
            raise NotRegular(f"{path} is not a regular file: remove it, or give another folder")
        content = file.read(most + 1)
    if len(content) > most:
        raise OvtError(f"{path} is larger than {most // 2**20} MiB, too large for such a file: restore or remove it")
    return content


def read_json(path: Path, most: int = LARGEST) -> Any:
    """The value of a JSON file; raises as `read_bytes` and `parse_json` do."""
    return parse_json(read_bytes(path, most))


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; ValueError if it is not JSON, or is nested more than DEEPEST levels."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    brackets = text.count(b"[") + text.count(b"{") if isinstance(text, bytes) else text.count("[") + text.count("{")
    if brackets > DEEPEST and is_deep(value):
        raise ValueError(_TOO_DEEP)
    return value


def parse_toml(text: str) -> dict[str, Any]:
    """The tree of a TOML text; ValueError (a TOMLDecodeError, or our own) if it is not TOML, or nested too deeply."""
    if len(text) > MOST_TOML or _MANY_PARTS.search(text):
        raise ValueError(f"longer than {MOST_TOML:,} characters, or with a key of more than {DEEPEST} parts")
    try:
        tree = tomllib.loads(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if is_deep(tree):
        raise ValueError(_TOO_DEEP)
    return tree


def is_deep(value: Any) -> bool:
    """Whether lists and dicts are nested more than DEEPEST levels."""
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()


# tomllib takes two seconds for a key of ten thousand parts, and minutes for one of a hundred thousand.
_PART = r"""(?:"[^"\n]*"|'[^'\n]*'|[\w-]+)[ \t]*\.[ \t]*"""
_MANY_PARTS = re.compile(rf"(?:^|[{{,\[])[ \t]*(?:{_PART}){{{DEEPEST}}}", re.MULTILINE)
_TOO_DEEP = f"nested more than {DEEPEST} levels deep"


def is_file_name(name: Any) -> bool:
    """Whether a name in a file that others made can only be that of something in its folder."""
    return isinstance(name, str) and name not in ("", "..") and "\0" not in name and Path(name).name == name


def refuse_odd_files(folder: Path, depth: int = 1) -> None:
    """Raises NotRegular naming anything in a folder, and this many levels below it, that is neither a file nor a
    folder: symbolic links, pipes, devices, sockets."""
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            if depth:
                refuse_odd_files(Path(entry.path), depth - 1)
        elif not entry.is_file(follow_symlinks=False):
            kind = "a symbolic link" if entry.is_symlink() else "not a regular file"
            raise NotRegular(f"{entry.path} is {kind}, which ovt never writes: remove it, or replace it with a copy")
