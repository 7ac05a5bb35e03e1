"""Rows set aside to evaluate on while training: by image, so that none is seen on both sides."""

import hashlib
from typing import TYPE_CHECKING

from ovt.core.errors import RecipeError

if TYPE_CHECKING:
    from datasets import Dataset


def set_aside(dataset: "Dataset", size: float, seed: int) -> tuple[list[int], list[int]]:
    """Row indexes (to train on, to evaluate on), each in order. Rows that share an image stay together.

    size   a share of the rows below 1, a number of rows from 1 on, 0 for none; whole groups are taken, in the order
           of a hash of seed and images, until there are as many
    """
    wanted = round(size * len(dataset)) if size < 1 else int(size)
    if wanted <= 0:
        return list(range(len(dataset))), []
    groups = group_by_image(dataset)
    order = sorted(groups, key=lambda group: hashlib.sha256(f"{seed}/{group}".encode()).digest())
    chosen: list[int] = []
    for group in order:
        if len(chosen) >= wanted:
            break
        chosen.extend(groups[group])
    if len(chosen) >= len(dataset):
        raise RecipeError(
            f"eval_size = {size:g} leaves nothing to train on ({len(dataset)} rows, {len(groups)} groups of images): "
            "lower it"
        )
    aside = set(chosen)
    return [index for index in range(len(dataset)) if index not in aside], sorted(aside)


def group_by_image(dataset: "Dataset") -> dict[str, list[int]]:
    """Row indexes by a name of the images that tie them together (the smallest hash of the images of the group)."""
    images = [image_hashes(row) for row in stored_images(dataset)]
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for first, *others in images:
        for other in others:
            one, two = sorted((find(first), find(other)))
            parent[two] = one
    groups: dict[str, list[int]] = {}
    for index, (first, *_) in enumerate(images):
        groups.setdefault(find(first), []).append(index)
    return groups


def stored_images(dataset: "Dataset") -> "Dataset":
    """The image column as bytes, undecoded."""
    from datasets import Image, List

    return dataset.select_columns(["images"]).cast_column("images", List(Image(decode=False)))


def image_hashes(row: dict) -> list[str]:
    """The hashes of a row's image files."""
    return [hashlib.sha256(image["bytes"]).hexdigest() for image in row["images"]]
