"""Images are encoded once while they are asked about, and what is kept is bounded."""

import pytest

from ovt.curate.endpoints import pictures
from ovt.curate.endpoints.chat import data_url
from ovt.curate.endpoints.pictures import Pictures


def test_an_image_is_read_once_for_all_that_is_asked_about_it() -> None:
    read = []

    def images(image: str) -> bytes:
        read.append(image)
        return image.encode()

    urls = Pictures(images)
    assert [urls(image) for image in "abab"] == [data_url(image.encode()) for image in "abab"]
    assert read == ["a", "b"]


def test_the_images_that_were_asked_for_last_are_kept_up_to_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    def images(image: str) -> bytes:
        read.append(image)
        return image.encode() * 300  # 400 in base64

    monkeypatch.setattr(pictures, "KEPT", 1000)
    urls = Pictures(images)
    for image in ["a", "b", "a", "c", "a", "b", "long" * 10, "long" * 10]:
        assert str(urls(image)) == str(data_url(images(image)))
        read.pop()
    assert read == ["a", "b", "c", "b", "long" * 10, "long" * 10]
