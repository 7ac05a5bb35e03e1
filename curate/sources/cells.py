"""Cells of any type as texts and as image bytes.

Paths come from data and are untrusted: they cannot leave their allowed folders. Nothing is fetched from the network
unless the source allows it.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from ovt.core.untrusted import parse_json
from ovt.curate.sources.archives import SUFFIXES, read_member
from ovt.curate.sources.faults import MAX_CELL, MAX_TEXT, Unfit, too_large
from ovt.curate.sources.remote import fetch

MAX_FILE_BYTES = 256 * 2**20
MAPPINGS = (dict, Mapping)  # nearly all are dicts; the check against Mapping is five times as slow
MAX_IMAGES = 256  # in one list; longer ones are pixels

# The base64 prefixes of JPEG, PNG, GIF, WebP, BMP and TIFF: what distinguishes it from a path.
_BASE64 = re.compile(r"(?:/9j/|iVBORw0KGgo|R0lGOD|UklGR|Qk[0-3]|SUkqA|TU0AK)[A-Za-z0-9+/=\s]{60,}")
_PRINTED = re.compile(r"\['([^\\]*)'\]")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,20}://")


def plain_text(cell: Any) -> str | None:
    """A cell as stripped text, None if it is empty (None, NaN, blank) or not a single value.

    Whole floats lose their ".0" (tables with empty cells turn integers into floats); dates are as in ISO 8601;
    characters that UTF-8 or Parquet cannot hold become "?". Raises Unfit("cell_too_large").
    """
    if isinstance(cell, str):
        if len(cell) > MAX_TEXT:
            raise Unfit("cell_too_large", f"a text of {len(cell):,} characters, at most {MAX_TEXT:,}")
        return cell.replace("\x00", "").encode("utf-8", "replace").decode().strip() or None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if cell != cell:
            return None
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, int | Decimal):
        return str(cell)
    if isinstance(cell, date):  # a datetime is one, too
        return cell.isoformat().removesuffix("T00:00:00")
    return None


def unpacked(cell: Any) -> Any:
    """The value of a text that is a JSON list or object; any other cell as it is."""
    if isinstance(cell, str) and len(cell) <= MAX_TEXT and cell.lstrip()[:1] in ("[", "{"):
        with suppress(ValueError):
            return parse_json(cell)
    return cell


def squeeze(text: str) -> str:
    """A text normalised for comparison: case and runs of white space do not matter."""
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class Places:
    """Where image files may be located.

    start    base folder of relative paths, None if only the image's bytes are given
    allowed  folders that no path may leave (symbolic links inside them are followed: the folder's owner made them)
    pattern  turns a value into a path, "images/{image}.png"
    remote   whether images given by a URL are fetched
    """

    start: Path | None
    allowed: tuple[Path, ...] = ()
    pattern: str | None = None
    remote: bool = False


@dataclass(frozen=True)
class Picture:
    """An image as found: its bytes or Pillow image, or None for a file that has not been read yet; and its file."""

    held: bytes | Image.Image | None
    path: Path | None = None

    @property
    def content(self) -> bytes | Image.Image:
        """The bytes or image held, else the file's bytes. Raises Unfit("unreadable_image")."""
        if self.held is not None or self.path is None:
            return self.held or b""
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise Unfit("unreadable_image", f"{self.path}: {error.strerror}") from None


def flatten(cells: Sequence[Any], depth: int = 3) -> list[Any]:
    """The image cells of a row in order: lists flattened (also a JSON list in a string), empty cells left out."""
    flat = []
    for cell in cells:
        if isinstance(cell, str):
            cell = _listed(cell)
        if isinstance(cell, (list, tuple)):
            flat += flatten(cell, depth - 1) if depth and len(cell) <= MAX_IMAGES else [cell]
        elif not _is_empty(cell):
            flat.append(cell)
    return flat


def _listed(text: str) -> Any:
    """The list in a text, in JSON or, of plain texts, as Python prints it (VLMEvalKit's tables); else the text."""
    if text.lstrip().startswith('["'):
        return unpacked(text)
    printed = _PRINTED.fullmatch(text.strip()) if text.lstrip().startswith("['") else None
    return re.split("' *, *'", printed[1]) if printed else text


def weight(cell: Any) -> int:
    """The bytes of an image cell, roughly."""
    if isinstance(cell, (bytes, str)):
        return len(cell)
    if isinstance(cell, Image.Image):
        return 4 * cell.width * cell.height
    return max(map(weight, cell.values()), default=0) if isinstance(cell, MAPPINGS) else 0


def _is_empty(cell: Any) -> bool:
    if isinstance(cell, str):
        return len(cell) <= MAX_TEXT and plain_text(cell) is None
    if isinstance(cell, MAPPINGS):
        return all(value is None for value in cell.values())
    return cell is None or cell == b"" or (isinstance(cell, float) and plain_text(cell) is None)


def read_picture(cell: Any, places: Places) -> Picture:
    """The image of one cell. Raises Unfit: missing_image, remote_image, image_outside_root, unreadable_image."""
    if isinstance(cell, (bytes, bytearray, str)) and len(cell) > 2 * MAX_CELL:
        raise too_large(len(cell))
    if isinstance(cell, (bytes, bytearray, Image.Image)):
        return Picture(bytes(cell) if isinstance(cell, bytearray) else cell)
    if isinstance(cell, MAPPINGS):
        inner = next((cell[key] for key in ("bytes", "path", "url", "image_url", "image") if cell.get(key)), None)
        if inner is None or isinstance(inner, Mapping):
            raise Unfit("unreadable_image", f"found {str(cell)[:80]!r}, expected bytes or a path")
        return read_picture(inner, replace(places, pattern=None) if places.pattern else places)
    if isinstance(cell, str) and (cell.startswith("data:") or _BASE64.match(cell)):
        return Picture(_decode(cell))
    text = plain_text(cell)
    if text is None:
        raise Unfit("unreadable_image", f"found {str(cell)[:80]!r}, expected bytes or a path")
    if places.pattern:
        text = places.pattern.replace("{image}", text)
    text = text.removeprefix("file://")
    if _URL.match(text):
        if places.remote:
            return Picture(fetch(text))
        raise Unfit("remote_image", f"{text[:200]}: not fetched; download it and give its path, or set fetch_images")
    path = locate(text, places)
    if "\\" in text and not os.path.exists(path):  # noqa: PTH110 - Path.exists raises where a name is too long
        path = locate(text.replace("\\", "/"), places)  # written on Windows
    return _read_file(path, text)


def _decode(text: str) -> bytes:
    if text.startswith("data:"):
        header, _, text = text.partition(",")
        if not header.endswith(";base64"):
            raise Unfit("unreadable_image", f"found {header[:80]!r}, expected a base64 data URL")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unfit("unreadable_image", f"not base64: {error}") from None


def locate(text: str, places: Places) -> Path:
    """The file that a path in the data refers to. Raises Unfit: image_outside_root, or missing_image if not a path."""
    if places.start is None and not os.path.isabs(text):  # noqa: PTH117 - a path that may not even be one
        raise Unfit("missing_image", f"{text[:200]}: a relative path, set image_root")
    if "\0" in text or len(text) > 4_000:
        raise Unfit("missing_image", f"{text[:200]!r} is no path")
    path = Path(os.path.normpath((places.start or Path()) / text))  # before symbolic links, so that ".." stays visible
    if not any(path.is_relative_to(folder) for folder in places.allowed):
        raise Unfit("image_outside_root", f"{text[:200]} leaves its source's folder: set image_root if that is meant")
    return path


def _read_file(path: Path, text: str) -> Picture:
    try:
        if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file raises where a name is too long
            return _read_in_archive(path, text)
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Unfit("unreadable_image", f"{text[:200]}: more than {MAX_FILE_BYTES // 2**20} MiB")
        return Picture(None, path)
    except OSError as error:
        raise Unfit("unreadable_image", f"{text[:200]}: {error.strerror}") from None


def _read_in_archive(path: Path, text: str) -> Picture:
    """A picture whose path leads into an archive: images.zip/a/0.png."""
    archive = next((one for one in path.parents if one.name.lower().endswith(SUFFIXES) and one.is_file()), None)
    content = read_member(archive, path.relative_to(archive).as_posix()) if archive else None
    if archive is None or content is None:
        raise MissingFile(archive or path, text, "" if archive else _archive_beside(path.parent))
    return Picture(content, archive)


@lru_cache(maxsize=1024)
def _archive_beside(folder: Path) -> str:
    """The name of an archive in a folder or the one above it."""
    for place in (folder, folder.parent):
        with suppress(OSError):
            found = sorted(one.name for one in place.iterdir() if one.name.lower().endswith(SUFFIXES))
            if found:
                return found[0]
    return ""


class MissingFile(Unfit):
    """A missing image file: it may appear later, so its path is remembered. `beside`: an archive that may hold it."""

    def __init__(self, path: Path, text: str, beside: str = "") -> None:
        hint = f", but {beside} is: unpack it, or set image_root to it" if beside else ""
        super().__init__("missing_image", f"{text[:200]} is not there{hint}")
        self.path = path
