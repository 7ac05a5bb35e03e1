"""`ovt data failures`: which requests of a version failed, in the servers' own words.

stage   endpoint  samples  of stage  what was said                    for example
reason  teacher     1,180       25%  HTTP 403: Key limit exceeded     1f0c2d3e4a5b6c7d-reason-0
"""

from typing import Any

import polars as pl

from ovt.core.report import Report, Table, names, numbers, texts
from ovt.curate.endpoints.failures import VARIABLE
from ovt.curate.versions.read import Version, reading, scan

FAILED = pl.col("error").is_not_null()
BESIDE = ("vision", "judge")
OTHERS = "others, each rarer"
UNSAID = "the server's words were not kept"  # by an older ovt


def report(version: Version) -> Report:
    """The failures as a table, and what to do about them."""
    rows = failures(version)
    note = "The same build asks for them again, and for nothing that was answered." if rows else "No request failed."
    return Report(version.ref, rows, [table(rows), note] if rows else [note])


def failures(version: Version) -> list[dict[str, Any]]:
    """One row per stage, endpoint and message, the most frequent first.

    samples: how many; of_stage: their share of the stage's. Messages that differ only in numbers and ids are counted
    together: `said` is one of them, and `example` the id of its sample, null if the stage's replies are not samples of
    the version (vision, judge).
    """
    alike = pl.col("error").str.replace_all(f"(?i){VARIABLE.pattern}", "#")
    with reading(version):
        samples = scan(version, "samples").select("sample_id", "stage", "endpoint", "error").collect()
    sizes = dict(samples.group_by("stage").len().iter_rows())
    groups = samples.filter(FAILED).group_by("stage", "endpoint", alike.alias("alike"), maintain_order=True)
    counted = groups.agg(samples=pl.len(), said=pl.col("error").first(), example=pl.col("sample_id").first())
    rows = counted.drop("alike").sort("samples", descending=True, maintain_order=True).to_dicts()
    return [row | {"of_stage": row["samples"] / sizes[row["stage"]]} for row in rows] + beside(version)


def beside(version: Version) -> list[dict[str, Any]]:
    """The failures of stages whose replies are not samples: those that the manifest names, and all others as one."""
    made, rows = version.manifest, []
    endpoints = {use.stage: use.endpoint for use in made.provenance.models}
    for use in made.usage:
        if use.stage not in BESIDE or not use.failed:
            continue
        said = [(error.reason, error.rows) for error in use.errors]
        rest = use.failed - sum(count for _, count in said)
        for words, count in [*said, *([(OTHERS if said else UNSAID, rest)] if rest else [])]:
            known = {"stage": use.stage, "endpoint": endpoints.get(use.stage, ""), "samples": count, "said": words}
            rows.append({**known, "example": None, "of_stage": count / use.samples})
    return rows


def lines(rows: list[dict[str, Any]], most: int = 3) -> list[str]:
    """The most frequent failures, a line each."""
    return [
        f"{row['stage']}: {row['samples']:,} failed at endpoint {row['endpoint']}: {row['said']}" for row in rows[:most]
    ]


def table(rows: list[dict[str, Any]]) -> Table:
    """`failures`."""
    columns = [*names("stage", "endpoint"), *numbers("samples", "of stage"), *texts("what was said"), *names("example")]
    cells = [[row["stage"], row["endpoint"], row["samples"], f"{row['of_stage']:.1%}"] for row in rows]
    return Table(columns, [[*first, row["said"], row["example"] or ""] for first, row in zip(cells, rows, strict=True)])
