"""`ovt loop`: every iteration of data, SFT, RL and evaluation by one command, and how far it is."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ovt.commands.options import HomePath, Json, MaxTokens, MaxUsd, Overrides, RecipePath
from ovt.commands.terminal import console, git_commit, print_json, rebuild_line, resumable
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.core.progress import Progress
    from ovt.train.loop.recipe import LoopRecipe
    from ovt.train.loop.steps import Step

commands = typer.Typer(no_args_is_help=True, help="Run every iteration of data, SFT, RL and evaluation.")

LoopName = Annotated[str | None, typer.Argument(metavar="[NAME]", help="The loop's name; none: list them.")]


@commands.command()
def run(
    recipe: RecipePath,
    overrides: Overrides = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    accelerate: Annotated[
        str | None, typer.Option(metavar="CONFIG", help="Train under accelerate: fsdp, zero3 or a file.")
    ] = None,
    processes: Annotated[int | None, typer.Option(min=1, help="With --accelerate: processes [one per device].")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list the steps.")] = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Run a loop; run the same line again to resume (exit code 4 if an iteration fails its gate)."""
    from ovt.commands.train import training
    from ovt.train.loop.recipe import load_loop

    with training():
        chosen = load_loop(recipe, overrides or ())
        if dry_run:
            print_steps(chosen, json)
            return
        from ovt.curate.endpoints.budget import Budget
        from ovt.train.devices import Launch
        from ovt.train.loop.run import run_loop
        from ovt.train.loop.work import Tools

        tools = Tools(
            budget=Budget(max_usd, max_tokens),
            git_commit=git_commit(),
            rebuild=rebuild_line("ovt loop run", recipe, overrides),
            launch=Launch(accelerate, processes) if accelerate else None,
            watch=watch,
            say=say,
        )
        with resumable(), terminated_as_interrupted():
            run_loop(chosen, Home.locate(home), tools)
    status(chosen.name, home, json)


@commands.command()
def status(name: LoopName = None, home: HomePath = None, json: Json = False) -> None:
    """Show the tree of a loop: each step, its state and its numbers."""
    from ovt.commands.views.loop import status_tree
    from ovt.train.loop.steps import loop_names, read_status

    where = Home.locate(home)
    if name is None:
        names = loop_names(where)
        print_json(names) if json else print("\n".join(names) or f"no loops under {where.loops} yet")
        return
    found = read_status(name, where)
    print_json(found) if json else console().print(status_tree(found))


@commands.command()
def plot(name: Annotated[str, typer.Argument(metavar="NAME", help="The loop's name.")], home: HomePath = None) -> None:
    """Draw accuracy, length and behaviours by step, as PNG and SVG."""
    from pathlib import Path

    from ovt.train.loop.steps import read_status
    from ovt.train.plots import plot_loop

    found = read_status(name, Home.locate(home))
    done = [step for step in found["steps"] if step["kind"] == "eval" and step["status"] == "done"]
    rows = [{"label": step["name"].removeprefix("eval-"), **step["numbers"]} for step in done]
    for path in plot_loop(name, rows, Path(found["folder"]) / "plots"):
        print(path)


def print_steps(recipe: "LoopRecipe", as_json: bool) -> None:
    """The steps of a loop, in order."""
    from ovt.train.loop.steps import plan_steps

    steps = plan_steps(recipe)
    if as_json:
        print_json([{**vars(step), "title": step.title} for step in steps])
        return
    for step in steps:
        print(f"{step.name:<14} {step.title}")
    print("Nothing was run.")


@contextmanager
def terminated_as_interrupted() -> Generator[None]:
    """Lets SIGTERM end the block as Ctrl-C does: it stops its server and prints the line that resumes it."""
    import signal

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def say(line: str) -> None:
    console(stderr=True).print(line, markup=False, soft_wrap=True, style="bold")


@contextmanager
def watch(step: "Step", progress: "Progress") -> Generator[Any]:
    """The live panel of a step that asks models, and what it noted."""
    from ovt.commands.panel import live_panel

    screen = console(stderr=True)
    with live_panel(progress, screen):
        yield
    for note in progress.notes:
        screen.print(note, markup=False, soft_wrap=True, style="dim")
