"""The looks of the images of a table of questions."""

from functools import partial

import polars as pl

from ovt.curate.home import Home
from ovt.curate.similar.looks import Looks, looks_of
from ovt.curate.sources.images import stored_image


def looks_in(questions: pl.DataFrame, home: Home) -> tuple[dict[str, int], Looks]:
    """(row of each image, by id; the looks, one row per image) of all images of QUESTIONS, in the order they come."""
    ids = questions["images"].explode().drop_nulls().unique(maintain_order=True).to_list()
    return {image_id: row for row, image_id in enumerate(ids)}, looks_of(ids, partial(stored_image, home))
