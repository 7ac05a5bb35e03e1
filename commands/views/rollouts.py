"""Rollouts as people see them on a terminal; texts are a model's, and shown as harmless text only."""

from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ovt.commands.views.data import STYLES
from ovt.commands.views.tables import shown

SHOWN = ("step", "rollouts", "reward", "accuracy", "same", "truncated", "abstain", "words", "behaviour_reflection")
SHARES = ("accuracy", "same", "truncated", "abstain")


def rollouts_shown(found: list[dict[str, Any]]) -> RenderableType:
    """A panel per rollout: its verdict, reward and advantage, and the text."""
    return Group(*(panel(one) for one in found)) if found else Text("no such rollouts")


def panel(one: dict[str, Any]) -> RenderableType:
    """One rollout."""
    worth = "none" if one["reward"] is None else f"{one['reward']:.2f}, advantage {one['advantage']:+.2f}"
    verdict = Text.assemble(
        (one["outcome"], STYLES.get(one["outcome"], "")),
        f"  reward {worth}  {one['completion_tokens']} tokens ({one['finish_reason']})",
    )
    title = shown(f"step {one['step']}  {one['sample_id']}")
    return Panel(Group(verdict, shown(one["explanation"], "dim"), Text(""), shown(one["text"])), title=title)


def steps_shown(steps: list[dict[str, Any]]) -> RenderableType:
    """A line per batch of rollouts; reflections are cues per 1,000 words. The other families are in --json."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in SHOWN:
        table.add_column(name.removeprefix("behaviour_"), justify="right", no_wrap=True)
    for step in steps:
        table.add_row(*(cell(name, step[name]) for name in SHOWN))
    return table


def cell(name: str, value: Any) -> str:
    """A number as it reads best."""
    if value is None:
        return ""
    if name in SHARES:
        return f"{value:.0%}"
    return f"{value:.2f}" if name == "reward" else f"{value:.1f}" if isinstance(value, float) else f"{value:,}"
