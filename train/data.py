"""A version's rows as trainers read them, and what each of them takes: prompt, image and completion tokens.

    question_id       sample_id                  prompt_tokens  image_tokens  completion_tokens  reason
    1f0c2d3e4a5b6c7d  1f0c2d3e4a5b6c7d-reason-3            61            16                 88  null
    77aa01f0c2d3e4a5  77aa01f0c2d3e4a5-reason-0            58            16              4,310  too_long

Lengths are those of the trainer's own collator, so a row that is measured as fitting is fed whole.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.files import replacing
from ovt.core.home import Home
from ovt.core.text import plain
from ovt.curate.stages.prompt import IMAGE_TAG, content
from ovt.curate.versions.manifest import Manifest
from ovt.curate.versions.read import open_version
from ovt.train.models import HUB_ID

if TYPE_CHECKING:
    from datasets import Dataset

Split = Literal["sft", "rl"]
BATCH = 16  # rows measured at once
IGNORED = -100  # a label that the loss leaves out
LENGTHS = pl.Schema(
    {
        "question_id": pl.String,
        "sample_id": pl.String,
        "prompt_tokens": pl.Int64,  # image tokens included
        "image_tokens": pl.Int64,
        "completion_tokens": pl.Int64,
        "reason": pl.String,  # null, or why the row is left out: too_long | image_missing | image_unreadable | …
    }
)


@dataclass(frozen=True)
class Rows:
    """A split of a version: `dataset` has the columns of `versions/data.py`, images decoded as they are read.

    verify_kind   how the version's recipe had answers compared, one of `ovt.verifiers.KINDS`
    """

    ref: str
    content_hash: str
    verifier_version: str | None
    verify_kind: str
    dataset: "Dataset"
    split: str


def load_split(ref: str, split: Split, home: Home) -> Rows:
    """The rows of a split of a version; see `load_splits`."""
    return load_splits(ref, (split,), home)[0]


def load_splits(ref: str, names: Sequence[Split], home: Home) -> list[Rows]:
    """Those of these splits of a version that have rows: of "name@v2", a version's folder, or a Hub id ("owner/name",
    "owner/name@TAG"), which comes home first.

    OvtError where there is no such version, or no rows in any of them.
    """
    if on_hub(ref):
        from ovt.curate.hub.pull import pull_address

        version, told = pull_address(ref, home), ref
    else:
        version = open_version(ref, home)
        told = version.ref
    there = [name for name in names if version.manifest.rows.get(name)]
    if not there:
        raise OvtError(why_empty(ref, version.manifest, names[-1]))
    files = {name: sorted((version.path / "data").glob(f"{name}-*.parquet")) for name in there}
    return [rows_of(told, version.manifest, read_parquet(files[name], home), name) for name in there]


def on_hub(ref: str) -> bool:
    """Whether a version's name leads to the Hub."""
    return bool(HUB_ID.fullmatch(ref.partition("@")[0])) and not Path(ref).exists()


def rows_of(ref: str, manifest: Manifest, dataset: "Dataset", split: str) -> Rows:
    """A split that was read, with what its manifest says of it."""
    made = manifest.provenance
    kind = made.recipe.get("verify", {}).get("kind", "auto")
    return Rows(ref, manifest.content_hash, made.verifier_version, kind, dataset, split)


def why_empty(ref: str, manifest: Manifest, split: Split) -> str:
    """The line that says what a version has instead of rows in a split."""
    other = "rl" if split == "sft" else "sft"
    has = f"only {manifest.rows[other]:,} in {other}" if manifest.rows.get(other) else "and none in the other split"
    what = "verified responses to train on" if split == "sft" else "questions left for reinforcement"
    command = " (`ovt train rl` trains on those)" if split == "sft" and manifest.rows.get("rl") else ""
    return f"{ref} has no rows in {split}, {has}{command}: give a version with {what}"


def read_parquet(files: list[Path], home: Home) -> "Dataset":
    """The rows of parquet files, memory-mapped from a cache in the home."""
    import datasets

    datasets.disable_progress_bars()
    paths = [str(path) for path in files]
    return datasets.load_dataset("parquet", data_files=paths, split="train", cache_dir=str(home.path / "datasets"))


