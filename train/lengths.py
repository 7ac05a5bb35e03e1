"""How much of a model's context each row of a version uses: prompt, image and completion tokens.

    question_id       sample_id                  prompt_tokens  image_tokens  completion_tokens  reason
    1f0c2d3e4a5b6c7d  1f0c2d3e4a5b6c7d-reason-3            61            16                 88  null
    77aa01f0c2d3e4a5  77aa01f0c2d3e4a5-reason-0            58            16              4,310  too_long

Lengths come from the trainer's own collator, so a row measured as fitting is fed whole.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from ovt import __version__
from ovt.core.errors import RecipeError
from ovt.core.files import replacing
from ovt.core.home import Home
from ovt.core.text import plain
from ovt.curate.stages.prompt import IMAGE_TAG
from ovt.train.data import IGNORED, Rows, fed, make_collator
from ovt.train.models import load_config
from ovt.train.pixels import most_pixels
from ovt.train.templates import mistaught

if TYPE_CHECKING:
    from datasets import Dataset

BATCH = 16  # rows measured at once
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


def length_limit(where: str, max_length: int | None) -> int | None:
    """The maximum tokens of a row: max_length, and never more than the model's context."""
    config = load_config(where).get_text_config()
    context = getattr(config, "max_position_embeddings", None)
    if max_length and context and max_length > context:
        raise RecipeError(f"max_length = {max_length} is more than the {context} tokens of {where}'s context: lower it")
    return max_length or context


def measured(rows: Rows, processor: Any, max_length: int | None, home: Home) -> pl.DataFrame:
    """Like `measure`, cached in the home for the same rows and processor."""
    path = home.path / "datasets" / "lengths" / f"{fingerprint(rows, processor)}.parquet"
    if not path.is_file():
        lengths = measure(rows, processor, None)
        with replacing(path) as made:
            lengths.write_parquet(made)
    return limited(pl.read_parquet(path, glob=False), max_length)


def measure(rows: "Rows | Dataset", processor: Any, max_length: int | None) -> pl.DataFrame:
    """Each row's lengths (LENGTHS, in row order), and why it must be left out, if so.

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
    """The lengths, with the reason "too_long" for feedable rows with more than `max_length` tokens."""
    if max_length is None:
        return lengths
    longer = pl.col("prompt_tokens") + pl.col("completion_tokens") > max_length
    return lengths.with_columns(pl.coalesce("reason", pl.when(longer).then(pl.lit("too_long"))))


def fit(lengths: pl.DataFrame) -> list[int]:
    """The indexes of the rows that are not left out."""
    return lengths.with_row_index().filter(pl.col("reason").is_null())["index"].to_list()


def all_pictured(lengths: pl.DataFrame) -> bool:
    """Whether every row that fits has an image."""
    return bool((lengths.filter(pl.col("reason").is_null())["image_tokens"] > 0).all())


def longest(lengths: pl.DataFrame) -> tuple[int, int]:
    """Tokens of the longest row that fits, and the maximum number of image tokens."""
    kept = lengths.filter(pl.col("reason").is_null())
    return kept.select((pl.col("prompt_tokens") + pl.col("completion_tokens")).max(), pl.max("image_tokens")).row(0)


def describe_refused(lengths: pl.DataFrame) -> str:
    """ "too_long 2 (1f0c2d3e4a5b6c7d, 77aa01f0c2d3e4a5), image_missing 1 (…)"; at most three ids each."""
    refused = lengths.drop_nulls("reason").group_by("reason", maintain_order=True).agg("question_id")
    parts = [
        f"{reason} {len(ids):,} ({plain(', '.join(ids[:3]))}{', …' if len(ids) > 3 else ''})"
        for reason, ids in refused.iter_rows()
    ]
    return ", ".join(parts)


def fingerprint(rows: Rows, processor: Any) -> str:
    """A hash of everything that lengths depend on: rows, tokenizer, template, image settings, libraries, and how ovt
    feeds rows."""
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
        __version__,
        *((str(most),) if (most := most_pixels(processor)) else ()),
    )
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def definition(tokenizer: Any) -> str:
    """A tokenizer's identity, without its last padding and truncation settings, which a fast one stores in itself."""
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
    """A row, with images None if they cannot be decoded."""
    try:
        return dataset[index]
    except (OSError, SyntaxError, ValueError):
        return dataset.remove_columns("images")[index] | {"images": None}


def measure_batch(batch: list[dict[str, Any]], processor: Any) -> list[dict[str, Any]]:
    """A LENGTHS row for each row of the batch."""
    unfit = [unfitness(row) for row in batch]
    counted: list[dict[str, int]] = []
    try:
        fit = [row for row, reason in zip(batch, unfit, strict=True) if reason is None]
        counted = count(fit, processor) if fit else []
    except (
        ValueError,
        IndexError,
        KeyError,
        RuntimeError,
    ):  # what processors raise where texts and images do not match
        if len(batch) > 1:
            return [measured for row in batch for measured in measure_batch([row], processor)]
        unfit = ["cannot_be_fed"]
    counts = iter(counted)
    none = {"prompt_tokens": None, "image_tokens": None, "completion_tokens": None}
    ids = [{"question_id": row.get("question_id"), "sample_id": row.get("sample_id")} for row in batch]
    return [
        one | {"reason": reason} | (next(counts) if reason is None else none)
        for one, reason in zip(ids, unfit, strict=True)
    ]


def unfitness(row: dict[str, Any]) -> str | None:
    """Why a row cannot be fed, regardless of its length."""
    if row["images"] is None:
        return "image_unreadable"
    if not row["images"] and IMAGE_TAG.search(row["prompt"][0]["content"]):
        return "image_missing"
    if row.get("completion") and not row["completion"][0]["content"].strip():
        return "empty_completion"
    return None


def count(batch: list[dict[str, Any]], processor: Any) -> list[dict[str, int]]:
    """Tokens of feedable rows: through the trainer's collator, or the prompts alone if there are no completions."""
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

    rows = [fed(row, most_pixels(processor)) for row in batch]
    turns = [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in rows]
    return processor.apply_chat_template(
        turns,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        processor_kwargs={"padding": True, "padding_side": "left"},
    )


def learned_wrongly(row: dict[str, Any], processor: Any, where: str) -> str | None:
    """What is wrong with how a version's responses are learned, judged by this row's; None if nothing is."""
    labels = make_collator(processor)([row])["labels"][0].tolist()
    return mistaught(labels, processor, where)


def image_positions(made: Any, processor: Any) -> Any:
    """Which tokens of a batch (n, length) stand for image patches."""
    if "mm_token_type_ids" in made:
        return made["mm_token_type_ids"] > 0
    import torch

    return torch.isin(made["input_ids"], torch.tensor(processor.image_token_ids))
