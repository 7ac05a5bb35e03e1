"""Images that a version holds in its rows and its home has lost, or never had, as where it was pulled from the Hub."""

import pyarrow.parquet as pq

from ovt.curate.home import Home
from ovt.curate.sources.images import image_path, keep_image
from ovt.curate.versions.read import Version, scan


def restore_images(version: Version, home: Home) -> int:
    """Puts the images of the version's rows into the home where one of its questions' images is missing there; how many
    were put back. An image that only a dropped question has is nowhere in a version."""
    wanted = scan(version, "questions").select("images").explode("images").unique().collect()["images"].drop_nulls()
    missing = {image_id for image_id in wanted if not image_path(home, image_id).exists()}
    if not missing:
        return 0
    files = sorted(path for path in (version.path / "data").glob("*.parquet"))
    before = len(missing)
    for path in files:
        for batch in pq.ParquetFile(path).iter_batches(64, columns=["images"]):
            for images in batch.column("images").to_pylist():
                missing -= {keep_image(home, image["bytes"]) for image in images}
    return before - len(missing)
