"""Cells of any type, read as texts, golds, conversations and images."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ovt.curate.sources.cells import (
    Places,
    flatten,
    locate,
    plain_text,
    read_picture,
)
from ovt.curate.sources.faults import Unfit


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (" 55° ", "55°"),
        ("007", "007"),
        (3, "3"),
        (3.0, "3"),
        (0.25, "0.25"),
        (True, "true"),
        (float("nan"), None),
        (float("inf"), "inf"),
        (None, None),
        ("  ", None),
        (b"bytes", None),
        ({"a": 1}, None),
        ("a\x00b", "ab"),
        ("lone \ud800", "lone ?"),
    ],
)
def test_cells_as_text(cell: Any, text: str | None) -> None:
    assert plain_text(cell) == text


def reason(cell: Any, places: Places) -> str:
    with pytest.raises(Unfit) as unfit:
        read_picture(cell, places)
    return unfit.value.reason


@pytest.fixture
def places(folder: Path) -> Places:
    return Places(folder, (folder,))


def test_every_shape_of_an_image(folder: Path, places: Places, picture) -> None:
    data = picture(1)
    text = base64.b64encode(data).decode()
    shapes = [
        data,
        bytearray(data),
        "1.png",
        "./sub/../1.png",
        str(folder / "1.png"),
        {"bytes": data, "path": "elsewhere.png"},
        {"bytes": None, "path": "1.png"},
        {"path": "1.png"},
        {"url": f"data:image/png;base64,{text}"},
        f"data:image/png;base64,{text}",
        text,
        text[:40] + "\n" + text[40:],
    ]
    for shape in shapes:
        assert read_picture(shape, places).content == data, shape
    pillow = Image.new("RGB", (2, 2))
    assert read_picture(pillow, places).content is pillow


def test_the_pattern_makes_a_path_of_a_value(folder: Path, picture) -> None:
    places = Places(folder, (folder,), "{image}.png")
    assert read_picture(3, places).content == picture(3)
    assert read_picture(3.0, places).content == picture(3)
    assert reason("../x", places) == "image_outside_root"
    assert reason("{image.__class__}", places) == "missing_image"


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("/etc/hostname", "image_outside_root"),
        ("../secret.png", "image_outside_root"),
        ("a/../../secret.png", "image_outside_root"),
        ({"path": "/etc/hostname", "bytes": None}, "image_outside_root"),
        ("https://example.org/a.png", "remote_image"),
        ("HTTP://example.org/a.png", "remote_image"),
        ("s3://bucket/a.png", "remote_image"),
        ("file:///etc/hostname", "image_outside_root"),
        ("file://localhost/etc/hostname", "missing_image"),
        ("file://../secret.png", "image_outside_root"),
        ({"url": "https://example.org/a.png"}, "remote_image"),
        ("nowhere.png", "missing_image"),
        ("a\0b.png", "missing_image"),
        ("x" * 5_000, "missing_image"),
        ("x" * 300 + ".png", "missing_image"),
        (".", "missing_image"),
        ("data:image/png,plain", "unreadable_image"),
        ("data:image/png;base64,@@@", "unreadable_image"),
        ([1, 2, 3], "unreadable_image"),
        ({"bytes": {"a": 1}}, "unreadable_image"),
        ({"width": 3}, "unreadable_image"),
    ],
)
def test_hostile_cells(places: Places, cell: Any, code: str) -> None:
    found = reason(cell, places)
    assert found == ("missing_image" if cell == "a\0b.png" else code)


def test_a_pipe_is_not_waited_for(folder: Path, places: Places) -> None:
    os.mkfifo(folder / "pipe.png")
    assert reason("pipe.png", places) == "missing_image"


def test_without_a_folder_there_are_no_relative_paths() -> None:
    assert reason("1.png", Places(None)) == "missing_image"
    assert reason("/etc/hostname", Places(None)) == "image_outside_root"


def test_lists_are_opened_and_empty_cells_left_out() -> None:
    assert flatten([["a.png", None], "b.png", "", float("nan"), b"", {"bytes": None, "path": None}]) == [
        "a.png",
        "b.png",
    ]
    assert flatten(['["a.png", "b.png"]']) == ["a.png", "b.png"]
    assert flatten(["['a.png', 'b.png']"]) == ["a.png", "b.png"]
    assert flatten(["['a.png"]) == ["['a.png"]
    assert flatten([None, []]) == []


def test_pixels_in_nested_lists_are_no_images(places: Places) -> None:
    pixels = [[[0, 0, 0]] * 4] * 300
    assert [reason(cell, places) for cell in flatten([pixels])] == ["unreadable_image"]


@given(st.text(max_size=60))
def test_no_path_leaves_its_folder(text: str) -> None:
    root = Path("/data/set")
    try:
        path = locate(text, Places(root, (root,)))
    except Unfit:
        return
    assert Path(os.path.normpath(path)).is_relative_to(root)
