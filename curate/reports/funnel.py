"""`ovt data funnel`: where questions and samples ended, by stage, source, reason, model or kept column.

All of them are computed from the decisions and must match the manifest's funnel; otherwise the folder was edited.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.report import Report, Styled, Table, bars, names, numbers, texts
from ovt.core.schema import FUNNEL, STAGES
from ovt.curate.versions.ledger import IS_CAPTION, LEVELS, funnel
from ovt.curate.versions.models import model_names, model_of
from ovt.curate.versions.read import Version, check_column, reading, scan, verify_files

STYLES = {"kept": "green", "dropped": "red"}
UNKNOWN = "(unknown)"  # of rows left out at import, which have no such column, or whose source an older ovt left out


def report(version: Version, by: str = "stage") -> Report:
    """The funnel of a version by "stage", "reason", "model", "source" or another column that its sources keep."""
    if by in WAYS:
        count, tables = WAYS[by]
        rows = count(version)
        return Report(version.ref, rows, tables(rows))
    rows = by_column(version, check_column(version, by, (*WAYS,)))
    return Report(version.ref, rows, part_tables(rows, key_of(by)))


def by_stage(version: Version) -> list[dict[str, Any]]:
    """The manifest's funnel: level, stage, rows_in, rows_out, dropped and kept_as (reason, rows)."""
    with reading(version):
        return _checked(version, funnel(scan(version, "decisions")).to_dicts())


def by_column(version: Version, column: str = "source") -> list[dict[str, Any]]:
    """The same for each source, in the order of the recipe, or each value of a kept column; it comes first in a row,
    by its `key_of`."""
    with reading(version):
        ends = decisions_with(version, column)
    whole = _checked(version, funnel(ends).to_dicts())
    named = [one.source for one in version.manifest.provenance.inputs] if column == "source" else []
    found = ends[column].unique(maintain_order=True).to_list()
    values = [name for name in named if name in found] + [name for name in found if name not in named]
    parts = ends.partition_by(column, as_dict=True)
    key = key_of(column)
    return [{key: value} | row for value in values for row in _filled(funnel(parts[value,]).to_dicts(), whole)]


def key_of(column: str) -> str:
    """The key of a column's values in the rows of `by_column`, whose other keys may be the name of a kept column."""
    return f"source_{column}" if column in FUNNEL else column


def by_model(version: Version) -> list[dict[str, Any]]:
    """Its samples' part for each reasoner, with `model` first, in the order of the recipe."""
    index = pl.col("id").str.extract(r"-(\d+)$").cast(pl.Int32)
    with reading(version):
        ends = scan(version, "decisions").with_columns(model_of(version.manifest, index).alias("model")).collect()
    whole = _checked(version, funnel(ends).to_dicts())
    parts = ends.filter(pl.col("level") == "sample", ~IS_CAPTION).partition_by("model", as_dict=True)
    found = [name for name in model_names(version.manifest) if (name,) in parts]
    return [{"model": name} | row for name in found for row in _filled(funnel(parts[name,]).to_dicts(), whole)]


