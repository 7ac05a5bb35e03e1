"""Images: any mode or format that Pillow reads, as a fitting RGB PNG or JPEG, stored once by content."""

import re
from pathlib import Path

from ovt.curate.errors import OvtError
from ovt.curate.home import Home


def image_path(home: Home, image_id: str) -> Path:
    """Where an image is kept: images/ab/abcdef…, named by the sha256 of the stored bytes."""
    if not re.fullmatch(r"[0-9a-f]{64}", image_id):
        raise OvtError(f"image id {image_id[:80]!r} is not a sha256 in hex")
    return home.images / image_id[:2] / image_id


def image_bytes(home: Home, image_id: str) -> bytes:
    """The stored bytes of an image, a PNG or a JPEG in RGB."""
    path = image_path(home, image_id)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise OvtError(f"image {image_id[:12]}… is not in {home.images}: build again to import it anew") from None
