"""A right response against a wrong one, for preference training: each kept row of sft, and the shortest chain to its
question that the verifier found wrong, in the same format. Questions without both are left out and counted.

**TRL** (`trl-dpo`): train.parquet with images, prompt, chosen, rejected: DPOTrainer reads it as it is.
**TRL** (`trl-kto`): train.parquet with images, prompt, completion, label: the same responses, each by itself.
https://huggingface.co/docs/trl/dataset_formats

**LLaMA-Factory** (`llamafactory-dpo`): dpo.json with "ranking" in its dataset_info.json, for `stage: dpo`.
https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from ovt.core.errors import OvtError
from ovt.core.files import write_json
from ovt.core.parquet import open_parquet
from ovt.curate.export.chosen import Chosen
from ovt.curate.export.export import BATCH_ROWS, Exporter, Row, Written, keep_image, read_rows, tagged, untagged
from ovt.curate.export.formats import TAGS, write_list
from ovt.curate.filters.format import rewrite
from ovt.curate.versions.data import COLUMNS, schema_of
from ovt.curate.versions.read import Version, scan

UNPAIRED = "no wrong chain to set against it"
_TURNS, _TEXT = COLUMNS["prompt"], pa.string()
_IDS = {"question_id": _TEXT, "sample_id": _TEXT}
DPO_COLUMNS = {"images": COLUMNS["images"], "prompt": _TURNS, "chosen": _TURNS, "rejected": _TURNS, **_IDS}
KTO_COLUMNS = {"images": COLUMNS["images"], "prompt": _TURNS, "completion": _TURNS, "label": pa.bool_(), **_IDS}

Pair = tuple[Row, str, str]  # a kept row; the id of a wrong sample and its text, in the format of the row


def pairs(version: Version) -> Iterator[Pair | None]:
    """One for each row of sft, in order; None where there is no wrong chain that has the format."""
    wrong = wrong_chains(version)
    for row in read_rows(version, "sft"):
        found = wrong.get(row.question_id)
        yield None if found is None else (row, *found)


def wrong_chains(version: Version) -> dict[str, tuple[str, str]]:
    """question_id -> (sample_id, text) of the shortest wrong chain that was not cut off, rewritten as kept ones are."""
    kept = scan(version, "sft").select("question_id").unique()
    judged = scan(version, "verdicts").filter(pl.col("outcome") == "wrong").select("sample_id")
    said = scan(version, "samples").filter(pl.col("finish_reason").fill_null("stop") != "length")
    wrong = said.join(judged, on="sample_id", how="semi", maintain_order="left")
    wrong = wrong.join(kept, on="question_id", how="semi", maintain_order="left")
    ordered = wrong.select("question_id", "sample_id", "text").sort(
        "question_id", pl.col("text").str.len_chars(), "sample_id"
    )
    without = version.without if isinstance(version, Chosen) else ()
    found: dict[str, tuple[str, str]] = {}
    for question_id, sample_id, text in ordered.collect().iter_rows():
        if question_id not in found and sample_id not in without and (written := formatted(text)):
            found[question_id] = (sample_id, written)
    return found


def formatted(text: str) -> str | None:
    """A chain in the paper's format; None if it cannot be put into it."""
    cut = rewrite(text)
    return None if cut.drop else f"{cut.head}{cut.thinking}{cut.tail}"


def turn(role: str, text: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text}]


def shown(row: Row) -> dict[str, Any]:
    """What every row of TRL's files has."""
    images = [{"bytes": image, "path": None} for image in row.images]
    return {"images": images, "prompt": turn("user", row.prompt), "question_id": row.question_id}


def dpo_rows(row: Row, wrong_id: str, wrong: str) -> list[dict[str, Any]]:
    chosen, rejected = turn("assistant", row.completion or ""), turn("assistant", wrong)
    return [shown(row) | {"chosen": chosen, "rejected": rejected, "sample_id": row.sample_id}]


def kto_rows(row: Row, wrong_id: str, wrong: str) -> list[dict[str, Any]]:
    said = ((row.completion or "", True, row.sample_id), (wrong, False, wrong_id))
    return [
        shown(row) | {"completion": turn("assistant", text), "label": label, "sample_id": sample_id}
        for text, label, sample_id in said
    ]


def write_dpo(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """train.parquet of pairs."""
    return write_trl(version, folder, place, DPO_COLUMNS)


def write_kto(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """train.parquet of single responses."""
    return write_trl(version, folder, place, KTO_COLUMNS)


def write_trl(version: Version, folder: Path, place: Path, columns: dict[str, pa.DataType]) -> Written:
    make = dpo_rows if "chosen" in columns else kto_rows
    schema, counts = schema_of(columns), [0, 0]
    rows = (one for pair in counted(version, counts) for one in make(*pair))
    with open_parquet(folder / "train.parquet", schema) as writer:
        while some := list(islice(rows, BATCH_ROWS)):
            writer.write_table(pa.Table.from_pylist(some, schema))
    config = (
        f"configs:\n- config_name: default\n  description: {version.manifest.hash_ref}\n  data_files: train.parquet\n"
    )
    (folder / "README.md").write_text(f"---\n{config}---\n", encoding="utf-8")
    return written(version, counts, f'load_dataset("{place}", split="train")')


def counted(version: Version, counts: list[int]) -> Iterator[Pair]:
    """The pairs; counts[0] goes up with each, counts[1] with each row that has none."""
    for pair in pairs(version):
        counts[pair is None] += 1
        if pair is not None:
            yield pair


def written(version: Version, counts: list[int], use: str) -> Written:
    if not counts[0]:
        raise OvtError(f"{version.ref} has no question with a right and a wrong chain: raise reason.k, or export sft")
    return Written({"sft": counts[0]}, use, {UNPAIRED: counts[1]} if counts[1] else {})


def write_llamafactory(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """dpo.json (a list, one pair a line), images/ and dataset_info.json."""
    counts = [0, 0]
    write_list(folder / "dpo.json", (ranked(pair, folder) for pair in counted(version, counts)))
    name = f"{version.manifest.name}_dpo"
    columns = {"messages": "messages", "chosen": "chosen", "rejected": "rejected", "images": "images"}
    about = {"file_name": "dpo.json", "formatting": "sharegpt", "ranking": True, "columns": columns, "tags": TAGS}
    write_json(folder / "dataset_info.json", {name: about})
    return written(version, counts, f"dataset_dir: {place}, dataset: {name}, stage: dpo")


def ranked(pair: Pair, folder: Path) -> dict[str, Any]:
    row, _, wrong = pair
    return {
        "messages": turn("user", tagged(row.prompt, len(row.images))),
        "chosen": turn("assistant", untagged(row.completion or ""))[0],
        "rejected": turn("assistant", untagged(wrong))[0],
        "images": [keep_image(folder, image) for image in row.images],
        "question_id": row.question_id,
        "sample_id": row.sample_id,
    }


TRL_DPO = Exporter(("sft",), write_dpo)
TRL_KTO = Exporter(("sft",), write_kto)
LLAMAFACTORY_DPO = Exporter(("sft",), write_llamafactory)
