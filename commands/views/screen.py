"""What `lint`, `dedup` and `decontam` print. Texts come from data sets: they are only ever shown as harmless text."""

from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.text import Text

from ovt.commands.views.tables import Table, names, numbers, shown, texts
from ovt.curate.reports.lint import Found


def lint_table(name: str, questions: int, found: list[Found]) -> RenderableType:
    """The findings by rule, with examples below each."""
    if not found:
        return Text(f"{name}: {questions:,} questions, nothing found")
    rows: list[list[Any]] = []
    for one in found:
        rows.append([shown(one.rule, "bold"), one.count, one.meaning])
        rows += [["", "", shown(f"{example['id']}  {example['detail']}", "dim", 160)] for example in one.examples]
    total = sum(one.count for one in found)
    line = f"\n{name}: {questions:,} questions, {total:,} findings by {len(found)} rules"
    return Group(Table([*names("rule"), *numbers("count"), *texts("what")], rows), Text(line))


def decision_table(decisions: pl.DataFrame, most: int) -> RenderableType:
    """DECISIONS: the first `most` of them."""
    rows = decisions.head(most).select("id", "reason", pl.col("detail").str.slice(0, 160)).rows()
    table = Table([*names("question", "reason"), *texts("why")], rows)
    left = len(decisions) - most
    return Group(table, Text(f"… and {left:,} more: --json has all", style="dim")) if left > 0 else table


def decision_rows(decisions: pl.DataFrame) -> list[dict[str, Any]]:
    """DECISIONS as plain rows for machines."""
    return decisions.select("id", "reason", "detail").to_dicts()
