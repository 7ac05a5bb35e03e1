"""Images as they are sent: data URLs, scaled down where an endpoint has `max_pixels`; always the same bytes."""

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
    """A stored image, a PNG or a JPEG in RGB, scaled down to at most `max_pixels` in its own format; unchanged if it is
    small enough or cannot be read."""
    from PIL import Image

    from ovt.core.images import open_image

    try:
        opened = open_image(image, ("PNG", "JPEG"))
        scale = math.sqrt(max_pixels / (opened.width * opened.height))
        if scale >= 1:
            return image
        size = (max(1, int(opened.width * scale)), max(1, int(opened.height * scale)))
        smaller = opened.resize(size, Image.Resampling.LANCZOS)
    except (OSError, ValueError, SyntaxError):
        return image
    file = io.BytesIO()
    smaller.save(file, opened.format, **({"quality": 95} if opened.format == "JPEG" else {}))
    return file.getvalue()
