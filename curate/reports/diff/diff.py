"""`ovt data diff`: everything that differs between two versions, as plain data for terminal and page.

a, b         `outline` of each; notes: files changed after they were written
rows         a, b, same, changed, removed, added: rows of the data; sft and rl of each version are in a and b
removed      stage, reason, rows: why the rows that only a has are not in b, from b's ledger; added: the same for b's
changed      kind, rows: how the rows of both differ (`changes.KINDS`; a row may have several)
questions    asked in a, in b, in both; renamed: those whose id changed as they were edited
verdicts     replies that both judged, and flips: from, to, replies
difficulty   `drift.transitions`; lengths: `drift.lengths`; cues: `drift.cues`
drift        estimates: group, name, unit, a, b, change, low, high, direction
settings, prompts, origins    changed settings (`recipes.py`)
models       only if a or b has several reasoners: a, b, the reasoners of each (`models.by_model`)
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.schema import SPLITS
from ovt.curate.reports.diff import changes, drift, recipes, summary
from ovt.curate.reports.diff.tables import Tables, read_tables
from ovt.curate.versions.manifest import MANIFEST
from ovt.curate.versions.models import by_model, several
from ovt.curate.versions.profile import outline
from ovt.curate.versions.read import Version, is_whole, kept_in, reading, verify_files

MOST_HASHED = 4 << 30  # bytes; for a larger version only file sizes are checked


@dataclass(frozen=True, repr=False)
class Diff:
    """Two versions and their differences.

    about    the numbers above
    rows     a line per row of either version, from `changes.trace`
    matches  edited questions: `changes.match_questions`
    """

    a: Version
    b: Version
    about: dict[str, Any]
    rows: pl.DataFrame
    matches: pl.DataFrame

    def __str__(self) -> str:
        return str(summary.report(self.about))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return summary.report(self.about)._repr_html_()


def open_side(ref: str, home: Home) -> Version:
    """The version that `ref` names: a name, a folder, or a Hub id with its revision ("you/pocket@v3"), which is pulled.

    A changed file is reported by `check_files`, since a diff shows the effect of an edit; a missing one
    raises OvtError.
    """
    from ovt.curate.hub.pull import open_or_pull

    version = open_or_pull(ref, home)
    if not all((version.path / name).is_file() for name in version.manifest.files):
        verify_files(version)
    return version


def check_files(version: Version) -> tuple[str, ...]:
    """A line for each changed file, or for what was not checked; empty if all is well."""
    if sum(file.size for file in version.manifest.files.values()) <= MOST_HASHED:
        try:
            verify_files(version)
        except OvtError as error:
            return (str(error),)
        return ()
    if not is_whole(version):
        return (f"{version.ref} was changed after it was written: file sizes do not match {MANIFEST}",)
    return (f"{version.ref} is large: its files' sizes were checked, not their hashes",)


def compare(a: Version, b: Version) -> Diff:
    """The difference from `a` to `b`. Raises OvtError if an edited table cannot be read."""
    share = min(1.0, drift.SAMPLED / max(1, *(version.manifest.rows["sft"] for version in (a, b))))
    with ThreadPoolExecutor(4) as pool:
        notes = pool.map(check_files, (a, b))  # in parallel with reading: each hash keeps a core busy
        kept = [name for name in kept_in(a) if name in kept_in(b)]
        of_a, of_b = pool.map(partial(_read, share=share, kept=kept), (a, b))
        with reading(a), reading(b):
            matches = changes.match_questions(a, b, of_a.questions, of_b.questions)
            of_b = changes.renamed(of_b, matches)
            figures = pool.submit(drift.figures, of_a, of_b)  # in parallel with the rows: most joins keep one core busy
            replies = changes.same_replies(of_a, of_b)
            told = changes.classify(changes.with_replies(of_a), changes.with_replies(of_b), replies, matches)
            ends = {"removed": partial(changes.ends_in, b, of_b, a), "added": partial(changes.ends_in, a, of_a, b)}
            rows = changes.trace(told, ends)
            models = _models(a, b)
        counted = {
            "rows": _count_rows(of_a, of_b, rows),
            **count_changes(rows),
            "questions": _count_questions(of_a, of_b, matches),
            "verdicts": _count_flips(replies),
        }
        about = _about(a, b, [*chain(*notes)]) | counted | figures.result() | models
    return Diff(a, b, about, rows, matches)


def _read(version: Version, share: float, kept: Sequence[str]) -> Tables:
    with reading(version):
        return read_tables(version, share, kept)


def _models(a: Version, b: Version) -> dict[str, Any]:
    if not any(several(version.manifest) for version in (a, b)):
        return {}
    return {"models": {side: by_model(one.manifest, one.path) for side, one in (("a", a), ("b", b))}}


def _about(a: Version, b: Version, notes: list[str]) -> dict[str, Any]:
    """The differences in the manifests."""
    manifests = a.manifest, b.manifest
    return {
        "a": outline(a),
        "b": outline(b),
        "notes": notes,
        "settings": recipes.settings(manifests[0].provenance.recipe, manifests[1].provenance.recipe),
        "prompts": recipes.prompts(*manifests),
        "origins": recipes.origins(*manifests),
    }


def _count_rows(a: Tables, b: Tables, rows: pl.DataFrame) -> dict[str, Any]:
    sides = {}
    for side, tables in (("a", a), ("b", b)):
        by_split = dict(tables.rows["split"].value_counts().iter_rows())
        sides[side] = {split: by_split.get(split, 0) for split in SPLITS} | {"all": len(tables.rows)}
    return sides | count_statuses(rows)


def count_statuses(rows: pl.DataFrame) -> dict[str, int]:
    """Rows of `changes.trace` by status."""
    counts = dict(rows["status"].value_counts().iter_rows())
    return {status: counts.get(status, 0) for status in changes.STATUSES}


def count_changes(rows: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """removed, added: stage, reason, rows; changed: kind, rows. The most frequent reasons first."""
    counts = {}
    for status in ("removed", "added"):
        gone = rows.filter(pl.col("status") == status).group_by("stage", "reason").agg(rows=pl.len().cast(pl.Int64))
        counts[status] = gone.sort("rows", "stage", "reason", descending=[True, False, False]).to_dicts()
    kinds = rows.select(pl.col(f"is_{kind}").sum().alias(kind) for kind in changes.KINDS).row(0, named=True)
    return counts | {"changed": [{"kind": kind, "rows": count} for kind, count in kinds.items() if count]}


def _count_questions(a: Tables, b: Tables, matches: pl.DataFrame) -> dict[str, int]:
    both = a.questions.select("question").join(b.questions, on="question", how="semi")
    return {
        "a": len(a.questions),
        "b": len(b.questions),
        "both": len(both),
        "renamed": len(matches),
        "gold_corrected": int(matches["gold_changed"].sum()),
    }


def _count_flips(replies: pl.DataFrame) -> dict[str, Any]:
    flips = replies.filter(pl.col("outcome") != pl.col("outcome_b")).group_by("outcome", "outcome_b").agg(n=pl.len())
    ordered = flips.sort("n", "outcome", "outcome_b", descending=[True, False, False]).iter_rows()
    return {"replies": len(replies), "flips": [{"from": old, "to": new, "replies": n} for old, new, n in ordered]}
