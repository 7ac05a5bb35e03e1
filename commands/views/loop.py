"""A loop's progress as a tree.

pocket-loop  base pocket
├── base                   31.3% [27.7%, 35.2%]
├── iteration 1
│   ├── data-1  done   4:12  pocket-loop-1@v1: 1,158 to train on, 144 for RL
│   └── sft-1   running
"""

from collections.abc import Iterable
from typing import Any

from rich.text import Text
from rich.tree import Tree

from ovt.commands.views.tables import Table, names, numbers, shown, texts
from ovt.core.text import duration

STYLES = {"done": "green", "running": "yellow", "stopped": "yellow", "failed": "red", "to do": "dim"}
STATUS_WIDTH = 8


def status_tree(status: dict[str, Any]) -> Tree:
    """The status as a tree: the base's evaluation, then a branch per iteration."""
    state = "running" if status["running"] else ""
    title = Text.assemble((status["loop"], "bold"), f"  base {status['base']}  ", (state, "yellow"))
    tree = Tree(title, guide_style="dim")
    iterations = sorted({step["iteration"] for step in status["steps"]})
    for number in iterations:
        steps = [step for step in status["steps"] if step["iteration"] == number]
        branch = tree.add(Text(f"iteration {number}")) if number else tree
        branch.add(step_table(steps))
    return tree


def step_table(steps: Iterable[dict[str, Any]]) -> Table:
    """One line per step: its name, state, time and result."""
    rows = []
    for step in steps:
        state = Text(step["status"].ljust(STATUS_WIDTH), STYLES[step["status"]])
        what = told(step) if step["status"] in ("done", "failed") else step["title"]
        rows.append((step["name"], state, duration(step["seconds"]), shown(what, "" if step["ref"] else "dim")))
    return Table([*names("", ""), *numbers(""), *texts("")], rows, header=False)


def told(step: dict[str, Any]) -> str:
    """A finished step's result in a few words."""
    numbers = step["numbers"]
    if step["kind"] == "data":
        return f"{step['ref']}: {numbers.get('sft', 0):,} rows to train on, {numbers.get('rl', 0):,} for RL"
    if step["kind"] == "eval":
        interval = f"[{numbers['low']:.1%}, {numbers['high']:.1%}]"
        told = f"{numbers['questions']:,} questions, {numbers['words']:.0f} words"
        told += "".join(f", {name} {one['accuracy']:.1%}" for name, one in numbers.get("benchmarks", {}).items())
        return f"{numbers['accuracy']:.1%} {interval}, {told}"
    if step["kind"] == "gate":
        gain = f"{100 * numbers['gain']:+.1f} points [{100 * numbers['low']:+.1f}, {100 * numbers['high']:+.1f}]"
        return f"{gain}{'; ' + numbers['failed'] if numbers['failed'] else ', passed'}"
    known = (("steps", "{:,} steps"), ("last_loss", "loss {:.3f}"), ("last_reward", "reward {:.3f}"))
    return ", ".join([f"{step['ref']}", *(form.format(numbers[key]) for key, form in known if key in numbers)])
