"""What trainers read. Parquet with the images inside: TRL, EasyR1. JSON: LLaMA-Factory, ms-swift (with image files),
OpenAI (images inside).

**TRL**: a folder that `load_dataset` and `trl sft --dataset_name` read, with only the trained columns.

    sft  images, prompt, completion, question_id, sample_id      SFTTrainer, loss on the completion
    rl   images, prompt, answer, choices, question_id, answers   GRPOTrainer; answer and choices go to our reward, and
                                                                 answers has each right one, for your own reward

https://huggingface.co/docs/trl/dataset_formats

**EasyR1** (and verl's VLM recipes): parquet with images, problem and answer, one file per split.

    data.train_files=OUT/rl.parquet data.prompt_key=problem data.answer_key=answer data.image_key=images

`problem` has an <image> per image and asks for \\boxed{}, as its reward examples/reward_function/math.py reads it:
leave `data.format_prompt` empty. `answer` is the letter where there are options: a grader that compares texts takes
neither "metal" for B nor B for "metal". What our own reward reads is the version's own prompt and golds (docs/rl.md).
https://github.com/hiyouga/EasyR1/blob/main/verl/utils/dataset.py

**LLaMA-Factory**: ShareGPT-style JSON with OpenAI's roles, image files, and the dataset_info.json that names them.

    dataset_dir: OUT
    dataset: pocket_sft

Image paths are relative to the folder, LLaMA-Factory's default media_dir. Every <image> stands for
one image; it refuses rows with a mismatch. https://github.com/hiyouga/LLaMA-Factory/blob/main/data/README.md

**ms-swift**: JSON lines with messages and image paths; rows for RL have no response, and the gold as `solution`.

    swift sft --dataset OUT/sft.jsonl           swift rlhf --rlhf_type grpo --dataset OUT/rl.jsonl

Image paths are absolute, as ms-swift advises: export again after moving the folder. GRPO passes other columns to the
reward: `accuracy` reads the gold in `solution`, and the answer, only in a box, for which the rows of rl ask.
`solutions` has all golds of the question, for your own reward. https://swift.readthedocs.io/en/latest/Customization/Custom-dataset.html

**OpenAI's fine-tuning** (and servers that take its files): JSON lines with the images inside, as data URLs.

Limits as documented: JPEG, PNG or WebP in RGB or RGBA (other images are re-encoded as PNG), 10 MB per image, 10 images
per row, 50,000 rows with images. Rows beyond them are left out and counted. The lines hold only `messages`; the row
of each line is on the same line of sft.ids.jsonl. https://platform.openai.com/docs/guides/vision-fine-tuning
"""

import io
import json
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pybase64

from ovt.core.files import write_json
from ovt.core.images import open_image
from ovt.core.parquet import open_parquet
from ovt.curate.export.export import (
    BATCH_ROWS,
    Exporter,
    Row,
    Written,
    batches,
    keep_image,
    read_rows,
    tagged,
    untagged,
)
from ovt.curate.stages.reason import INSTRUCTION
from ovt.curate.versions.data import COLUMNS, schema_of
from ovt.curate.versions.read import Version
from ovt.verifiers import split_golds
from ovt.verifiers.options import gold_index, read_options

