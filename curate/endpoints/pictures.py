"""Images made smaller before they are sent, for endpoints with `max_pixels`: the same bytes for the same image."""

import io
import math
from collections import OrderedDict
from collections.abc import Callable

KEPT = 64  # images; the samples of a question and its retries follow each other


def shrinking(images: Callable[[str], bytes], max_pixels: int) -> Callable[[str], bytes]:
    """`images`, with those of more than `max_pixels` scaled down."""
    kept: OrderedDict[str, bytes] = OrderedDict()

    def shrunk(image: str) -> bytes:
        if image not in kept:
            kept[image] = shrink(images(image), max_pixels)
            if len(kept) > KEPT:
                kept.popitem(last=False)
        return kept[image]

    return shrunk


def shrink(image: bytes, max_pixels: int) -> bytes:
    """An image file scaled down to at most `max_pixels`, in its own format; unchanged if it is small enough, or cannot
    be read."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(image)) as opened:
            width, height, kind = opened.width, opened.height, opened.format or "PNG"
            if width * height <= max_pixels:
                return image
            scale = math.sqrt(max_pixels / (width * height))
            size = (max(1, int(width * scale)), max(1, int(height * scale)))
            smaller = opened.convert("RGB" if kind == "JPEG" else opened.mode).resize(size, Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError):
        return image
    file = io.BytesIO()
    smaller.save(file, kind, **({"quality": 95} if kind in ("JPEG", "WEBP") else {}))
    return file.getvalue()
