"""Runs, plans and previews as people see them on a terminal."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ovt.train.runs import Run


def run_list(records: list[dict[str, Any]]) -> RenderableType:
    """A line per run."""
    if not records:
        return Text("No runs yet: ovt train sft VERSION --model MODEL")
    view = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("run", "kind", "status", "model", "data"):
        view.add_column(column, overflow="fold")
    for column in ("steps", "loss", "time"):
        view.add_column(column, justify="right")
    for one in records:
        result = one["result"]
        loss = result.get("last_loss")
        view.add_row(
            *(Text(str(one[name] or "")) for name in ("name", "kind", "status", "model", "data")),
            f"{result['steps']:,}" if "steps" in result else "",
            f"{loss:.3f}" if loss is not None else "",
            duration(result.get("train_s")),
        )
    return view


def run_shown(record: dict[str, Any]) -> RenderableType:
    """Everything a record says, a line each; nested settings as section.key."""
    view = Table(box=None, pad_edge=False, show_header=False)
    view.add_column(style="dim")
    view.add_column(overflow="fold")
    for name, value in flat(record):
        view.add_row(name, Text(str(value)))
    return view


def run_finished(run: Run) -> RenderableType:
    """The run, its losses, and the line to go on with."""
    result = run.record.result
    told = [f"{result['steps']:,} steps"] if "steps" in result else []
    if result.get("first_loss") is not None:
        told.append(f"loss {result['first_loss']:.3f} → {result['last_loss']:.3f}")
    if result.get("eval_loss") is not None:
        told.append(f"evaluation {result['eval_loss']:.3f}")
    told.append(duration(result.get("train_s")))
    return Group(
        Text.assemble((run.name, "bold"), "  ", ", ".join(part for part in told if part)),
        Text(f"model: {run.model}"),
        Text(f"next:  ovt train show {run.name}"),
    )


def flat(tree: dict[str, Any], above: str = "") -> list[tuple[str, Any]]:
    """(a.b.c, value) of a tree, values that say nothing left out."""
    lines: list[tuple[str, Any]] = []
    for name, value in tree.items():
        if isinstance(value, dict):
            lines += flat(value, f"{above}{name}.")
        elif value not in (None, "", []):
            lines.append((f"{above}{name}", ", ".join(map(str, value)) if isinstance(value, list) else value))
    return lines


def duration(seconds: float | None) -> str:
    """ "1:02:03", "4:05", or nothing."""
    if seconds is None:
        return ""
    minutes, left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"