def make_collator(processor: Any) -> Callable[[list[dict[str, Any]]], Any]:
    """What makes a batch of rows, in training and in every measurement: TRL's own collator, which cuts nothing."""
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    if processor.tokenizer.pad_token is None:  # as the trainer does where it makes the collator itself
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
    made = DataCollatorForVisionLanguageModeling(processor=processor, max_length=None, completion_only_loss=True)
    return partial(collate, made)


def collate(collator: Callable[[list[dict[str, Any]]], Any], rows: list[dict[str, Any]]) -> Any:
    """A batch of rows, by a collator that may change what it is given."""
    return collator([fed(row) for row in rows])


def fed(row: dict[str, Any]) -> dict[str, Any]:
    """What the trainer reads of a row; images stand at the `<image>` tags of the prompt, as where it was answered."""
    turns, images = place_images(row["prompt"], row["images"])
    return {"images": images, "prompt": turns, "completion": row.get("completion") or []}


def place_images(turns: list[dict[str, Any]], images: list[Any]) -> tuple[list[dict[str, Any]], list[Any]]:
    """(turns, images) with the images of a user's turn where its `<image>` tags are, in that order.

    A turn without tags stays text: the trainer puts its images before it.
    """
    if len(turns) != 1 or not IMAGE_TAG.search(turns[0]["content"]):
        return turns, images
    parts = content(turns[0]["content"], [str(number) for number in range(len(images))])
    placed = [images[int(part["image"])] for part in parts if part["type"] == "image"]
    slots = [{"type": "image"} if part["type"] == "image" else part for part in parts]
    return [{"role": turns[0]["role"], "content": slots}], placed


def measure(rows: "Rows | Dataset", processor: Any, max_length: int | None) -> pl.DataFrame:
    """What each row takes (LENGTHS, in the order of the rows), and why it has to be left out, if it has.

    max_length   tokens of prompt and completion together; for rows without completion (rl), of the prompt
    """
    dataset = rows.dataset if isinstance(rows, Rows) else rows
    columns = [
        name for name in ("images", "prompt", "completion", "question_id", "sample_id") if name in dataset.features
    ]
    lengths: list[dict[str, Any]] = []
    for batch in batches(dataset.select_columns(columns)):
        lengths.extend(measure_batch(batch, processor))
    return limited(pl.DataFrame(lengths, LENGTHS), max_length)


def limited(lengths: pl.DataFrame, max_length: int | None) -> pl.DataFrame:
    """The lengths with the reason "too_long" where a row that could be fed has more than `max_length` tokens."""
    if max_length is None:
        return lengths
    longer = pl.col("prompt_tokens") + pl.col("completion_tokens") > max_length
    return lengths.with_columns(pl.coalesce("reason", pl.when(longer).then(pl.lit("too_long"))))


def fit(lengths: pl.DataFrame) -> list[int]:
    """The indexes of the rows that are not left out."""
    return lengths.with_row_index().filter(pl.col("reason").is_null())["index"].to_list()


def measured(rows: Rows, processor: Any, max_length: int | None, home: Home) -> pl.DataFrame:
    """As `measure`, read from the home where these rows went through this processor before."""
    path = home.path / "datasets" / "lengths" / f"{fingerprint(rows, processor)}.parquet"
    if not path.is_file():
        lengths = measure(rows, processor, None)
        with replacing(path) as made:
            lengths.write_parquet(made)
    return limited(pl.read_parquet(path), max_length)


