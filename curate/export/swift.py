"""For ms-swift: JSON lines with messages and image paths; rows for RL have no response, and the gold as `solution`.

    swift sft --dataset OUT/sft.jsonl           swift rlhf --rlhf_type grpo --dataset OUT/rl.jsonl

Image paths are absolute, as ms-swift advises: export again after moving the folder. GRPO hands all other columns to the
reward. https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html
"""

import json
from pathlib import Path

from ovt.curate.export.rows import Row, keep_image, read_rows, tagged, untagged
from ovt.curate.export.writing import Written
from ovt.curate.versions.read import Version

SPLITS = ("sft", "rl")


def write(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """SPLIT.jsonl for each split, and images/."""
    rows = dict.fromkeys(splits, 0)
    for split in splits:
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as file:
            for row in read_rows(version, split):
                file.write(json.dumps(line(row, folder, place), ensure_ascii=False) + "\n")
                rows[split] += 1
    return Written(rows, f"--dataset {place / f'{splits[0]}.jsonl'}")


def line(row: Row, folder: Path, place: Path) -> dict:
    """A row of the file; its images are written below `folder`, which will be at `place`."""
    turns = [{"role": "user", "content": tagged(row.prompt, len(row.images))}]
    turns += [{"role": "assistant", "content": untagged(row.completion)}] if row.completion is not None else []
    images = [str(place / keep_image(folder, image)) for image in row.images]
    ids = {"question_id": row.question_id, "sample_id": row.sample_id}
    return {"messages": turns, "images": images} | ({} if row.sample_id else {"solution": row.answer}) | ids