TAGS = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
FEWEST_ROWS = 10
MOST_ROWS = 50_000
MOST_IMAGES = 10
MOST_BYTES = 10 * 10**6
TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def write_llamafactory(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
    """sft.json (a list, one row a line), images/ and dataset_info.json."""
    rows = write_list(folder / "sft.json", (conversation(row, folder) for row in read_rows(version, "sft")))
    name = f"{version.manifest.name}_sft"
    columns = {"messages": "messages", "images": "images"}
    info = {name: {"file_name": "sft.json", "formatting": "sharegpt", "columns": columns, "tags": TAGS}}
    write_json(folder / "dataset_info.json", info)
    return Written({"sft": rows}, f"dataset_dir: {place}, dataset: {name}")


def write_list(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Writes a JSON list, one row a line; returns how many."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("[\n")
        for count, row in enumerate(rows, 1):
            file.write((",\n" if count > 1 else "") + json.dumps(row, ensure_ascii=False))
        file.write("\n]\n")
    return count


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


def write_swift(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
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
    asked = row.prompt if row.sample_id else boxed_prompt(row)
    turns = [{"role": "user", "content": tagged(asked, len(row.images))}]
    turns += [{"role": "assistant", "content": untagged(row.completion)}] if row.completion is not None else []
    images = [str(place / keep_image(folder, image)) for image in row.images]
    ids = {"question_id": row.question_id, "sample_id": row.sample_id}
    boxed = [] if row.sample_id else [f"\\boxed{{{gold}}}" for gold in plain_golds(row)]
    golds = {"solution": boxed[0], "solutions": boxed} if boxed else {}
    return {"messages": turns, "images": images} | golds | ids


def write_openai(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
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
    few = f" (it refuses files with fewer than {FEWEST_ROWS} rows)" if rows < FEWEST_ROWS else ""
    return Written(
        {"sft": rows}, f'files.create(file=open("{place}/sft.jsonl", "rb"), purpose="fine-tune"){few}', left_out
    )


def fit(data: bytes) -> tuple[str, bytes]:
    """(media type, bytes) of an image in a supported format and mode."""
    with open_image(data) as image:
        if image.format in TYPES and image.mode in ("RGB", "RGBA"):
            return TYPES[image.format], data
        out = io.BytesIO()
        image.convert("RGBA" if "transparency" in image.info or image.mode in ("LA", "PA") else "RGB").save(out, "PNG")
    return "image/png", out.getvalue()


def unfit(images: list[tuple[str, bytes]], rows: int) -> str | None:
    """Why a row with these images, after this many others, is left out; None if it is kept."""
    if len(images) > MOST_IMAGES:
        return f"more than {MOST_IMAGES} images"
    if any(len(data) > MOST_BYTES for _, data in images):
        return f"an image of more than {MOST_BYTES // 10**6} MB"
    return f"more than {MOST_ROWS:,} rows" if rows >= MOST_ROWS else None


def messages(row: Row, images: list[tuple[str, bytes]]) -> list[dict]:
    """The turns of a row; only the user's may contain images."""
    urls = [f"data:{kind};base64,{pybase64.b64encode_as_string(data)}" for kind, data in images]
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [
        {"role": "user", "content": [*parts, {"type": "text", "text": row.prompt}]},
        {"role": "assistant", "content": row.completion or ""},
    ]


LLAMAFACTORY = Exporter(("sft",), write_llamafactory)
SWIFT = Exporter(("sft", "rl"), write_swift)
OPENAI = Exporter(("sft",), write_openai)


KEPT = {
    "sft": ("images", "prompt", "completion", "question_id", "sample_id"),
    "rl": ("images", "prompt", "answer", "choices", "question_id"),
}


_TEXT = pa.string()


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
    """Some columns of a split's data unchanged, and the answer's golds apart, in one file; returns the rows."""
    kinds = {name: COLUMNS[name] for name in columns} | ({"answers": pa.list_(_TEXT)} if "answer" in columns else {})
    schema, rows = schema_of(kinds), 0
    with open_parquet(path, schema) as writer:
        for batch in batches(version, split, columns, 4 * BATCH_ROWS):
            table = pa.Table.from_batches([batch]).select(columns)
            if "answers" in kinds:
                golds = [split_golds(answer) for answer in table["answer"].to_pylist()]
                table = table.append_column("answers", pa.array(golds, kinds["answers"]))
            writer.write_table(table.cast(schema))
            rows += batch.num_rows
    return rows


SCHEMA = schema_of({"images": COLUMNS["images"], "problem": _TEXT, "answer": _TEXT, "question_id": _TEXT})


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
        "problem": tagged(boxed_prompt(row), len(row.images)),
        "answer": plain_gold(row),
        "question_id": row.question_id,
    }


BOXED = (
    "Think step by step between <think> and </think>. Then give a short solution, and put the final answer in "
    "\\boxed{}; where there are options, only the letter."
)


def boxed_prompt(row: Row) -> str:
    """A row's prompt that asks for a box, in place of our own format or after a custom prompt."""
    return row.prompt.replace(INSTRUCTION, BOXED) if INSTRUCTION in row.prompt else f"{row.prompt}\n\n{BOXED}"


def plain_gold(row: Row) -> str:
    """What the box has to hold; of several golds, the first: a grader of texts reads one."""
    return plain_golds(row)[0]


def plain_golds(row: Row) -> list[str]:
    """All that the box may hold: each gold as an option's letter, or without dollar signs."""
    return [_plain(gold, row.choices) for gold in split_golds(row.answer)]


def _plain(gold: str, choices: tuple[str, ...] | None) -> str:
    if choices:
        index = gold_index(gold, read_options(choices))
        return gold if index is None else chr(ord("A") + index) if index < 26 else gold
    bare = gold.strip()
    return bare[1:-1] if len(bare) > 2 and bare[0] == bare[-1] == "$" and "$" not in bare[1:-1] else bare


TRL = Exporter(("sft", "rl"), write_trl)
EASYR1 = Exporter(("sft", "rl"), write_easyr1)
