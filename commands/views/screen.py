"""What `lint`, `dedup` and `decontam` print. Texts come from data sets: they are only ever shown as harmless text."""

from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ovt.commands.views.tables import short, shown
from ovt.curate.reports.lint import Found


def lint_table(name: str, questions: int, found: list[Found]) -> RenderableType:
    """The findings by rule, with examples below each."""
    if not found:
        return Text(f"{name}: {questions:,} questions, nothing found")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("rule", no_wrap=True)
    table.add_column("count", justify="right")
    table.add_column("what", overflow="fold")
    for one in found:
        table.add_row(shown(one.rule, "bold"), f"{one.count:,}", shown(one.meaning))
        for example in one.examples:
            table.add_row("", "", Text.assemble(short(example["id"]), "  ", short(example["detail"], 160), style="dim"))
    total = sum(one.count for one in found)
    return Group(table, Text(f"\n{name}: {questions:,} questions, {total:,} findings by {len(found)} rules"))


def decision_table(decisions: pl.DataFrame, most: int) -> RenderableType:
    """DECISIONS: the first `most` of them."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("question", "reason", "why"):
        table.add_column(column, overflow="fold")
    for row in decisions.head(most).select("id", "reason", "detail").iter_rows():
        table.add_row(*(short(cell, 160) for cell in row))
    left = len(decisions) - most
    return Group(table, Text(f"… and {left:,} more: --json has all", style="dim")) if left > 0 else table


def decision_rows(decisions: pl.DataFrame) -> list[dict[str, Any]]:
    """DECISIONS as plain rows for machines."""
    return decisions.select("id", "reason", "detail").to_dicts()
