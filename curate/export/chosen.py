"""Rows that an export leaves out because of their labels in `ovt view`; the version itself stays as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ovt.core.errors import RecipeError
from ovt.core.hashing import canonical_hash
from ovt.core.text import did_you_mean
from ovt.curate.labels import by_label, labels_path, left_out, read_labels
from ovt.curate.versions.read import Version, scan


@dataclass(frozen=True)
class Chosen(Version):
    """A version without some of its rows. without: why, by the id of a sample (in rl: of a question); counts: the rows
    left out, by split and reason; asked: the labels, as a record of the export has them."""

    without: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    asked: Mapping[str, Any] = field(default_factory=dict)


def choose(version: Version, drop: Sequence[str] = (), keep: Sequence[str] = ()) -> Version:
    """The version without the rows labelled as one of `drop`, and, if `keep` names any, only with those labelled so.

    The labels are the current ones, beside the version. RecipeError for a label that nothing there has.
    """
    if not drop and not keep:
        return version
    path = labels_path(version.path, version.manifest.name)
    held = read_labels(path)
    names = by_label(held)
    for name in (*drop, *keep):
        if name not in names:
            known = did_you_mean(name, names, f"its labels are {', '.join(names) or 'none'}")
            raise RecipeError(f"nothing in {path} is labelled {name[:60]!a}: {known}")
    said = scan(version, "samples").select("sample_id", "question_id", "reply_key")
    rows = {
        "sft": said.join(scan(version, "sft").select("sample_id"), on="sample_id", how="semi"),
        "rl": scan(version, "rl").select("question_id", sample_id="question_id", reply_key=pl.lit(None, pl.String)),
    }
    found = {split: _ids(table, left_out(held, drop, keep)) for split, table in rows.items()}
    without = _ids(said, left_out(held, drop, ())) | found["sft"] | found["rl"]
    counts = {split: _counted(list(ids.values())) for split, ids in found.items()}
    asked = {"drop": list(drop), "keep": list(keep), "without": canonical_hash(sorted(without), "labels")}
    return Chosen(version.path, version.ordinal, version.manifest, without, counts, asked)


def _ids(table: pl.LazyFrame, why: pl.Expr) -> dict[str, str]:
    return dict(table.select("sample_id", why=why).drop_nulls().collect().iter_rows())


def _counted(reasons: Sequence[str]) -> dict[str, int]:
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}
