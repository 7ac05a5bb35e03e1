"""Images that a version holds in its rows and its home has lost, or never had, as where it was pulled from the Hub."""

import pyarrow.parquet as pq

from ovt.core.home import Home
from ovt.curate.sources.images import image_path, keep_image
from ovt.curate.versions.read import Version, scan


def restore_images(version: Version, home: Home) -> None:
    """Puts the images of the version's rows into the home where one of its questions' images is missing there; one that
    only a dropped question has is nowhere in a version."""
    wanted = scan(version, "questions").select("images").explode("images").unique().collect()["images"].drop_nulls()
    if all(image_path(home, image_id).exists() for image_id in wanted):
        return
    for path in sorted((version.path / "data").glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(64, columns=["images"]):
                for images in batch.column("images").to_pylist():
                    for image in images:
                        keep_image(home, image["bytes"])
