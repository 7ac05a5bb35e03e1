"""For EasyR1 (and verl's VLM recipes): parquet with images, problem and answer, one file per split.

    data.train_files=OUT/rl.parquet data.prompt_key=problem data.answer_key=answer data.image_key=images

`problem` has an <image> for each image, and the version's own instruction: leave `data.format_prompt` empty.
https://github.com/hiyouga/EasyR1/blob/main/verl/utils/dataset.py
"""

import json
from itertools import islice
from pathlib import Path

import pyarrow as pa

from ovt.core.parquet import open_parquet
from ovt.curate.export.rows import BATCH_ROWS, Row, read_rows, tagged
from ovt.curate.export.writing import Written
from ovt.curate.versions.data import COLUMNS, feature
from ovt.curate.versions.read import Version

SPLITS = ("sft", "rl")
_TEXT = pa.string()
_KINDS = {"images": COLUMNS["images"], "problem": _TEXT, "answer": _TEXT, "question_id": _TEXT}
_NOTE = json.dumps({"info": {"features": {name: feature(kind) for name, kind in _KINDS.items()}}})
SCHEMA = pa.schema(_KINDS, metadata={"huggingface": _NOTE})


def write(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """SPLIT.parquet for each split."""
    rows = dict.fromkeys(splits, 0)
    for split in splits:
        source = read_rows(version, split)
        with open_parquet(folder / f"{split}.parquet", SCHEMA) as writer:
            while some := [problem(row) for row in islice(source, BATCH_ROWS)]:
                writer.write_table(pa.Table.from_pylist(some, SCHEMA))
                rows[split] += len(some)
    return Written(rows, f"data.train_files={place / f'{splits[-1]}.parquet'} data.prompt_key=problem")


def problem(row: Row) -> dict:
    """A row of the file."""
    return {
        "images": [{"bytes": image, "path": None} for image in row.images],
        "problem": tagged(row.prompt, len(row.images)),
        "answer": row.answer,
        "question_id": row.question_id,
    }