def _filled(rows: list[dict[str, Any]], whole: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The rows of one source, without the stages that dropped none of its rows."""
    told = {(row["level"], row["stage"]): row for row in rows}
    levels = {row["level"] for row in rows}
    passed = 0
    for row in whole:
        if row["level"] in levels:
            through = row | {"rows_in": passed, "rows_out": passed, "dropped": [], "kept_as": []}
            found = told.get((row["level"], row["stage"]), through)
            passed = found["rows_out"]
            yield found


def by_reason(version: Version) -> list[dict[str, Any]]:
    """One row per level, stage and reason: rows, of_stage and of_all (shares of the rows entering this stage, and of
    this level), most frequent first within a level; kept rows come last."""
    rows = []
    for stage in by_stage(version):
        for end in stage["dropped"] + stage["kept_as"]:
            named = {"level": stage["level"], "stage": stage["stage"]}
            named["decision"] = "kept" if stage["kept_as"] else "dropped"
            rows.append(named | end | {"of_stage": end["rows"] / stage["rows_in"]})
    levels = list(LEVELS)
    all_rows = {level: sum(row["rows"] for row in rows if row["level"] == level) for level in levels}
    rows.sort(key=lambda row: (levels.index(row["level"]), row["decision"] == "kept", -row["rows"]))
    return [row | {"of_all": row["rows"] / all_rows[row["level"]]} for row in rows]


def decisions_with(version: Version, column: str) -> pl.DataFrame:
    """Every decision: level, id, question_id, stage, reason, and a column of its question, as text.

    A row left out at import is not a question; its decision's detail names its source.
    """
    asked = scan(version, "questions").select("question_id", pl.col(column).cast(pl.String))
    ends = scan(version, "decisions").join(asked, on="question_id", how="left", maintain_order="left")
    named = pl.lit(None, pl.String)
    inputs = version.manifest.provenance.inputs if column == "source" else ()
    for name in sorted((one.source for one in inputs), key=len):
        named = pl.when(pl.col("detail").str.starts_with(f"{name} ")).then(pl.lit(name)).otherwise(named)
    imported = pl.when(pl.col("stage") == "import").then(named)
    value = pl.coalesce(column, imported, pl.lit(UNKNOWN)).alias(column)
    return ends.select("level", "id", "question_id", "stage", "reason", value).collect()


def _checked(version: Version, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """`rows`, if the manifest agrees; else OvtError, naming the changed files."""
    if [row.model_dump(mode="json") for row in version.manifest.funnel] != rows:
        verify_files(version)
        raise OvtError(f"{version.path}: the funnel of its decisions does not match the manifest; build it again")
    return rows


def stage_table(funnel: Sequence[dict[str, Any]]) -> Table:
    """`by_stage`: in, dropped and out, and why."""
    rows = []
    for level, row in zip(levels(funnel), funnel, strict=True):
        counts = [row["rows_in"], row["rows_in"] - row["rows_out"], row["rows_out"]]
        rows.append([level, row["stage"], *counts, reasons(row["dropped"] or row["kept_as"])])
    return Table([*names("", "stage"), *numbers("in", "dropped", "out"), *texts("why")], rows)


def levels(rows: Iterable[dict[str, Any]]) -> list[str]:
    """The level of each row, blank if unchanged from the row before: "questions", "", "samples", ""."""
    told = [f"{row['level']}s" for row in rows]
    return ["" if place and told[place - 1] == level else level for place, level in enumerate(told)]


def reasons(counts: Iterable[dict[str, Any]]) -> str:
    """ "wrong 12, abstain 3"."""
    return ", ".join(f"{count['reason']} {count['rows']:,}" for count in counts)


def part_tables(funnel: Sequence[dict[str, Any]], part: str) -> list[Table]:
    """`by_column` or `by_model`: for each level, how many rows of each value remain after each stage, and why the
    others do not."""
    tables = []
    for level in dict.fromkeys(row["level"] for row in funnel):
        rows = [row for row in funnel if row["level"] == level]
        stages = [stage for stage in STAGES if any(row["stage"] == stage for row in rows)]
        parts = list(dict.fromkeys(row[part] for row in rows))
        lines: list[list[Any]] = [_part_cells(one, [row for row in rows if row[part] == one], stages) for one in parts]
        if len(parts) > 1:
            lines.append([Styled(cell, "bold") for cell in _part_cells("all", rows, stages)])
        columns = [*names(f"{level}s"), *numbers("in", *stages[:-1], "kept"), *texts("why not")]
        tables.append(Table(columns, lines))
    return tables


def _part_cells(name: str, rows: list[dict[str, Any]], stages: list[str]) -> list[str]:
    """The rows of one or more parts, added up."""
    came = sum(row["rows_in"] for row in rows if row["stage"] == stages[0])
    out = [sum(row["rows_out"] for row in rows if row["stage"] == stage) for stage in stages]
    lost: dict[str, int] = {}
    for end in (end for row in rows for end in row["dropped"]):
        lost[end["reason"]] = lost.get(end["reason"], 0) + end["rows"]
    ordered = sorted(lost.items(), key=lambda one: (-one[1], one[0]))
    why = reasons({"reason": reason, "rows": count} for reason, count in ordered)
    return [name, *(f"{count:,}" for count in (came, *out[:-1])), f"{out[-1] / came:.0%}" if came else "", why]


def reason_table(ends: Sequence[dict[str, Any]]) -> Table:
    """`by_reason`: how often each reason ended a question or a sample."""
    rows = [
        [
            level,
            end["stage"],
            Styled(end["reason"], STYLES[end["decision"]]),
            end["rows"],
            f"{end['of_stage']:.1%}",
            f"{end['of_all']:.1%}",
            end["of_all"],
        ]
        for level, end in zip(levels(ends), ends, strict=True)
    ]
    return Table([*names("", "stage", "reason"), *numbers("rows", "of stage", "of all"), *bars("")], rows)


WAYS: dict[str, tuple[Callable[[Version], list[dict[str, Any]]], Callable[[list[dict[str, Any]]], list[Table]]]] = {
    "stage": (by_stage, lambda rows: [stage_table(rows)]),
    "reason": (by_reason, lambda rows: [reason_table(rows)]),
    "model": (by_model, lambda rows: part_tables(rows, "model")),
}
