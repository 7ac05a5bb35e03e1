"""`ovt data diff`: two versions -> all that lies between them, as plain data for `--json` and for the two renderings.

a, b         `show.outline` of each; notes: what is not as it was written
rows         a, b, same, changed, removed, added: rows of the data; sft and rl of each version are in a and b
removed      stage, reason, rows: why the rows that only a has are not in b, from b's ledger; added: the same for b's
changed      kind, rows: how the rows of both differ (`changes.KINDS`; a row may have several)
questions    asked in a, in b, in both; renamed: those whose id changed with an edit of theirs
verdicts     replies that both judged, and flips: from, to, replies
difficulty   `drift.transitions`; lengths: `drift.histogram`; cues: `texts.cues`
drift        estimates: group, name, unit, a, b, change, low, high, direction
settings, prompts, origins    what was set otherwise (`recipes.py`)
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

import polars as pl

from ovt.core.schema import SPLITS
from ovt.curate.reports.diff import changes, drift, matching, recipes, texts
from ovt.curate.reports.diff.resolve import check_files
from ovt.curate.reports.diff.tables import Tables, read_tables
from ovt.curate.reports.show import outline
from ovt.curate.versions.read import Version, reading

GROUPS = ("difficulty", "words", "behaviours", "texts", "replies", "cost", "sources", "answers")
STATUSES = ("same", "changed", "removed", "added")


@dataclass(frozen=True)
class Diff:
    """Two versions, the numbers (`about`, as above), `rows`: a line per row of either, as `changes.classify` has it,
    with `stage` and `reason` of those that came or went; and `matches` of `matching.match_questions`."""

    a: Version
    b: Version
    about: dict[str, Any]
    rows: pl.DataFrame
    matches: pl.DataFrame


def compare(a: Version, b: Version) -> Diff:
    """The difference from `a` to `b`. Raises OvtError where a table cannot be read because it was edited."""
    share = min(1.0, texts.SAMPLED / max(1, *(version.manifest.rows["sft"] for version in (a, b))))
    with ThreadPoolExecutor(4) as pool:
        notes = pool.map(check_files, (a, b))  # beside the reading: hashing keeps a core busy each
        of_a, of_b = pool.map(partial(read, share=share), (a, b))
        with reading(a), reading(b):
            matches = matching.match_questions(a, b, of_a.questions, of_b.questions)
            of_b = matching.renamed(of_b, matches)
            figures = pool.submit(_figures, of_a, of_b)  # beside the rows: most joins keep one core busy
            replies = changes.same_replies(of_a, of_b)
            rows = trace(a, b, of_a, of_b, replies, matches)
        about = _about(a, b, [*chain(*notes)]) | _counted(of_a, of_b, replies, matches, rows) | figures.result()
    return Diff(a, b, about, rows, matches)


def read(version: Version, share: float) -> Tables:
    """The tables of a version, with `share` of its texts."""
    with reading(version):
        return read_tables(version, share)


def trace(
    a: Version, b: Version, of_a: Tables, of_b: Tables, replies: pl.DataFrame, matches: pl.DataFrame
) -> pl.DataFrame:
    """What became of each row, and why."""
    left, right = matching.with_replies(of_a), matching.with_replies(of_b)
    rows = changes.classify(matching.pair_rows(left, right), left, right, replies, matches)
    came = rows.filter(pl.col("status") == "added").drop("reply").rename({"reply_b": "reply"})
    went = changes.explain(rows.filter(pl.col("status") == "removed"), a, b, of_b)
    came = changes.explain(came, b, a, of_a).rename({"reply": "reply_b"})
    stayed = rows.filter(pl.col("status").is_in(["same", "changed"]))
    return pl.concat([stayed, went, came], how="diagonal").sort("row", "row_b", nulls_last=True)


def _about(a: Version, b: Version, notes: list[str]) -> dict[str, Any]:
    """What the manifests tell."""
    manifests = a.manifest, b.manifest
    return {
        "a": outline(a),
        "b": outline(b),
        "notes": notes,
        "settings": recipes.settings(manifests[0].provenance.recipe, manifests[1].provenance.recipe),
        "prompts": recipes.prompts(*manifests),
        "origins": recipes.origins(*manifests),
    }


def _counted(a: Tables, b: Tables, replies: pl.DataFrame, matches: pl.DataFrame, rows: pl.DataFrame) -> dict[str, Any]:
    """What became of rows, questions and verdicts."""
    return {
        "rows": _count_rows(a, b, rows),
        "removed": count_reasons(rows, "removed"),
        "added": count_reasons(rows, "added"),
        "changed": count_kinds(rows),
        "questions": _count_questions(a, b, matches),
        "verdicts": _count_flips(replies),
    }


def _figures(a: Tables, b: Tables) -> dict[str, Any]:
    """How the data drifted."""
    table = drift.by_question(a, b)
    estimates = [*drift.drift(table, a, b), *texts.drift(a, b)]
    estimates.sort(key=lambda one: GROUPS.index(one.group))
    return {
        "difficulty": drift.transitions(table),
        "drift": [one.as_dict() for one in estimates],
        "lengths": drift.histogram(a, b),
        "cues": texts.cues(a, b),
    }


def _count_rows(a: Tables, b: Tables, rows: pl.DataFrame) -> dict[str, Any]:
    counts = dict(rows["status"].value_counts().iter_rows())
    sides = {}
    for side, tables in (("a", a), ("b", b)):
        by_split = dict(tables.rows["split"].value_counts().iter_rows())
        sides[side] = {split: by_split.get(split, 0) for split in SPLITS} | {"all": len(tables.rows)}
    return sides | {status: counts.get(status, 0) for status in STATUSES}


def count_reasons(rows: pl.DataFrame, status: str) -> list[dict[str, Any]]:
    counted = rows.filter(pl.col("status") == status).group_by("stage", "reason").agg(rows=pl.len().cast(pl.Int64))
    return counted.sort("rows", "stage", "reason", descending=[True, False, False]).to_dicts()


def count_kinds(rows: pl.DataFrame) -> list[dict[str, Any]]:
    counts = rows.select(pl.col(f"is_{kind}").sum().alias(kind) for kind in changes.KINDS).row(0, named=True)
    return [{"kind": kind, "rows": count} for kind, count in counts.items() if count]


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
