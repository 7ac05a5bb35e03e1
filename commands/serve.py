"""`ovt serve`: keeps the servers of a recipe's endpoints running, for builds alongside it."""

import time
from contextlib import ExitStack, suppress

from ovt.commands.options import HomePath, Overrides, RecipePath, YesRecipe
from ovt.commands.terminal import live, note, say
from ovt.core.home import Home

LOOK_S = 0.5


def serve(
    recipe: RecipePath, overrides: Overrides = None, yes_recipe: YesRecipe = False, home: HomePath = None
) -> None:
    """Start the servers of a recipe's endpoints and keep them running; builds alongside it use them."""
    from ovt.commands.agree import settle
    from ovt.core.errors import OvtError
    from ovt.core.progress import Progress
    from ovt.curate.claims import server_claims
    from ovt.curate.recipe import load_recipe
    from ovt.curate.servers import serving

    chosen, there, progress = load_recipe(recipe, overrides or ()), Home.locate(home), Progress()
    wanted = {name: section for name, section in chosen.endpoints.items() if section.serve is not None}
    if not wanted:
        raise OvtError(f"{recipe} gives ovt no server to start: add serve to one of its endpoints (docs/scale.md)")
    settle(list(server_claims(wanted)), yes_recipe=yes_recipe)
    with suppress(KeyboardInterrupt), ExitStack() as stack:  # Ctrl-C is how it ends
        with live(progress):
            stack.enter_context(serving(wanted, there, progress))
        for name, section in wanted.items():
            say(f"{name}  {section.model}  {'  '.join(section.urls)}")
        note("Ctrl-C stops them", "dim")
        watch(progress.notes)


def watch(notes: list[str]) -> None:
    """Prints notes as they come, until interrupted."""
    told = len(notes)
    while True:
        for line in notes[told:]:
            note(line, "yellow")
        told = len(notes)
        time.sleep(LOOK_S)
