"""Images: any mode of six formats (and of others that a source names), normalised to an RGB PNG or JPEG, stored once
by content.

A plain RGB PNG or JPEG that fits is stored unchanged; none with EXIF, XMP, IPTC or a comment is plain, as these may
reveal where a photo was taken. Others are rotated upright, flattened on white, converted to RGB and scaled, and stored
as JPEG if they came as JPEG, else as PNG, without any metadata. What else a plain file carries (a PNG's text chunks,
bytes behind the end) stays in it: without, it would be another image, and all replies about it would be asked again.
"""

import hashlib
import io
import math
import os
import re
from collections.abc import Callable
from contextlib import nullcontext
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, cast

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from ovt.core.errors import OvtError
from ovt.core.files import disk_errors, write_file
from ovt.core.home import Home
from ovt.core.images import FORMATS, TooLarge, open_image
from ovt.curate.sources.cells import Picture
from ovt.curate.sources.faults import Unfit

LARGE = 16_000_000  # pixels; such an image needs up to 24 bytes for each, so one is decoded at a time
GREY = (127, 127, 127)
REMEMBERED = 100_000  # pictures of a source, 200 bytes each
STRIP = 1024  # rows of pixels flattened at once

_large = Lock()
_METADATA = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif", "photoshop", "comment")


def image_path(home: Home, image_id: str) -> Path:
    """The path of a stored image: images/ab/abcdef…, named by the sha256 of the stored bytes."""
    if not re.fullmatch(r"[0-9a-f]{64}", image_id):
        raise OvtError(f"image id {image_id[:80]!r} is not a sha256 in hex")
    return home.images / image_id[:2] / image_id


def image_bytes(home: Home, image_id: str) -> bytes:
    """The stored bytes of an image, a PNG or a JPEG in RGB."""
    path = image_path(home, image_id)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise OvtError(f"image {image_id[:12]}… is not in {home.images}: build again to import it") from None


def stored_image(home: Home, image_id: str) -> Image.Image:
    """A stored image, decoded. Raises OvtError if it is missing or unreadable."""
    return decoded(image_bytes(home, image_id), image_path(home, image_id))


def decoded(content: bytes, place: Path | str) -> Image.Image:
    """The image of stored bytes, which are at `place`. OvtError if they are not one."""
    try:
        return open_image(content, ("PNG", "JPEG")).convert("RGB")
    except Exception as error:  # noqa: BLE001 - Pillow raises a dozen kinds of errors for broken files
        raise OvtError(f"image {place} is broken ({_explain(error)}): remove it, then build again") from None


def blank_image(home: Home, image_id: str) -> str:
    """The id of a grey picture of the same size as a stored image, stored like any."""
    with Image.open(image_path(home, image_id), formats=("PNG", "JPEG")) as picture:
        return keep_image(home, _grey(picture.size))


@lru_cache(maxsize=64)
def _grey(size: tuple[int, int]) -> bytes:
    return png(Image.new("RGB", size, GREY))


def png(picture: Image.Image) -> bytes:
    """A picture as the bytes of a PNG."""
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=4)
    return out.getvalue()


def store_image(
    home: Home, content: bytes | Image.Image, max_pixels: int, min_pixels: int = 0, more: tuple[str, ...] = ()
) -> str:
    """Normalises an image, stores it under `home.images` and returns its id; safe if two processes store the same one.

    more: formats beyond the six, by Pillow's names. Raises Unfit("unreadable_image").
    """
    return keep_image(home, fit_image(content, max_pixels, min_pixels, more))


class Storing:
    """`fit_image` for the pictures of a source: a repeated one is neither decoded nor kept again.

    keep: stores bytes and returns their id; readings: gets "levels" for a 16-bit picture that was read as a 12-bit
    one.
    """

    def __init__(self, keep: Callable[[bytes], str], limits: dict[str, Any], readings: set[str]) -> None:
        self._keep, self._limits, self._readings = keep, limits, readings
        self._known: dict[Any, str] = {}  # by content, and by file

    def __call__(self, picture: Picture) -> str:
        if picture.held is None and picture.path is not None:
            about = picture.path.stat()
            key: Any = (picture.path, about.st_size, about.st_mtime_ns)
            return self._known.get(key) or self._remember(key, self._by_content(picture.content))
        return self._by_content(picture.content)

    def _by_content(self, content: bytes | Image.Image) -> str:
        if not isinstance(content, bytes):
            return self._store(content)
        key = hashlib.sha256(content).digest()
        if (found := self._known.get(key)) is not None:
            return found
        if content[24:26] == b"\x10\0" and content[:4] == b"\x89PNG" and _is_of_12_bits(content):
            self._readings.add("levels")
        return self._remember(key, self._store(content))

    def _store(self, content: bytes | Image.Image) -> str:
        return self._keep(fit_image(content, **self._limits))

    def _remember(self, key: Any, image_id: str) -> str:
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        return self._known.setdefault(key, image_id)


def _is_of_12_bits(png: bytes) -> bool:
    try:
        return _highest(open_image(png)) <= 4095
    except Exception:  # noqa: BLE001 - Pillow raises a dozen kinds of errors; storing it says which
        return False


def _highest(image: Image.Image) -> int:
    """The highest level of a picture of 16 bits."""
    return int(cast(tuple[float, float], image.convert("I").getextrema())[1])


