"""Images by content hash, with the type that their bytes have."""

import hashlib
import io
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import polars as pl
from PIL import Image

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.schema import SPLITS
from ovt.curate.sources.images import image_path
from ovt.curate.versions.read import Version, list_versions, scan

# What a browser may be shown, by its first bytes; anything else is not sent.
KINDS = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}
WIDEST = 1024  # of a small copy


@dataclass(frozen=True)
class Picture:
    content: bytes
    kind: str


def image(home: Home, image_id: str, width: int | None = None) -> Picture:
    """A stored image, or a copy of at most that width and height. OvtError if there is none, or it is not an image."""
    if not re.fullmatch(r"[0-9a-f]{64}", image_id):
        raise OvtError("an image is named by the sha256 of its bytes")
    return small(home, image_id, min(width, WIDEST)) if width else whole(home, image_id)


@lru_cache(maxsize=2_000)
def small(home: Home, image_id: str, width: int) -> Picture:
    found = whole(home, image_id)
    try:
        with Image.open(io.BytesIO(found.content), formats=("PNG", "JPEG")) as picture:
            if max(picture.size) <= width:
                return found
            picture.thumbnail((width, width))
            out = io.BytesIO()
            picture.convert("RGB").save(out, "WEBP", quality=80)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return found
    return Picture(out.getvalue(), "image/webp")


def whole(home: Home, image_id: str) -> Picture:
    path = image_path(home, image_id)
    content = path.read_bytes() if path.is_file() else _from_versions(home, image_id)
    if content is None:
        raise OvtError("no such image")
    for start, kind in KINDS.items():
        if content.startswith(start):
            return Picture(content, kind)
    raise OvtError("not a PNG or JPEG image")


def _from_versions(home: Home, image_id: str) -> bytes | None:
    """From the data of a version, as after a pull; only kept rows have their images there."""
    for version in list_versions(home)[0]:
        with suppress(OSError, pl.exceptions.PolarsError):  # damaged
            if (content := _from_version(version, image_id)) is not None:
                return content
    return None


def _from_version(version: Version, image_id: str) -> bytes | None:
    asked = scan(version, "questions").filter(pl.col("images").list.contains(image_id)).select("question_id").head(1)
    ids = asked.collect()["question_id"].to_list()
    for split in SPLITS if ids else ():
        rows = scan(version, split).filter(pl.col("question_id").is_in(ids)).select("images").head(1).collect()
        for found in rows["images"].to_list():
            for one in found:
                if hashlib.sha256(one["bytes"]).hexdigest() == image_id:
                    return one["bytes"]
    return None
