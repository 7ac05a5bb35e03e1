"""The steps of a loop, in order, their records, and the loop's progress.

    eval-base → data-1 → sft-1 → eval-sft-1 → rl-1 → eval-rl-1 → gate-1 → data-2 → …

loops/NAME/steps/STEP.json is a step's record. A step recorded as done with the same inputs is skipped.
loops/NAME/recipe.json is the most recently run recipe.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from ovt.core.errors import OvtError
from ovt.core.files import is_locked, write_file
from ovt.core.home import Home
from ovt.core.section import Section
from ovt.core.untrusted import read_bytes
from ovt.curate.recipe import Recipe
from ovt.train.loop.recipe import PREVIOUS, LoopRecipe

Kind = Literal["data", "sft", "rl", "eval", "gate"]
BASE = "base"
RECIPE = "recipe.json"


@dataclass(frozen=True)
class Step:
    """One step. model: the step whose model it starts from, asks or judges ("base", "sft-1", …; None: a text reasoner's
    data). data: the step whose version it trains on. stage: which of the iteration's RL stages, from 0. before: of a
    gate, the evaluation of the iteration before."""

    name: str
    kind: Kind
    iteration: int
    model: str | None = None
    data: str | None = None
    stage: int = 0
    before: str = ""

    @property
    def title(self) -> str:
        """The step's title, for people."""
        titles = {
            "data": "data from " + (self.model or "captions and a text reasoner"),
            "sft": f"SFT from {self.model} on {self.data}",
            "rl": f"RL from {self.model} on {self.data}",
            "eval": f"evaluation of {self.model}",
            "gate": f"gate: {self.model} against {self.before.removeprefix('eval-')}",
        }
        return titles[self.kind]


class StepRecord(Section):
    """`steps/STEP.json`. made_of: all inputs of the step; content: identifies its output (a
    version's or the weights' hash); ref: the version, run or evaluation; numbers: shown by status; seconds: all
    attempts together."""

    step: str
    kind: Kind
    status: Literal["running", "done", "failed"] = "running"
    made_of: dict[str, Any] = Field(default_factory=dict)
    content: str | None = None
    ref: str | None = None
    numbers: dict[str, Any] = Field(default_factory=dict)
    seconds: float = 0.0


def plan_steps(recipe: LoopRecipe) -> list[Step]:
    """Every step of the loop, in order."""
    steps = [Step("eval-base", "eval", 0, model=BASE)]
    last = BASE
    for number, iteration in enumerate(recipe.iterations, 1):
        before = f"eval-{last}"
        writer = last if uses_previous(iteration.curate) else None
        data, last = f"data-{number}", BASE
        steps.append(Step(data, "data", number, model=writer))
        if iteration.sft:
            last = f"sft-{number}"
            steps.append(Step(last, "sft", number, model=BASE, data=data))
            steps.append(Step(f"eval-{last}", "eval", number, model=last))
        for stage in range(len(iteration.rl)):
            name = f"rl-{number}" + (f"-{stage + 1}" if len(iteration.rl) > 1 else "")
            steps.append(Step(name, "rl", number, model=last, data=data, stage=stage))
            steps.append(Step(f"eval-{name}", "eval", number, model=name))
            last = name
        steps.append(Step(f"gate-{number}", "gate", number, model=last, before=before))
    return steps


def uses_previous(curate: Recipe) -> bool:
    """Whether the previous iteration's model takes part in a recipe."""
    return any(section.endpoint == PREVIOUS for section in curate.asking.values())


def read_record(folder: Path, step: str) -> StepRecord | None:
    """The record of a step; None before its first attempt. OvtError if it is unreadable."""
    path = folder / "steps" / f"{step}.json"
    try:
        return StepRecord.model_validate_json(read_bytes(path))
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise OvtError(
            f"{path} cannot be read ({str(error).splitlines()[0]}): remove it, and run the loop again"
        ) from None


def write_record(folder: Path, record: StepRecord) -> None:
    """Writes a step's record into the loop's folder."""
    write_file(folder / "steps" / f"{record.step}.json", record.model_dump_json(indent=2) + "\n")


def loop_names(home: Home) -> list[str]:
    """The loops of this home, in order."""
    return sorted(path.parent.name for path in home.loops.glob(f"*/{RECIPE}"))


def read_status(name: str, home: Home) -> dict[str, Any]:
    """{loop, base, folder, running, steps: [{name, kind, iteration, title, status, ref, numbers, seconds}]}.

    status: done, running (a process holds the loop), stopped (started, but not running), failed or "to do". OvtError
    if there is no loop of this name.
    """
    folder = home.loops / name
    try:
        recipe = LoopRecipe.model_validate_json(read_bytes(folder / RECIPE))
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
    """A step and its status, as plain data."""
    about: dict[str, Any] = {"name": step.name, "kind": step.kind, "iteration": step.iteration, "title": step.title}
    if record is None:
        return about | {"status": "to do", "ref": None, "numbers": {}, "seconds": 0.0}
    status = record.status if record.status != "running" or running else "stopped"
    return about | {
        "status": status,
        "ref": record.ref,
        "numbers": record.numbers,
        "seconds": round(record.seconds, 1),
    }