def keep_image(home: Home, data: bytes) -> str:
    """Stores a normalised image under `home.images` unchanged and returns its id."""
    image_id = id_of(data)
    path = image_path(home, image_id)
    if not os.path.exists(path):  # noqa: PTH110 - twice as fast as Path.exists
        with disk_errors(path.parent):
            home.make()
            write_file(path, data, durable=False)
    return image_id


def id_of(data: bytes) -> str:
    """The id of a normalised image."""
    return hashlib.sha256(data).hexdigest()


def fit_image(content: bytes | Image.Image, max_pixels: int, min_pixels: int = 0, more: tuple[str, ...] = ()) -> bytes:
    """An image as the bytes to store: deterministic, with at most `max_pixels`.

    Smaller images are scaled up to `min_pixels` if that is above 0. Raises Unfit("unreadable_image").
    """
    try:
        image = open_image(content, FORMATS + more) if isinstance(content, bytes) else content
        size = fitting_size(image.size, max_pixels, min_pixels)
        if size == image.size and isinstance(content, bytes) and is_plain(image, content):
            image.load()
            return content
        source = image.format
        image.draft(None, size)  # a JPEG decodes faster at half or a quarter of its size
        with _large if image.width * image.height > LARGE else nullcontext():
            image = to_rgb(upright(image) if isinstance(content, bytes) else ImageOps.exif_transpose(image))
        size = fitting_size(image.size, max_pixels, min_pixels)
        return encode(image if size == image.size else image.resize(size, Image.Resampling.LANCZOS), source)
    except TooLarge as error:
        raise Unfit("unreadable_image", str(error)) from None
    except Exception as error:  # noqa: BLE001 - Pillow raises a dozen kinds of errors for broken files
        raise Unfit("unreadable_image", _explain(error)) from None


def upright(image: Image.Image) -> Image.Image:
    """The image itself, turned as its camera says: a copy would take as much memory again."""
    ImageOps.exif_transpose(image, in_place=True)
    return image


def _explain(error: Exception) -> str:
    """An error message that is the same on every run: Pillow's own contains a buffer address."""
    if isinstance(error, UnidentifiedImageError):
        return f"not {', '.join(FORMATS)} (others are named in image_formats)"
    return re.sub(r" at 0x[0-9a-f]+", "", f"{type(error).__name__}: {error}")[:200]


def is_plain(image: Image.Image, data: bytes) -> bool:
    """Whether a file can be stored unchanged: a still RGB PNG or JPEG without metadata of cameras, or much padding."""
    return (
        image.format in ("PNG", "JPEG")
        and image.mode == "RGB"
        and getattr(image, "n_frames", 1) == 1
        and "transparency" not in image.info
        and len(data) <= 4 * image.width * image.height + 65_536
        and not image.getexif()
        and not any(key in image.info for key in _METADATA)
    )


def fitting_size(size: tuple[int, int], max_pixels: int, min_pixels: int) -> tuple[int, int]:
    """(width, height) of the same shape with at most `max_pixels`, and at least `min_pixels` if possible."""
    width, height = size
    pixels = width * height
    if pixels > max_pixels:
        scale = math.sqrt(max_pixels / pixels)
        width = max(1, int(width * scale))
        height = max(1, min(int(height * scale), max_pixels // width))
        return min(width, max_pixels // height), height
    if pixels < min_pixels:
        scale = math.sqrt(min_pixels / pixels)
        grown = math.ceil(width * scale), math.ceil(height * scale)
        return grown if grown[0] * grown[1] <= max_pixels else (int(width * scale), int(height * scale))
    return size


def to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB: transparency on white, high bit depths scaled down, L*a*b* through its colour profile.

    Of 16 bits, scanners and microscopes use 8, 12 or all; a picture with no level above 4,095 has 12.
    """
    if image.mode.startswith("I;16"):
        top = next(end for end in (255, 4095, 65_535) if _highest(image) <= end)
        return image.convert("I").point(lambda level: level * (255 / top)).convert("L").convert("RGB")
    if image.mode in ("I", "F"):
        return _levels_to_rgb(image)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.buildTransform(lab, srgb, "LAB", "RGB").apply(image)
    if image.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        return _on_white(image.convert("LA") if image.mode == "La" else image)
    return image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    """Strip by strip: five whole copies of a large image would take gigabytes."""
    flat = Image.new("RGB", image.size)
    for top in range(0, image.height, STRIP):
        strip = image.crop((0, top, image.width, min(top + STRIP, image.height))).convert("RGBA")
        flat.paste(Image.alpha_composite(Image.new("RGBA", strip.size, "white"), strip), (0, top))
    return flat


def _levels_to_rgb(image: Image.Image) -> Image.Image:
    """Levels of an unknown range: 0-1, 0-255 or 0-65,535 if they fit, else from the lowest to the highest."""
    low, high = cast(tuple[float, float], image.getextrema())
    ends = (1, 255, 65_535) if image.mode == "F" else (255, 65_535)
    bottom = min(low, 0)
    top = high if low < 0 else next((end for end in ends if high <= end), high)
    scale = 255 / ((top - bottom) or 1)
    return image.point(lambda level: level * scale - bottom * scale).convert("L").convert("RGB")


def encode(image: Image.Image, source: str | None) -> bytes:
    """A JPEG if it came as one (a photo as PNG is several times larger), else a PNG."""
    image.info.clear()
    if source not in ("JPEG", "MPO"):
        return png(image)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()
