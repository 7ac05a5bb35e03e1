"""Output before a build: the doctor's findings, and those of lint, dedup and decontam."""

from collections.abc import Sequence
from typing import Any

import polars as pl
from rich.console import Group, RenderableType
from rich.text import Text

from ovt.commands.views.tables import Table, facts, names, numbers, short, shown, texts
from ovt.core.section import to_toml
from ovt.curate.reports.lint import Found

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


def findings_table(findings: Sequence[dict[str, Any]]) -> RenderableType:
    """The `doctor.Finding` of each check."""
    rows = [
        (shown(one["status"], COLOURS[one["status"]]), one["check"], one["found"], one["advice"]) for one in findings
    ]
    return Table([*names("", "check"), *texts("found", "what to do")], rows)


def presets_table(found: Sequence[dict[str, Any]]) -> RenderableType:
    """`presets.listing`."""
    rows = [[one["name"], one["what"], one["license"], one["where"]] for one in found]
    return Table([*names("preset"), *texts("what"), *names("license"), *texts("where")], rows)


def preset_lines(one: dict[str, Any]) -> RenderableType:
    """A preset, and the settings that it stands for."""
    settings = "\n".join(f"{key} = {to_toml(value)}" for key, value in one["settings"].items())
    told = {name: one[name] for name in ("what", "cite", "license", "where")}
    return Group(facts({"preset": one["name"], **told}), Text(), shown(settings))


def proposal_shown(about: dict[str, Any]) -> RenderableType:
    """`propose.Proposal`: what was taken for what, and the first questions."""
    told = [Text("· ") + shown(line) for line in about["told"]]
    rows = [[one["question"], "; ".join(one["choices"] or ()), one["gold"]] for one in about["examples"]]
    left_out = ", ".join(f"{reason} {count:,}" for reason, count in about["left_out"].items())
    counted = f"{about['questions']:,} of the first rows are questions" + (
        f"; left out: {left_out}" if left_out else ""
    )
    table = Table([*texts("question", "choices"), *names("gold")], rows)
    return Group(*told, Text(), table, Text(), shown(counted))


def lint_table(name: str, questions: int, found: list[Found]) -> RenderableType:
    """Findings by rule, with examples below each."""
    if not found:
        return Text(f"{name}: {questions:,} questions, nothing found")
    rows: list[Sequence[Any]] = []
    for one in found:
        rows.append((shown(one.rule, "bold"), one.count, one.meaning))
        for example in one.examples:
            told = Text.assemble(short(example["id"]), "  ", short(example["detail"], 160), style="dim")
            rows.append(("", "", told))
    total = sum(one.count for one in found)
    return Group(
        Table([*names("rule"), *numbers("count"), *texts("what")], rows),
        Text(),
        shown(f"{name}: {questions:,} questions, {total:,} findings by {len(found)} rules"),
    )


def decision_table(decisions: pl.DataFrame, most: int) -> RenderableType:
    """DECISIONS: the first `most` of them."""
    first = decisions.head(most).select("id", "reason", "detail").iter_rows()
    table = Table([*names("question", "reason"), *texts("why")], [(*row[:2], short(row[2], 160)) for row in first])
    left = len(decisions) - most
    return Group(table, Text(f"… and {left:,} more: --json lists all", style="dim")) if left > 0 else table
