"""`max_pixels` in each family's own terms."""

from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from ovt.train.pixels import limit_pixels, most_pixels, shrunk


def limited(most: int, **images: Any) -> Any:
    processor = SimpleNamespace(image_processor=SimpleNamespace(**images))
    limit_pixels(processor, most)
    return processor


@pytest.mark.parametrize(("most", "longest"), [(262_144, 364), (600_000, 728), (1, 364), (10**9, 1456)])
def test_tiles_of_idefics_are_whole_and_never_more(most, longest):
    made = limited(most, size={"longest_edge": 1456}, max_image_size={"longest_edge": 364})
    assert made.image_processor.size == {"longest_edge": longest}
    assert longest**2 <= max(most, 364**2)


@pytest.mark.parametrize(("most", "tiles"), [(262_144, 1), (448 * 448 * 4, 4), (1, 1), (10**9, 12)])
def test_tiles_of_internvl_are_counted(most, tiles):
    made = limited(most, size={"height": 448, "width": 448}, min_patches=1, max_patches=12)
    assert made.image_processor.max_patches == tiles


def test_the_others_scale_images_down_first():
    for images in (
        {"size": {"longest_edge": 1540}},
        {"size": {"height": 384, "width": 384}, "image_grid_pinpoints": [[1, 1]]},
    ):
        assert most_pixels(limited(5000, **images)) == 5000
    assert most_pixels(limited(5000, size={"height": 896, "width": 896})) is None
    small = shrunk(Image.new("RGB", (200, 100)), 5000)
    assert (small.width, small.height) == (100, 50)
    picture = Image.new("RGB", (70, 70))
    assert shrunk(picture, 5000) is picture
    assert shrunk(picture, None) is picture
