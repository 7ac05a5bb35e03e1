"""An export format: plain JSON lines, one file per split, and the images beside them.

{"question": "Which ruler is shown?", "answer": "XIV", "images": ["images/1f/1f0c….png"], "response": "<think>…"}

ovt data export rulers out --to jsonl
"""

import json
from pathlib import Path

from ovt.curate.export.export import Exporter, Row, Written, keep_image, read_rows
from ovt.curate.versions.read import Version


def write(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """SPLIT.jsonl for each split, and images/. Paths in them start in the folder."""
    rows = dict.fromkeys(splits, 0)
    for split in splits:
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            for row in read_rows(version, split):
                file.write(json.dumps(line(row, folder), ensure_ascii=False) + "\n")
                rows[split] += 1
    return Written(rows, use=f"{place}/{splits[0]}.jsonl")


def line(row: Row, folder: Path) -> dict:
    """A row of the file; its images are written below the folder. Rows for RL have no response."""
    images = [keep_image(folder, image) for image in row.images]
    said = {} if row.completion is None else {"response": row.completion}
    return {"question": row.prompt, "answer": row.answer, "images": images, **said}


JSONL = Exporter(("sft", "rl"), write)
