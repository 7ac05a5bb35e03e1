"""`ovt train preview`: what the trainer will read, before any GPU time is spent.

Everything comes from the trainer's own collator (`data.make_collator`): the tokens shown are those fed, and the
loss covers those with a label.
"""

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from ovt.core.home import Home
from ovt.core.statistics import histogram
from ovt.train.data import IGNORED, Rows, load_split, make_collator
from ovt.train.lengths import fit, image_positions, learned_wrongly, length_limit, measured
from ovt.train.models import load_processor, resolve_model
from ovt.train.settings import SftSection

BINS = 12


@dataclass(frozen=True)
class Piece:
    """Consecutive tokens of one kind: "image", "masked" (fed, not learned) or "learned"."""

    kind: str
    text: str
    tokens: int


@dataclass(frozen=True)
class Shown:
    """A row as it is fed: its pieces in order, covering all of its tokens."""

    question_id: str
    sample_id: str | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class Preview:
    """Some rows token by token, the length of every row (lengths.LENGTHS), the length limit, and what is wrong with all
    of them, if anything is.
    """

    ref: str
    model: str
    limit: int | None
    shown: tuple[Shown, ...]
    lengths: pl.DataFrame
    warning: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The --json form: totals, the histogram, the shown rows, and every row that is left out."""
        kept = self.lengths.filter(pl.col("reason").is_null())
        return {
            "data": self.ref,
            "model": self.model,
            "max_length": self.limit,
            "rows": len(self.lengths),
            "kept": len(kept),
            "tokens": {name: int(kept[name].sum()) for name in kept.columns if name.endswith("_tokens")},
            "histogram": token_histogram(self.lengths),
            "shown": [asdict(row) for row in self.shown],
            "left_out": self.lengths.drop_nulls("reason").to_dicts(),
            "warning": self.warning,
        }


def preview(ref: str, model: str, settings: SftSection, home: Home, count: int = 3) -> Preview:
    """The first `count` rows that would be trained on, and the lengths of all."""
    where = resolve_model(model, home)
    rows = load_split(ref, "sft", home)
    processor = load_processor(where, settings.max_pixels)
    limit = length_limit(where, settings.max_length)
    lengths = measured(rows, processor, limit, home)
    fits = fit(lengths)
    warning = learned_wrongly(rows.dataset[fits[0]], processor, where) if fits else None
    return Preview(rows.ref, model, limit, show_rows(rows, fits[:count], processor), lengths, warning)


def show_rows(rows: Rows, indexes: list[int], processor: Any) -> tuple[Shown, ...]:
    """These rows, as one batch of the trainer's."""
    chosen = [rows.dataset[index] for index in indexes]
    if not chosen:
        return ()
    batch = make_collator(processor)(chosen)
    images = image_positions(batch, processor)
    return tuple(
        Shown(row["question_id"], row.get("sample_id"), pieces(batch, images, index, processor.tokenizer))
        for index, row in enumerate(chosen)
    )


def pieces(batch: Any, images: Any, index: int, tokenizer: Any) -> tuple[Piece, ...]:
    """A row of a batch, split where the kind of its tokens changes; without padding."""
    runs: list[tuple[str, list[int]]] = []
    rows = (batch["input_ids"][index], batch["labels"][index], images[index], batch["attention_mask"][index])
    for token, label, image, there in zip(*(row.tolist() for row in rows), strict=True):
        if not there:
            continue
        kind = "image" if image else "masked" if label == IGNORED else "learned"
        if not runs or runs[-1][0] != kind:
            runs.append((kind, []))
        runs[-1][1].append(token)
    return tuple(
        Piece(kind, f"«{len(ids)} image tokens»" if kind == "image" else tokenizer.decode(ids), len(ids))
        for kind, ids in runs
    )


def token_histogram(lengths: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows by total tokens: {"from", "to", "rows", "left_out"} in BINS of equal width, without unreadable rows."""
    total = lengths.with_columns(total=pl.col("prompt_tokens") + pl.col("completion_tokens")).drop_nulls("total")
    if total.is_empty():
        return []
    low, high = int(total["total"].min()), int(total["total"].max())  # ty: ignore[invalid-argument-type]
    width = max(1, -(-(high - low + 1) // BINS))
    counts = {"rows": total["total"], "left_out": total.drop_nulls("reason")["total"]}
    return histogram(counts, width, (high - low) // width, low)
