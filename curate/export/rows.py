"""What every format is made of: a version's rows one by one, image files named by their content, and texts made safe.

The texts and images are other people's. No text becomes part of a path: an image's file is its sha256 and its kind.
"""

import hashlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

from ovt.core.files import write_file
from ovt.curate.versions.read import Version

BATCH_ROWS = 64
COLUMNS = ["images", "prompt", "completion", "answer", "choices", "question_id", "sample_id"]
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}
# Words that trainers replace by an image, a video or a sound wherever they stand.
TAGS = re.compile(r"<(image|video|audio)>")


@dataclass(frozen=True)
class Row:
    """A kept row: image bytes in order, the texts of both turns; completion and sample_id are None in rl."""

    question_id: str
    sample_id: str | None
    images: tuple[bytes, ...]
    prompt: str
    completion: str | None
    answer: str
    choices: tuple[str, ...] | None


def read_rows(version: Version, split: str) -> Iterator[Row]:
    """The rows of a split in their order, a few at a time in memory."""
    for path in sorted((version.path / "data").glob(f"{split}-*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=COLUMNS):
                yield from map(_row, batch.to_pylist())


def _row(row: dict) -> Row:
    return Row(
        question_id=row["question_id"],
        sample_id=row["sample_id"],
        images=tuple(image["bytes"] for image in row["images"]),
        prompt=row["prompt"][0]["content"],
        completion=row["completion"][0]["content"] if row["completion"] else None,
        answer=row["answer"],
        choices=None if row["choices"] is None else tuple(row["choices"]),
    )


def tagged(prompt: str, images: int) -> str:
    """A prompt with an <image> for each image before its text, and none in it."""
    return "<image>" * images + untagged(prompt)


def untagged(text: str) -> str:
    """A text in which no trainer finds a tag: "<image>" becomes "[image]"."""
    return TAGS.sub(r"[\1]", text)


def suffix(data: bytes) -> str:
    """The file suffix of an image, by its bytes."""
    with Image.open(io.BytesIO(data)) as image:
        return SUFFIXES.get(image.format or "", ".img")


def keep_image(folder: Path, data: bytes) -> str:
    """Writes an image once below folder/images/ and gives its path there: images/1f/1f0c2d3e….png."""
    name = hashlib.sha256(data).hexdigest()
    path = folder / "images" / name[:2] / (name + suffix(data))
    if not path.exists():
        write_file(path, data, durable=False)  # the folder is seen on disk as a whole
    return path.relative_to(folder).as_posix()
