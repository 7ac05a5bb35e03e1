"""How far a loop is: its tree of steps, with the state and the numbers of each, from its folder alone.

pocket-loop  base pocket
├── base                   31.3% [27.7%, 35.2%]
├── iteration 1
│   ├── data-1  done   4:12  pocket-loop-1@v1: 1,158 to train on, 144 for RL
│   └── sft-1   running
"""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pydantic import ValidationError
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from ovt.commands.views.tables import shown
from ovt.core.errors import OvtError
from ovt.core.files import is_locked
from ovt.core.home import Home
from ovt.train.loop.recipe import LoopRecipe
from ovt.train.loop.run import RECIPE
from ovt.train.loop.steps import Step, StepRecord, plan_steps, read_record

STYLES = {"done": "green", "running": "yellow", "stopped": "yellow", "failed": "red", "to do": "dim"}
STATUS_WIDTH = 8


def loop_names(home: Home) -> list[str]:
    """The loops of this home, in order."""
    return sorted(path.parent.name for path in home.loops.glob(f"*/{RECIPE}"))


def read_status(name: str, home: Home) -> dict[str, Any]:
    """{loop, base, folder, running, steps: [{name, kind, iteration, title, status, ref, numbers, seconds}]}.

    status: done, running (a process holds the loop), stopped (begun, and nobody is at it), failed or "to do". OvtError
    where there is no loop of this name.
    """
    folder = home.loops / name
    try:
        recipe = LoopRecipe.model_validate_json((folder / RECIPE).read_bytes())
    except FileNotFoundError:
        there = ", ".join(loop_names(home)) or "none yet"
        raise OvtError(f"no loop is named {name!r} under {home.loops}; there are: {there}") from None
    except (OSError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise OvtError(f"{folder / RECIPE} cannot be read ({first}): run the loop again") from None
    running = is_locked(folder)
    steps = [describe(step, read_record(folder, step.name), running) for step in plan_steps(recipe)]
    return {"loop": name, "base": recipe.base, "folder": str(folder), "running": running, "steps": steps}


def describe(step: Step, record: StepRecord | None, running: bool) -> dict[str, Any]:
    """A step and where it stands, as plain data."""
    about = {key: value for key, value in asdict(step).items() if key in ("name", "kind", "iteration")}
    about["title"] = step.title
    if record is None:
        return about | {"status": "to do", "ref": None, "numbers": {}, "seconds": 0.0}
    status = record.status if record.status != "running" or running else "stopped"
    return about | {
        "status": status,
        "ref": record.ref,
        "numbers": record.numbers,
        "seconds": round(record.seconds, 1),
    }


def status_tree(status: dict[str, Any]) -> Tree:
    """The status as a tree: the base's evaluation, then a branch for each iteration."""
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
    """One line per step: its name, state, time and what came out."""
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for column, justify in (("step", "left"), ("state", "left"), ("time", "right"), ("what", "left")):
        table.add_column(column, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for step in steps:
        state = Text(step["status"].ljust(STATUS_WIDTH), STYLES[step["status"]])
        what = told(step) if step["status"] in ("done", "failed") else step["title"]
        table.add_row(shown(step["name"]), state, clock(step["seconds"]), shown(what, "" if step["ref"] else "dim"))
    return table


def told(step: dict[str, Any]) -> str:
    """What a finished step says of itself."""
    numbers = step["numbers"]
    if step["kind"] == "data":
        return f"{step['ref']}: {numbers.get('sft', 0):,} rows to train on, {numbers.get('rl', 0):,} for RL"
    if step["kind"] == "eval":
        interval = f"[{numbers['low']:.1%}, {numbers['high']:.1%}]"
        told = f"{numbers['questions']:,} questions, {numbers['words']:.0f} words"
        return f"{numbers['accuracy']:.1%} {interval}, {told}"
    if step["kind"] == "gate":
        gain = f"{100 * numbers['gain']:+.1f} points [{100 * numbers['low']:+.1f}, {100 * numbers['high']:+.1f}]"
        return f"{gain}{'; ' + numbers['failed'] if numbers['failed'] else ', passed'}"
    known = (("steps", "{:,} steps"), ("last_loss", "loss {:.3f}"), ("last_reward", "reward {:.3f}"))
    return ", ".join([f"{step['ref']}", *(form.format(numbers[key]) for key, form in known if key in numbers)])


def clock(seconds: float) -> str:
    """1:02:03, 4:12, or nothing for no time."""
    if seconds < 0.5:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
