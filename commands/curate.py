"""`ovt curate`: build a dataset version or preview what a build would do."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ovt.commands.options import (
    EngineName,
    HomePath,
    Json,
    Limit,
    MaxTokens,
    MaxUsd,
    Overrides,
    RayAddress,
    RecipePath,
    Retry,
    YesRecipe,
    YesSendKey,
    examples,
)
from ovt.commands.terminal import live, print_built, report, resumable, tell
from ovt.core.home import Home

commands = typer.Typer(no_args_is_help=True)


@commands.command(
    epilog=examples("ovt curate build charts.toml --dry-run", "ovt curate build charts.toml --limit 100 --max-usd 20")
)
def build(
    recipe: RecipePath,
    overrides: Overrides = None,
    limit: Limit = None,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    retry: Retry = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be asked and its cost.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="With --dry-run: tokens, GPUs and hours at the rates of a preview.")
    ] = False,
    engine: EngineName = "local",
    ray_address: RayAddress = None,
    yes_send_key: YesSendKey = False,
    yes_recipe: YesRecipe = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Build a dataset version; run the same command again to resume."""
    from ovt import api
    from ovt.commands.agree import settle, tell_claims
    from ovt.core.errors import RecipeError, TooManyFailed
    from ovt.core.progress import Progress
    from ovt.curate.claims import claims

    if plan and not dry_run:
        raise RecipeError("--plan only works with --dry-run", "add it, or leave --plan out")
    again = retry.split(",") if retry else ()
    if dry_run:
        with resumable():
            planned = api.plan(recipe, set=overrides or (), limit=limit, retry=again, measured=plan, home=home)
        if json:
            tell_claims(claims(api.read_recipe(recipe, overrides or ()), Home.locate(home), recipe))
        tell(planned, json)
        return
    progress, chosen = Progress(), api.read_recipe(recipe, overrides or ())
    settle(claims(chosen, Home.locate(home), recipe), yes_send_key, yes_recipe)
    limits = {"limit": limit, "max_usd": max_usd, "max_tokens": max_tokens}
    ways = {"retry": again, "engine": engine, "ray_address": ray_address}
    how: dict[str, Any] = limits | ways
    with resumable():
        try:
            with live(progress):
                version = api.build(recipe, set=overrides or (), home=home, progress=progress, **how)
        except TooManyFailed as error:
            print_built(api.load(error.version, home), json)
            raise
    print_built(version, json)


@commands.command(
    epilog=examples(
        "ovt curate init data/quiz.csv",
        "ovt curate init hf://you/charts --reasoner http://127.0.0.1:8001/v1 --yes",
    )
)
def init(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A file, a folder, hf://OWNER/NAME or a preset.")],
    captioner: Annotated[str | None, typer.Option(metavar="URL", help="A server whose model sees images.")] = None,
    reasoner: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A server with the reasoner; it must see images without --captioner."),
    ] = None,
    question: Annotated[str | None, typer.Option(metavar="COLUMN", help="The questions' column.")] = None,
    gold: Annotated[str | None, typer.Option(metavar="COLUMN", help="The answers' column.")] = None,
    image: Annotated[str | None, typer.Option(metavar="COLUMN", help="The pictures' column.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Where to write it [NAME.toml].")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing: decide, and say so.")] = False,
    json: Json = False,
) -> None:
    """Write a first recipe for a source, after a look at its rows."""
    from ovt.commands.init import begin

    columns = {"question": question, "gold": gold, "image": image}
    begin(source, {ours: name for ours, name in columns.items() if name}, (captioner, reasoner), out, yes, json)


@commands.command(epilog=examples("ovt curate preview charts.toml -n 1"))
def preview(
    recipe: RecipePath,
    overrides: Overrides = None,
    n: Annotated[int, typer.Option("--questions", "-n", min=1, help="How many questions.")] = 3,
    max_usd: MaxUsd = None,
    max_tokens: MaxTokens = None,
    yes_send_key: YesSendKey = False,
    yes_recipe: YesRecipe = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Run a few questions through every stage and show all prompts and replies."""
    from ovt.commands.agree import settle, tell_claims
    from ovt.commands.views.why import stories_told
    from ovt.curate.claims import check_agreed, claims
    from ovt.curate.endpoints.budget import Budget
    from ovt.curate.plan import preview as run_preview
    from ovt.curate.recipe import load_recipe
    from ovt.curate.run import Session

    with resumable():
        session = Session(Home.locate(home), Budget(max_usd, max_tokens), limit=n)
        chosen = load_recipe(recipe, overrides or ())
        found = claims(chosen, session.home, recipe)
        tell_claims(found)
        settle(found, yes_send_key, yes_recipe)
        check_agreed(found)
        stories = run_preview(chosen, session)
    report(stories, json, stories_told)
