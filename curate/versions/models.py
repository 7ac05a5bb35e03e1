"""What each of a version's reasoners gave: kept rows, pass rate, tokens and money per kept row.

    model                         samples  failed  correct  kept  tokens_per_row  usd_per_row
    DeepSeek-R1-Distill-Qwen-14B    4,000      12     0.61   612           3,120       0.0021
    qwen/qwen3-vl-235b (teacher)    2,000       0     0.84   391           1,808       0.0310

Samples of a question are numbered across the reasoners, in the recipe's order, so an index says whose a sample is.
"""

import math
from collections import Counter
from itertools import accumulate
from pathlib import Path
from typing import Any

import polars as pl

from ovt.curate.versions.manifest import Manifest
from ovt.curate.versions.read import scan_folder

COUNTS = {"samples": "rows", "failed": "rows", "correct": "share", "kept": "rows", "tokens_per_row": "tokens",
          "usd_per_row": "US$"}  # fmt: skip


def model_names(manifest: Manifest) -> list[str]:
    """The reasoners' models, in order; those of the same name are told apart by their endpoints, or numbered."""
    uses = [use for use in manifest.provenance.models if use.stage == "reason"]
    alike = Counter(use.model for use in uses)
    names = [use.model if alike[use.model] == 1 else f"{use.model} ({use.endpoint})" for use in uses]
    again = Counter(names)
    return [f"{name} #{at}" if again[name] > 1 else name for at, name in enumerate(names, start=1)]


def model_of(manifest: Manifest, index: pl.Expr) -> pl.Expr:
    """Whose sample an index is, as in `model_names`."""
    names = model_names(manifest) or [""]
    named = pl.lit(names[-1])
    reason = manifest.provenance.recipe.get("reason")
    ends = list(accumulate(one["k"] for one in reason)) if isinstance(reason, list) else []
    for end, name in reversed(list(zip(ends, names, strict=False))):
        named = pl.when(index < end).then(pl.lit(name)).otherwise(named)
    return named


def by_model(manifest: Manifest, folder: Path) -> list[dict[str, Any]]:
    """A row for each reasoner of the version in `folder`, in order: model, samples, failed, correct (share of those
    judged), kept (rows in sft), tokens_per_row, usd_per_row (null without rows, or where a price is not known)."""
    said = scan_folder(folder, "samples").filter(pl.col("stage") == "reason")
    judged = scan_folder(folder, "verdicts").select("sample_id", "outcome")
    kept = scan_folder(folder, "sft").select("sample_id", kept=pl.lit(True))
    for known in (judged, kept):
        said = said.join(known, on="sample_id", how="left", maintain_order="left")
    failed, decided = pl.col("error").is_not_null(), pl.col("outcome").is_in(["correct", "wrong"])
    tokens = pl.col("prompt_tokens").fill_null(0) + pl.col("completion_tokens").fill_null(0)
    counted = said.group_by(model_of(manifest, pl.col("index")).alias("model"), maintain_order=True).agg(
        samples=pl.len(),
        failed=failed.sum(),
        correct=((pl.col("outcome") == "correct").sum() / decided.sum()).fill_nan(None),
        kept=pl.col("kept").fill_null(False).sum(),
        tokens=tokens.sum(),
        costs=pl.col("cost_usd").drop_nulls(),
        unpriced=(pl.col("cost_usd").is_null() & ~failed).any(),
    )
    rows = {row["model"]: per_row(row) for row in counted.collect().to_dicts()}
    return [rows[name] for name in model_names(manifest) if name in rows]


def per_row(row: dict[str, Any]) -> dict[str, Any]:
    """A model's sums, as shares of its kept rows."""
    cost = None if row.pop("unpriced") else math.fsum(row["costs"])
    del row["costs"]
    tokens, kept = row.pop("tokens"), row["kept"]
    shares = {"tokens_per_row": tokens, "usd_per_row": cost}
    return row | {name: total / kept if kept and total is not None else None for name, total in shares.items()}


def several(manifest: Manifest) -> bool:
    """Whether a version has more than one reasoner."""
    return len(model_names(manifest)) > 1
