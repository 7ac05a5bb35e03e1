"""Formats that are parquet files with the images inside: TRL, EasyR1.

**TRL**: a folder that `load_dataset` and `trl sft --dataset_name` read, with only the trained columns.

    sft  images, prompt, completion, question_id, sample_id      SFTTrainer, loss on the completion
    rl   images, prompt, answer, choices, question_id            GRPOTrainer; answer and choices go to the reward

https://huggingface.co/docs/trl/dataset_formats

**EasyR1** (and verl's VLM recipes): parquet with images, problem and answer, one file per split.

    data.train_files=OUT/rl.parquet data.prompt_key=problem data.answer_key=answer data.image_key=images

`problem` has an <image> per image, and the version's own instruction: leave `data.format_prompt` empty.
https://github.com/hiyouga/EasyR1/blob/main/verl/utils/dataset.py
"""

import json
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.parquet import open_parquet
from ovt.curate.export.export import BATCH_ROWS, Exporter, Row, Written, read_rows, tagged
from ovt.curate.versions.data import COLUMNS, feature
from ovt.curate.versions.read import Version

KEPT = {
    "sft": ("images", "prompt", "completion", "question_id", "sample_id"),
    "rl": ("images", "prompt", "answer", "choices", "question_id"),
}


def write_trl(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """SPLIT.parquet for each split, and a README.md that makes each a config with the split "train".

    It names the version; otherwise `datasets` would return its cached copy of another export in a folder of this name.
    """
    rows = {split: copy_columns(version, split, KEPT[split], folder / f"{split}.parquet") for split in splits}
    configs = "".join(
        f"- config_name: {split}\n  description: {version.manifest.hash_ref}\n"
        f"  data_files:\n  - split: train\n    path: {split}.parquet\n"
        for split in splits
    )
    (folder / "README.md").write_text(f"---\nconfigs:\n{configs}---\n", encoding="utf-8")
    return Written(rows, f'load_dataset("{place}", "{splits[0]}", split="train")')


def copy_columns(version: Version, split: str, columns: tuple[str, ...], path: Path) -> int:
    """Some columns of a split's data unchanged, in one file; returns the rows."""
    note = json.dumps({"info": {"features": {name: feature(COLUMNS[name]) for name in columns}}})
    schema = pa.schema({name: COLUMNS[name] for name in columns}, metadata={"huggingface": note})
    rows = 0
    with open_parquet(path, schema) as writer:
        for source in sorted((version.path / "data").glob(f"{split}-*.parquet")):
            with pq.ParquetFile(source) as file:
                for batch in file.iter_batches(batch_size=4 * BATCH_ROWS, columns=list(columns)):
                    writer.write_table(pa.Table.from_batches([batch]).select(columns).cast(schema))
                    rows += batch.num_rows
    return rows


_TEXT = pa.string()
_KINDS = {"images": COLUMNS["images"], "problem": _TEXT, "answer": _TEXT, "question_id": _TEXT}
_NOTE = json.dumps({"info": {"features": {name: feature(kind) for name, kind in _KINDS.items()}}})
SCHEMA = pa.schema(_KINDS, metadata={"huggingface": _NOTE})


def write_easyr1(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
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


TRL = Exporter(("sft", "rl"), write_trl)
EASYR1 = Exporter(("sft", "rl"), write_easyr1)
