import hashlib
import io
import os
import struct
import threading
import zlib
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.sources import images
from ovt.curate.sources.faults import Unfit
from ovt.curate.sources.images import fit_image, fitting_size, image_bytes, image_path, store_image, to_rgb

BIG = 262_144


def decode(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def save(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def pixel(image: Image.Image, at: tuple[int, int]) -> tuple[int, ...]:
    return cast(tuple[int, ...], image.getpixel(at))


def near(one: tuple[int, ...], other: tuple[int, ...], by: int = 3) -> bool:
    return all(abs(a - b) <= by for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", ["PPM", "ICO", "JPEG2000", "TGA"])
def test_other_formats_only_where_they_are_asked_for(kind: str) -> None:
    data = save(Image.new("RGB", (16, 16), (200, 30, 30)), kind)
    with pytest.raises(Unfit) as unfit:
        fit_image(data, BIG)
    assert "not PNG, JPEG, WEBP, GIF, BMP, TIFF" in unfit.value.detail
    assert near(pixel(decode(fit_image(data, BIG, more=(kind,))), (8, 8)), (200, 30, 30), 6)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP"])
def test_every_format(kind: str) -> None:
    stored = fit_image(save(Image.new("RGB", (16, 16), (200, 30, 30)), kind), BIG)
    image = decode(stored)
    assert (image.mode, image.size) == ("RGB", (16, 16))
    assert image.format == ("JPEG" if kind == "JPEG" else "PNG")
    assert near(pixel(image, (8, 8)), (200, 30, 30), 6)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "LA", "I", "F", "I;16"])
def test_every_mode(mode: str) -> None:
    grey = Image.new("L", (10, 10), 255)
    source = Image.new(mode, (10, 10), 65_535) if mode == "I;16" else None
    source = source or (
        Image.new("LAB", (10, 10), (255, 128, 128)) if mode == "LAB" else grey.convert("RGB").convert(mode)
    )
    if mode == "I":
        source = source.point(lambda level: level * 257)
    kind = {"CMYK": "TIFF", "YCbCr": "TIFF", "LAB": "TIFF", "F": "TIFF", "LA": "PNG"}.get(mode)
    image = decode(fit_image(save(source, kind) if kind else source, BIG))
    assert image.mode == "RGB"
    assert near(pixel(image, (5, 5)), (255, 255, 255), 4)


def test_sixteen_bits_keep_their_greys() -> None:
    image = Image.new("I;16", (4, 4), 32_768)
    assert near(pixel(decode(fit_image(save(image), BIG)), (0, 0)), (127, 127, 127), 1)


def test_transparency_becomes_white() -> None:
    clear = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    palette = Image.new("P", (4, 4), 0)
    palette.putpalette([255, 0, 0])
    for data in (save(clear), save(palette, transparency=0), save(Image.new("RGB", (4, 4)), transparency=(0, 0, 0))):
        assert pixel(decode(fit_image(data, BIG)), (1, 1)) == (255, 255, 255)


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (6, 6), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "PNG", "WEBP"):
        data = save(frames[0], kind, save_all=True, append_images=frames[1:])
        image = decode(fit_image(data, BIG))
        assert getattr(image, "n_frames", 1) == 1
        assert near(pixel(image, (3, 3)), (255, 0, 0), 8)


def test_a_fitting_rgb_file_is_stored_byte_for_byte(picture) -> None:
    for data in (picture(3), picture(3, kind="JPEG")):
        assert fit_image(data, BIG) == data


def test_orientation_is_applied_and_metadata_left_behind() -> None:
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    exif[0x010E] = "taken at home"
    stored = fit_image(save(image, "JPEG", exif=exif, quality=95), BIG)
    upright = decode(stored)
    assert upright.size == (20, 40)
    assert near(pixel(upright, (10, 5)), (0, 0, 255), 12)
    assert b"taken at home" not in stored
    note = PngImagePlugin.PngInfo()
    note.add_itxt("XML:com.adobe.xmp", "<x>taken at home</x>")
    assert b"taken at home" not in fit_image(save(image, "PNG", pnginfo=note), BIG)


def test_a_text_chunk_stays_in_a_plain_picture() -> None:
    """Its bytes are its id, by which replies and benchmarks know it; SECURITY.md says what to do."""
    note = PngImagePlugin.PngInfo()
    note.add_text("Software", "a plotter")
    data = save(Image.new("RGB", (8, 8), "teal"), "PNG", pnginfo=note) + b"\n"
    assert fit_image(data, BIG) == data
    assert b"a plotter" not in fit_image(data, 16)


