"""The only way an image file is opened: by its header, and only in an expected format and size.

Pillow has more than forty decoders, most of them for formats that no data set has and some that start other programs.
The six here are what browsers, cameras and scanners write.
"""

import io
import math
import re

from PIL import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")  # of files in these formats
_NAMED = re.compile(rf"(?:{'|'.join(map(re.escape, SUFFIXES))})$", re.IGNORECASE)


def names_image(text: str) -> bool:
    """Whether a text ends like the name of an image file."""
    return _NAMED.search(text) is not None


class TooLarge(ValueError):
    """An image with more pixels than will be decoded."""


def open_image(data: bytes, formats: tuple[str, ...] = FORMATS) -> Image.Image:
    """An image whose header has been read, but not its pixels.

    Raises TooLarge, and whatever Pillow raises for a broken file: OSError, SyntaxError, ValueError, and others.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
    except Image.DecompressionBombError as error:
        raise TooLarge(str(error)) from None
    if image.width * image.height > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise TooLarge(f"{image.width}×{image.height} pixels, a decompression bomb?")
    return image
