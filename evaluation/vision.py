"""Does the model look? The same questions with the picture taken away, swapped or distorted.

    real      as they are
    blank     a grey picture of the same size
    shuffled  another question's picture: the next one in an order fixed by the pictures themselves
    noised    most of each pixel replaced by noise, fixed by the picture

The question ids stay, so an evaluation of one is compared with another question by question.
"""

from collections.abc import Callable

import numpy as np
import polars as pl
from PIL import Image

from ovt.core.errors import RecipeError
from ovt.core.home import Home
from ovt.core.text import did_you_mean
from ovt.curate.sources.images import blank_image, keep_image, png, stored_image

NOISE = 0.85  # the share of noise in each pixel


def image_modes(text: str) -> list[str]:
    """The modes in "real,blank". RecipeError with the nearest known one."""
    modes = [mode.strip() for mode in text.split(",")]
    for mode in modes:
        if mode not in MODES:
            hint = did_you_mean(mode, MODES, f"choose one of {', '.join(MODES)}")
            raise RecipeError(f"--images {mode[:40]!r} is not a known mode; {hint}")
    return modes


def altered(questions: pl.DataFrame, mode: str, home: Home) -> pl.DataFrame:
    """QUESTIONS with other pictures, stored like any."""
    ids = questions["images"].explode().drop_nulls().unique().sort().to_list()
    replacement = MODES[mode](home, ids)
    images = [[replacement[image] for image in found] for found in questions["images"].to_list()]
    return questions.with_columns(images=pl.Series(images, dtype=pl.List(pl.String)))


def _real(home: Home, ids: list[str]) -> dict[str, str]:
    return {image: image for image in ids}


def _shuffled(home: Home, ids: list[str]) -> dict[str, str]:
    if len(ids) < 2:
        raise RecipeError("--images shuffled needs at least two different pictures: take more questions")
    return dict(zip(ids, [*ids[1:], ids[0]], strict=True))


def _blank(home: Home, ids: list[str]) -> dict[str, str]:
    return {image: blank_image(home, image) for image in ids}


def _noised(home: Home, ids: list[str]) -> dict[str, str]:
    return {image: keep_image(home, png(_with_noise(stored_image(home, image), image))) for image in ids}


def _with_noise(picture: Image.Image, image: str) -> Image.Image:
    random = np.random.default_rng(int(image[:16], 16))
    seen = np.asarray(picture, dtype=np.float32)
    noise = random.integers(0, 256, seen.shape).astype(np.float32)
    return Image.fromarray((seen * (1 - NOISE) + noise * NOISE).astype(np.uint8))


MODES: dict[str, Callable[[Home, list[str]], dict[str, str]]] = {
    "real": _real,
    "blank": _blank,
    "shuffled": _shuffled,
    "noised": _noised,
}