def test_large_images_are_scaled_down_and_small_ones_left() -> None:
    photo = decode(fit_image(save(Image.new("RGB", (1600, 900), "teal"), "JPEG"), BIG))
    assert photo.width * photo.height <= BIG
    assert photo.width / photo.height == pytest.approx(16 / 9, rel=0.01)
    assert decode(fit_image(save(Image.new("RGB", (5, 4))), BIG)).size == (5, 4)
    grown = decode(fit_image(save(Image.new("RGB", (5, 4))), BIG, 2_000))
    assert grown.width * grown.height >= 2_000


@given(st.integers(1, 30_000), st.integers(1, 30_000), st.integers(1, 500_000), st.integers(0, 500_000))
def test_sizes_keep_their_bounds(width: int, height: int, most: int, least: int) -> None:
    least = min(least, most)
    w, h = fitting_size((width, height), most, least)
    assert w >= 1
    assert h >= 1
    assert w * h <= most or (w, h) == (width, height)
    if width * height > most:
        assert w * h <= most
    if least <= width * height <= most:
        assert (w, h) == (width, height)


@pytest.mark.parametrize(
    "data",
    [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"],
)
def test_what_is_no_image(data: bytes) -> None:
    with pytest.raises(Unfit) as unfit:
        fit_image(data, BIG)
    assert unfit.value.reason == "unreadable_image"
    assert "0x" not in unfit.value.detail  # the same words on every run


def test_a_truncated_file_is_unreadable_even_where_it_would_fit(picture) -> None:
    for kind in ("PNG", "JPEG"):
        data = picture(1, size=(300, 300), kind=kind)
        with pytest.raises(Unfit):
            fit_image(data[: len(data) * 2 // 3], BIG)


@pytest.mark.filterwarnings("ignore:Image size")
def test_a_decompression_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = bytearray(save(Image.new("1", (8, 8))))
    bomb[16:24] = struct.pack(">II", 40_000, 40_000)
    bomb[29:33] = struct.pack(">I", zlib.crc32(bomb[12:29]))
    with pytest.raises(Unfit) as unfit:
        fit_image(bytes(bomb), BIG)
    assert unfit.value.reason == "unreadable_image"
    assert "ecompression" in unfit.value.detail


def test_a_file_padded_with_data_is_not_kept_as_it_is(picture) -> None:
    assert len(fit_image(picture(1) + b"\0" * 1_000_000, BIG)) < 1_000


def test_images_are_stored_once_by_content(home: Home, picture) -> None:
    first = store_image(home, picture(1), BIG)
    assert store_image(home, picture(1), BIG) == first
    assert store_image(home, picture(2), BIG) != first
    assert image_bytes(home, first) == picture(1)
    assert hashlib.sha256(image_bytes(home, first)).hexdigest() == first
    assert sorted(path.name for path in home.images.rglob("*") if path.is_file())[0][0] != "."
    assert len([path for path in home.images.rglob("*") if path.is_file()]) == 2


def test_many_at_once_store_one_file(home: Home, picture) -> None:
    threads = [threading.Thread(target=store_image, args=(home, picture(5), BIG)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([path for path in home.images.rglob("*") if path.is_file()]) == 1


def test_an_image_that_is_not_there(home: Home) -> None:
    with pytest.raises(OvtError, match="build again"):
        image_bytes(home, "0" * 64)
    with pytest.raises(OvtError, match="not a sha256"):
        image_path(home, "../../etc/passwd")


def test_a_full_disk_is_one_line(tmp_path: Path, picture) -> None:
    (tmp_path / "images").write_text("a file where the folder should be")
    with pytest.raises(OvtError, match="cannot write"):
        store_image(Home(tmp_path), picture(1), BIG)


@pytest.mark.parametrize(("top", "white"), [(4095, True), (255, True), (65_535, True), (40_000, False)])
def test_16_bits_may_hold_8_or_12(top: int, white: bool) -> None:
    image = Image.new("I;16", (8, 8), 0)
    image.putpixel((3, 3), top)
    found = to_rgb(image)
    assert found.getpixel((0, 0)) == (0, 0, 0)
    assert (found.getpixel((3, 3)) == (255, 255, 255)) == white


def test_a_picture_is_decoded_once(load, jsonl, monkeypatch) -> None:
    seen = []
    fit = images.fit_image
    monkeypatch.setattr(images, "fit_image", lambda content, **limits: seen.append(content) or fit(content, **limits))
    rows = [{"question": f"{n}?", "answer": "1", "image": f"{n % 3}.png"} for n in range(200)]
    made = load(jsonl(rows))
    assert len(made.questions) == 200
    assert len(seen) <= 3 * (os.cpu_count() or 1)  # two threads may begin the same picture
    assert made.questions["images"].list.first().n_unique() == 3
