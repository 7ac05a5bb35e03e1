"""For LLaMA-Factory: ShareGPT-style JSON with OpenAI's roles, image files, and the dataset_info.json that names them.

    dataset_dir: OUT
    dataset: pocket_sft

Image paths start in the folder, which LLaMA-Factory takes as media_dir unless told otherwise. Every <image> stands for
one image; it refuses rows where their numbers differ. https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md
"""

import json
from pathlib import Path

from ovt.curate.export.rows import Row, keep_image, read_rows, tagged, untagged
from ovt.curate.export.writing import Written
from ovt.curate.versions.read import Version

SPLITS = ("sft",)
TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}


def write(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """sft.json (a list, one row a line), images/ and dataset_info.json."""
    rows = 0
    with (folder / "sft.json").open("w", encoding="utf-8") as file:
        file.write("[\n")
        for row in read_rows(version, "sft"):
            file.write((",\n" if rows else "") + json.dumps(conversation(row, folder), ensure_ascii=False))
            rows += 1
        file.write("\n]\n")
    name = f"{version.manifest.name}_sft"
    columns = {"messages": "messages", "images": "images"}
    info = {name: {"file_name": "sft.json", "formatting": "sharegpt", "columns": columns, "tags": TAGS}}
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2) + "\n", encoding="utf-8")
    return Written({"sft": rows}, f"dataset_dir: {place}, dataset: {name}")


def conversation(row: Row, folder: Path) -> dict:
    """A row of the file; its images are written below the folder."""
    return {
        "messages": [
            {"role": "user", "content": tagged(row.prompt, len(row.images))},
            {"role": "assistant", "content": untagged(row.completion or "")},
        ],
        "images": [keep_image(folder, image) for image in row.images],
        "question_id": row.question_id,
        "sample_id": row.sample_id,
    }
