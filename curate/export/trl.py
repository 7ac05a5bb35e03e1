"""For TRL: a folder that `load_dataset` and `trl sft --dataset_name` read, with only the columns that are trained on.

    sft  images, prompt, completion, question_id, sample_id      SFTTrainer, loss on the completion
    rl   images, prompt, answer, choices, question_id            GRPOTrainer; answer and choices go to the reward

https://huggingface.co/docs/trl/dataset_formats
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.parquet import open_parquet
from ovt.curate.export.rows import BATCH_ROWS
from ovt.curate.export.writing import Written
from ovt.curate.versions.data import COLUMNS, feature
from ovt.curate.versions.read import Version

SPLITS = ("sft", "rl")
KEPT = {
    "sft": ("images", "prompt", "completion", "question_id", "sample_id"),
    "rl": ("images", "prompt", "answer", "choices", "question_id"),
}


def write(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """SPLIT.parquet for each split, and a README.md that makes each a config with the split "train".

    It names the version, or `datasets` would give what it cached of another export into a folder of this name.
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
    """Some columns of a split's data as they are, in one file; gives the rows."""
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
