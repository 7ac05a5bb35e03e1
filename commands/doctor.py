"""`ovt doctor`: check that a build would work."""

from pathlib import Path
from typing import Annotated

import typer

from ovt.commands.options import HomePath, Json, Overrides, YesRecipe, YesSendKey
from ovt.commands.terminal import report
from ovt.core.home import Home


def doctor(
    recipe: Annotated[Path | None, typer.Argument(metavar="[RECIPE]", help="Also try this recipe's endpoints.")] = None,
    overrides: Overrides = None,
    yes_send_key: YesSendKey = False,
    yes_recipe: YesRecipe = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Check versions, disk, GPU and token, and test a recipe's endpoints with an image."""
    import asyncio

    from ovt.commands.agree import settle
    from ovt.commands.views.curate import findings_table
    from ovt.curate.claims import claims
    from ovt.curate.doctor import examine, examine_claims, examine_endpoints
    from ovt.curate.recipe import load_recipe

    findings = list(examine(Home.locate(home)))
    if recipe:
        chosen = load_recipe(recipe, overrides or ())
        found = claims(chosen, Home.locate(home), recipe)
        settle(found, yes_send_key, yes_recipe)
        findings += [*examine_claims(found), *asyncio.run(examine_endpoints(chosen))]
    report([vars(finding) for finding in findings], json, findings_table)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(1)