def fingerprint(rows: Rows, processor: Any) -> str:
    """A hash of all that lengths depend on: rows, tokenizer, template, image settings, libraries."""
    from importlib.metadata import version

    parts = (
        rows.content_hash,
        rows.split,
        str(len(rows.dataset)),
        definition(processor.tokenizer),
        str(processor.chat_template),
        processor.image_processor.to_json_string(),
        version("trl"),
        version("transformers"),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def definition(tokenizer: Any) -> str:
    """What a tokenizer is, without how it was last asked to pad and cut, which a fast one keeps in itself."""
    if not tokenizer.is_fast:
        return repr(tokenizer)
    return json.dumps(json.loads(tokenizer.backend_tokenizer.to_str()) | {"padding": None, "truncation": None})


def batches(dataset: "Dataset") -> Iterator[list[dict[str, Any]]]:
    """The rows in groups of BATCH; a row whose image cannot be decoded comes alone, with images None."""
    for start in range(0, len(dataset), BATCH):
        indexes = range(start, min(start + BATCH, len(dataset)))
        try:
            yield [dataset[index] for index in indexes]
        except (OSError, SyntaxError, ValueError):
            for index in indexes:
                yield [read_row(dataset, index)]


def read_row(dataset: "Dataset", index: int) -> dict[str, Any]:
    """A row, with images None where they cannot be decoded."""
    try:
        return dataset[index]
    except (OSError, SyntaxError, ValueError):
        return dataset.remove_columns("images")[index] | {"images": None}


def measure_batch(batch: list[dict[str, Any]], processor: Any) -> list[dict[str, Any]]:
    """A LENGTHS row for each row of the batch."""
    unfit = [unfitness(row) for row in batch]
    fit = [row for row, reason in zip(batch, unfit, strict=True) if reason is None]
    counts = iter(count(fit, processor) if fit else ())
    none = {"prompt_tokens": None, "image_tokens": None, "completion_tokens": None}
    ids = [{"question_id": row.get("question_id"), "sample_id": row.get("sample_id")} for row in batch]
    return [
        one | {"reason": reason} | (next(counts) if reason is None else none)
        for one, reason in zip(ids, unfit, strict=True)
    ]


def unfitness(row: dict[str, Any]) -> str | None:
    """Why a row cannot be fed at all, whatever its length."""
    if row["images"] is None:
        return "image_unreadable"
    if not row["images"]:
        return "image_missing"
    if row.get("completion") and not row["completion"][0]["content"].strip():
        return "empty_completion"
    return None


def count(batch: list[dict[str, Any]], processor: Any) -> list[dict[str, int]]:
    """Tokens of rows that can be fed: through the trainer's collator, or the prompts alone where nothing follows."""
    if batch[0].get("completion"):
        made = make_collator(processor)(batch)
        labelled = (made["labels"] != IGNORED).sum(1)
    else:
        made, labelled = encode_prompts(batch, processor), None
    images = image_positions(made, processor).sum(1)
    totals = made["attention_mask"].sum(1)
    return [
        {
            "prompt_tokens": int(totals[i] - (labelled[i] if labelled is not None else 0)),
            "image_tokens": int(images[i]),
            "completion_tokens": int(labelled[i]) if labelled is not None else 0,
        }
        for i in range(len(batch))
    ]


def encode_prompts(batch: list[dict[str, Any]], processor: Any) -> Any:
    """Prompts with their images, as GRPO feeds them before it generates."""
    from trl.data_utils import prepare_multimodal_messages

    placed = [place_images(row["prompt"], row["images"]) for row in batch]
    turns = [prepare_multimodal_messages(prompt, images=images) for prompt, images in placed]
    return processor.apply_chat_template(
        turns,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"padding": True, "padding_side": "left"},
    )


def image_positions(made: Any, processor: Any) -> Any:
    """Which tokens of a batch (n, length) stand for image patches."""
    if "mm_token_type_ids" in made:
        return made["mm_token_type_ids"] > 0
    return made["input_ids"] == processor.image_token_id


def describe_refused(lengths: pl.DataFrame) -> str:
    """ "too_long 2 (1f0c2d3e4a5b6c7d, 77aa01f0c2d3e4a5), image_missing 1 (…)"; at most three ids each."""
    refused = lengths.drop_nulls("reason").group_by("reason", maintain_order=True).agg("question_id")
    parts = [
        f"{reason} {len(ids):,} ({plain(', '.join(ids[:3]))}{', …' if len(ids) > 3 else ''})"
        for reason, ids in refused.iter_rows()
    ]
    return ", ".join(parts)
