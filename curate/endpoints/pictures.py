"""Images as they are sent: data URLs, of smaller images where an endpoint has `max_pixels`; always the same bytes."""

import io
import math
from collections import OrderedDict

from ovt.curate.endpoints.chat import DataUrl, ImageBytes, data_url

KEPT = 64 << 20  # bytes: the samples of a question, its stages and their retries ask about one image


class Pictures:
    """The data URLs of images by their ids; the latest ones are kept."""

    def __init__(self, images: ImageBytes, max_pixels: int | None = None) -> None:
        self._images = images
        self._max_pixels = max_pixels
        self._kept: OrderedDict[str, DataUrl] = OrderedDict()
        self._bytes = 0

    def __call__(self, image: str) -> DataUrl:
        if image in self._kept:
            self._kept.move_to_end(image)
            return self._kept[image]
        content = self._images(image)
        url = self._kept[image] = data_url(shrink(content, self._max_pixels) if self._max_pixels else content)
        self._bytes += len(url.content)
        while self._bytes > KEPT:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.content)
        return url


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
