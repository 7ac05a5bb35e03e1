"""`ovt curate`: build a dataset version, or look at what a build would ask."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ovt.commands.options import HomePath, Json, Limit, MaxTokens, MaxUsd, Overrides, RecipePath
from ovt.commands.terminal import console, git_commit, print_built, print_json, rebuild_line, resumable
from ovt.core.home import Home

if TYPE_CHECKING:
    from ovt.curate.recipe import Recipe
    from ovt.curate.run import Session

commands = typer.Typer(no_args_is_help=True, help="Turn questions with images into verified dataset versions.")


@commands.command()
def build(
    recipe: RecipePath,
    overrides: Overrides = None,
    limit: Limit = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be asked, and its price.")] = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Build a dataset version; run the same line again to resume."""
    from ovt.commands.panel import live_panel
    from ovt.core.progress import Progress
    from ovt.curate.build import build as run_build
    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.recipe import load_recipe
    from ovt.curate.run import Session

    chosen, where = load_recipe(recipe, overrides or ()), Home.locate(home)
    if dry_run:
        with resumable():
            print_plan(chosen, Session(where, limit=limit), json)
        return
    progress = Progress()
    with resumable(), live_panel(progress, console(stderr=True)):
        again = rebuild_line("ovt curate build", recipe, overrides, limit)
        session = Session(where, Budget(max_usd, max_tokens), progress, limit, again, git_commit())
        version = run_build(chosen, session)
    for note in progress.notes:
        console(stderr=True).print(note, markup=False, soft_wrap=True, style="dim")
    print_built(version, json)


@commands.command()
def preview(
    recipe: RecipePath,
    overrides: Overrides = None,
    n: Annotated[int, typer.Option("--questions", "-n", min=1, help="How many questions.")] = 3,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Take three questions all the way, and show every prompt and reply."""
    from ovt.commands.views.data import story_told
    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.plan import preview as run_preview
    from ovt.curate.recipe import load_recipe
    from ovt.curate.run import Session

    with resumable():
        session = Session(Home.locate(home), Budget(max_usd, max_tokens), limit=n)
        stories = run_preview(load_recipe(recipe, overrides or ()), session)
    if json:
        print_json(stories)
        return
    for story in stories:
        console().rule()
        console().print(story_told(story))


def print_plan(recipe: "Recipe", session: "Session", as_json: bool) -> None:
    from rich.table import Table

    from ovt.commands.views.tables import shown
    from ovt.curate.plan import plan

    plans = [stage.as_dict() for stage in plan(recipe, session)]
    if as_json:
        print_json(plans)
        return
    view = Table("stage", "endpoint", box=None, pad_edge=False, header_style="dim")
    for column in ("rows", "wanted", "answered", "calls", "prompt tokens", "completion tokens", "US$"):
        view.add_column(column, justify="right", overflow="fold")
    for stage in plans:
        view.add_row(*map(shown, plan_cells(stage)))
    console().print(view)
    print("Tokens and prices are upper estimates. Nothing was asked.")


def plan_cells(stage: dict[str, Any]) -> list[str]:
    """A stage's plan as a line: what no max_tokens bounds, and what has no price, is unknown."""
    numbers = [f"{stage[name]:,}" for name in ("rows", "wanted", "answered", "calls", "prompt_tokens")]
    reply = f"{stage['completion_tokens']:,}" if stage["bounded"] else "unknown"
    is_priced = stage["bounded"] and stage["cost_usd"] is not None
    return [stage["stage"], stage["endpoint"], *numbers, reply, f"{stage['cost_usd']:.2f}" if is_priced else "unknown"]
