"""`ovt loop`: run every iteration of data, SFT, RL and evaluation with one command, and show its progress."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ovt.commands.options import (
    HomePath,
    Json,
    LoopName,
    LoopRef,
    MaxTokens,
    MaxUsd,
    Overrides,
    RecipePath,
    YesRecipe,
    YesSendKey,
    examples,
)
from ovt.commands.terminal import live, note, print_json, report, resumable, say
from ovt.core.home import Home
from ovt.core.records import git_commit, rebuild_line

if TYPE_CHECKING:
    from ovt.core.progress import Progress
    from ovt.curate.claims import Claim
    from ovt.train.loop.recipe import LoopRecipe
    from ovt.train.loop.steps import Step

commands = typer.Typer(no_args_is_help=True)


@commands.command(epilog=examples("ovt loop run pocket-loop --dry-run", "ovt loop run charts-loop.toml --max-usd 200"))
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
    yes_send_key: YesSendKey = False,
    yes_recipe: YesRecipe = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Run a loop; run the same command again to resume (exit code 4 if an iteration fails its gate)."""
    from ovt.commands.agree import settle
    from ovt.commands.train import on_devices, training
    from ovt.curate.claims import check_agreed
    from ovt.train.loop.recipe import load_loop
    from ovt.train.loop.serve import loop_claims

    with training():
        launch = on_devices(accelerate, processes)
        chosen = load_loop(recipe, overrides or ())
        found = loop_claims(chosen, Home.locate(home), recipe)
        if dry_run:
            print_steps(chosen, found, json)
            return
        settle(found, yes_send_key, yes_recipe)
        check_agreed(found)
        from ovt.curate.endpoints.budget import Budget
        from ovt.train.loop.run import run_loop
        from ovt.train.loop.work import Tools

        tools = Tools(
            budget=Budget(max_usd, max_tokens),
            git_commit=git_commit(),
            rebuild=rebuild_line("loop", "run", str(recipe), overrides=overrides),
            launch=launch,
            watch=watch,
            say=lambda line: note(line, "bold"),
        )
        with resumable():
            run_loop(chosen, Home.locate(home), tools)
    status(chosen.name, home, json)


@commands.command(epilog=examples("ovt loop status", "ovt loop status charts-loop"))
def status(name: LoopName = None, home: HomePath = None, json: Json = False) -> None:
    """Show a loop's steps as a tree, with each one's state and numbers."""
    from ovt.commands.views.train import status_tree
    from ovt.train.loop.steps import loop_names, read_status

    where = Home.locate(home)
    if name is None:
        names = loop_names(where)
        if json:
            print_json(names)
        elif names:
            say(*names)
        else:
            note(f"no loops in {where.loops} yet")
        return
    report(read_status(name, where), json, status_tree)


@commands.command(epilog=examples("ovt loop plot charts-loop"))
def plot(name: LoopRef, home: HomePath = None) -> None:
    """Draw accuracy, length and behaviours by step, as PNG and SVG."""
    from pathlib import Path

    from ovt.train.loop.steps import read_status
    from ovt.train.plots import plot_loop

    found = read_status(name, Home.locate(home))
    done = [step for step in found["steps"] if step["kind"] == "eval" and step["status"] == "done"]
    rows = [{"label": step["name"].removeprefix("eval-"), **step["numbers"]} for step in done]
    say(*plot_loop(name, rows, Path(found["folder"]) / "plots"))


def print_steps(recipe: "LoopRecipe", found: "Sequence[Claim]", as_json: bool) -> None:
    """The steps of a loop, in order, and what else it does."""
    from ovt.commands.agree import tell_claims
    from ovt.curate.claims import listed
    from ovt.train.loop.steps import plan_steps

    steps = plan_steps(recipe)
    if as_json:
        tell_claims(found)
        print_json([{**vars(step), "title": step.title} for step in steps])
        return
    say(*(f"{step.name:<14} {step.title}" for step in steps), *filter(None, [listed(found)]), "Nothing was run.")


@contextmanager
def watch(step: "Step", progress: "Progress") -> Generator[Any]:
    """The live panel of a step that calls models, and its notes."""
    with live(progress):
        yield
