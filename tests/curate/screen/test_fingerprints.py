"""What images look like."""

import io
import re
import sys
import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from ovt.core.engine import HERE
from ovt.core.errors import OvtError
from ovt.curate.screen import fingerprints
from ovt.curate.screen import fingerprints as looks
from ovt.curate.screen.fingerprints import Nearness


def row(image: Image.Image) -> np.ndarray:
    return np.frombuffer(looks.look(image), np.uint8)


def as_stored(image: Image.Image) -> tuple[str, bytes]:
    out = io.BytesIO()
    image.convert("RGB").save(out, "PNG")
    return "images/ab", out.getvalue()


def test_a_look_has_its_size_in_any_mode(figures):
    for mode in ("RGB", "L", "RGBA", "P"):
        assert len(looks.look(figures[0].convert(mode))) == looks.LOOK_BYTES


def test_different_figures_look_different(figures):
    hashes = [row(image) for image in figures]
    for (one, first), (other, second) in combinations(zip(figures, hashes, strict=True), 2):
        assert looks.are_near(first, second, Nearness()) == (one.tobytes() == other.tobytes())


@pytest.mark.parametrize("size", [(224, 224), (84, 84)])
def test_scaled_figures_look_the_same(figures, size):
    hits = [
        looks.are_near(row(image), row(image.resize(size, Image.Resampling.LANCZOS)), Nearness()) for image in figures
    ]
    assert np.mean(hits) >= 0.9


def test_recompressed_figures_look_the_same(figures, jpeg):
    hits = [looks.are_near(row(image), row(jpeg(image, 90)), Nearness()) for image in figures]
    assert np.mean(hits) >= 0.8


def test_a_red_and_a_blue_circle_look_different():
    shapes = []
    for colour in ("red", "blue"):
        image = Image.new("RGB", (64, 64), "white")
        ImageDraw.Draw(image).ellipse((20, 20, 44, 44), fill=colour)
        shapes.append(row(image))
    bits, colours = looks.distances(*shapes)
    assert bits <= Nearness().max_bits  # the hash alone is colour-blind
    assert colours > Nearness().max_colour


def test_looks_of_stored_images_in_order(figures):
    for engine in (None, HERE):
        table = looks.looks_of(map(as_stored, figures), engine)
        assert [bytes(one) for one in table] == [looks.look(image) for image in figures]
    assert looks.looks_of([]).shape == (0, looks.LOOK_BYTES)


def test_a_broken_image_is_named(figures):
    with pytest.raises(OvtError, match=r"^image images/aa is broken"):
        looks.looks_of([as_stored(figures[0]), ("images/aa", b"no image")])


def test_without_imagehash_one_line_says_what_to_install(figures, monkeypatch):
    monkeypatch.setitem(sys.modules, "imagehash", None)
    looks.phash.cache_clear()
    with pytest.raises(OvtError, match=r"needs imagehash, which is not installed; pip install 'ovt\[similar\]'$"):
        looks.looks_of([as_stored(figures[0])])
    assert looks.looks_of([]).shape == (0, looks.LOOK_BYTES)


def test_nearest_is_the_nearest_that_looks_the_same():
    known = np.zeros((3, looks.LOOK_BYTES), np.uint8)
    known[0, 0] = 0b1111  # four bits from the image
    known[1, 0] = 0b11
    known[2, looks.SHAPE_BYTES] = 99  # no bit, but a colour
    rows, bits = looks.nearest(np.zeros((1, looks.LOOK_BYTES), np.uint8), known, Nearness())
    assert (rows.tolist(), bits.tolist()) == ([1], [2])
    none, _ = looks.nearest(known[:1], known[2:], Nearness(max_bits=0))
    assert none.tolist() == [-1]
    assert looks.nearest(known[:1], known[:0], Nearness())[0].tolist() == [-1]


# Texts.


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  How MANY bars\nare there? ", "how many bars are there"),
        ("<image> What is it, then?<image 2>", "what is it then"),
        ("Is x = 3.5 + 1,000?", "is x = 3.5 + 1,000"),
        ("Find ∠ABC.", "find ∠abc"),
        ("“Quoted” — so!", "quoted so"),
        ("ｆｕｌｌ ｗｉｄｔｈ", "full width"),
        ("5 - 3", "5 3"),
        ("-3 °C", "-3 °c"),
        ("?!…", ""),
    ],
)
def test_plain_keeps_words_numbers_and_signs(text, plain):
    assert fingerprints.plain(text) == plain


@given(st.text(max_size=200) | st.text("-_.,:5a <", max_size=12))
@example("-_")
@example("-.5")
def test_plain_is_plain_already(text):
    assert fingerprints.plain(fingerprints.plain(text)) == fingerprints.plain(text)


@given(st.text(max_size=50) | st.text("_-.ab <", max_size=12))
def test_only_underscores_inside_words_stay(text):
    """`_+(?!\\w)` anywhere would match the same, in quadratic time."""
    slow = re.compile(fingerprints._APART.pattern.replace("(?<!_)", ""))
    assert slow.sub(" ", text) == fingerprints._APART.sub(" ", text)


def test_a_hostile_text_takes_linear_time():
    started = time.thread_time()
    for text in ("a" + "_" * 300_000 + "b", "-" * 300_000 + "b", "1." * 150_000):
        fingerprints.particulars(fingerprints.plain(text))
    assert time.thread_time() - started < 5  # quadratic time would be hours


@pytest.mark.parametrize(
    "other",
    ["What is AB if AC = 5 and BC = 8?", "What is AC if AC = 5 and BC = 7?", "What is not AB if AC = 5 and BC = 7?"],
)
def test_numbers_labels_and_denials_are_particular(other):
    assert fingerprints.particulars("What is AB if AC = 5 and BC = 7?") != fingerprints.particulars(other)


def test_grams_are_runs_of_13_words():
    words = [f"w{number}" for number in range(15)]
    assert len(list(fingerprints.grams(" ".join(words)))) == 3
    assert list(fingerprints.grams(" ".join(words[:12]))) == []
    assert next(fingerprints.grams(" ".join(words))) == next(fingerprints.grams(" ".join(words[:13])))


def test_hashes_are_the_same_on_every_machine():
    assert fingerprints.text_hash("how many bars are there").hex() == "a4ce44806351b851"


@given(st.text(max_size=60), st.text(max_size=60))
def test_screenity_is_symmetric_and_one_for_the_same(first, second):
    one, other = fingerprints.shingles(first), fingerprints.shingles(second)
    assert fingerprints.similarity(one, other) == fingerprints.similarity(other, one) <= 1
    assert fingerprints.similarity(one, one) == 1
