"""Pictures and tables of questions."""

import io
from collections.abc import Callable

import polars as pl
import pytest
from PIL import Image

from ovt.core.home import Home
from ovt.core.schema import QUESTIONS
from ovt.curate.sources.images import store_image
from ovt.pocket import figures as pocket


@pytest.fixture(scope="session")
def figures() -> list[Image.Image]:
    """Pocket's figures, a few of each family."""
    return [pocket.draw(family, seed).image.convert("RGB") for family in pocket.FAMILIES for seed in range(4)]


@pytest.fixture
def jpeg() -> Callable[[Image.Image, int], Image.Image]:
    """An image as a JPEG of some quality brings it back."""

    def recompress(image: Image.Image, quality: int) -> Image.Image:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality, subsampling=0)
        return Image.open(out).convert("RGB")

    return recompress


@pytest.fixture
def ask(home: Home) -> Callable[..., pl.DataFrame]:
    """QUESTIONS of (images, question, gold, choices?) rows; their ids count up, their images are in the home."""

    def table(*rows: tuple) -> pl.DataFrame:
        records = []
        for number, (images, question, gold, *choices) in enumerate(rows):
            shown = images if isinstance(images, list) else [images]
            stored = [store_image(home, image, 262_144) for image in shown]
            records.append(
                (f"{number:016x}", stored, question, gold, choices[0] if choices else None, "s", str(number))
            )
        return pl.DataFrame(records, QUESTIONS, orient="row")

    return table
