"""For OpenAI's fine-tuning (and servers that take its files): JSON lines with the images inside, as data URLs.

Limits as documented: JPEG, PNG or WebP in RGB or RGBA (other images are encoded anew as PNG), 10 MB an image, 10 images
a row, 50,000 rows with images. Rows beyond them are left out and counted. The lines hold nothing but `messages`; which
row a line came from is on the same line of sft.ids.jsonl. https://platform.openai.com/docs/guides/vision-fine-tuning
"""

import base64
import io
import json
from collections import Counter
from pathlib import Path

from PIL import Image

from ovt.curate.export.rows import Row, read_rows
from ovt.curate.export.writing import Written
from ovt.curate.versions.read import Version

SPLITS = ("sft",)
FEWEST_ROWS = 10
MOST_ROWS = 50_000
MOST_IMAGES = 10
MOST_BYTES = 10 * 10**6
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def write(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """sft.jsonl and sft.ids.jsonl."""
    rows, left_out = 0, Counter[str]()
    with (folder / "sft.jsonl").open("w") as file, (folder / "sft.ids.jsonl").open("w") as ids:
        for row in read_rows(version, "sft"):
            images = [fit(image) for image in row.images]
            if reason := unfit(images, rows):
                left_out[reason] += 1
                continue
            file.write(json.dumps({"messages": messages(row, images)}) + "\n")
            ids.write(json.dumps({"question_id": row.question_id, "sample_id": row.sample_id}) + "\n")
            rows += 1
    few = f" (it refuses files with less than {FEWEST_ROWS} rows)" if rows < FEWEST_ROWS else ""
    return Written(
        {"sft": rows}, f'files.create(file=open("{place}/sft.jsonl", "rb"), purpose="fine-tune"){few}', left_out
    )


def fit(data: bytes) -> tuple[str, bytes]:
    """(media type, bytes) of an image in a format and mode that is taken."""
    with Image.open(io.BytesIO(data)) as image:
        if image.format in TYPES and image.mode in ("RGB", "RGBA"):
            return TYPES[image.format], data
        out = io.BytesIO()
        image.convert("RGBA" if "transparency" in image.info or image.mode in ("LA", "PA") else "RGB").save(out, "PNG")
    return "image/png", out.getvalue()


def unfit(images: list[tuple[str, bytes]], rows: int) -> str | None:
    """Why a row with these images, after so many others, is left out; None where it is not."""
    if len(images) > MOST_IMAGES:
        return f"more than {MOST_IMAGES} images"
    if any(len(data) > MOST_BYTES for _, data in images):
        return f"an image of more than {MOST_BYTES // 10**6} MB"
    return f"more than {MOST_ROWS:,} rows" if rows >= MOST_ROWS else None


def messages(row: Row, images: list[tuple[str, bytes]]) -> list[dict]:
    """The turns of a row; only the user's may hold images."""
    urls = [f"data:{kind};base64,{base64.b64encode(data).decode()}" for kind, data in images]
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [
        {"role": "user", "content": [*parts, {"type": "text", "text": row.prompt}]},
        {"role": "assistant", "content": row.completion or ""},
    ]
