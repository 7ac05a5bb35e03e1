"""`ovt curate init`, step by step: look, ask where unsure, list the servers' models, write the recipe."""

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING

from ovt.commands.agree import somebody_answers
from ovt.commands.terminal import ask, note, report, say
from ovt.core.errors import CallError, OvtError

if TYPE_CHECKING:
    from ovt.curate.propose import Proposal, Server


def begin(
    source: str, columns: dict[str, str], urls: tuple[str | None, str | None], out: Path | None, yes: bool, json: bool
) -> None:
    """Writes the recipe, and shows what it was made from."""
    from ovt.commands.views.curate import proposal_shown
    from ovt.core.files import disk_errors
    from ovt.curate.propose import recipe_text

    proposal = settled(source, columns, asks=not yes and somebody_answers())
    name = name_of(proposal)
    place = out or Path(f"{name}.toml")
    if place.exists():
        raise OvtError(f"{place} already exists: give another --out, or edit it")
    captioner, reasoner = (server_at(url, asks=not yes and somebody_answers()) if url else None for url in urls)
    with disk_errors(place):
        place.write_text(recipe_text(proposal, name, captioner, reasoner), encoding="utf-8")
    report(
        vars(proposal) | {"doubts": [vars(one) for one in proposal.doubts], "recipe": str(place)}, json, proposal_shown
    )
    if not json:
        say(f"recipe: {place}", f"next:   ovt curate preview {place}")


def settled(source: str, columns: dict[str, str], asks: bool) -> "Proposal":
    """The proposal, after asking about the columns that were guessed, if somebody can answer."""
    from ovt.curate.propose import propose

    proposal = propose(source, columns)
    if not asks or not proposal.doubts:
        return proposal
    for doubt in proposal.doubts:
        note(f"columns: {', '.join(doubt.columns)}")
        columns[doubt.ours] = ask(f"{doubt.ours} is in", doubt.taken)
    return propose(source, columns)


def name_of(proposal: "Proposal") -> str:
    """A version's name, from the source's."""
    from ovt.curate.propose import section_of

    section = section_of(proposal.settings)
    folder = Path(section.path).resolve().name if section.name == "source" else ""  # of "."
    return re.sub(r"[^a-z0-9._-]+", "-", (folder or section.name).lower()).strip("-._")[:64] or "questions"


def server_at(url: str, asks: bool) -> "Server":
    """The endpoint at a URL, with the first of the models that it lists, or the one that the user chooses."""
    from ovt.curate.propose import Server

    try:
        models = asyncio.run(models_at(url))
    except CallError as error:
        note(f"{url} does not list its models ({error.reason}): fill in `model`", "yellow")
        return Server(url, (), "MODEL")
    model = models[0] if models else "MODEL"
    if len(models) > 1:
        listed = ", ".join(models[:20])
        note(f"{url} serves {listed}" + ("" if asks else f"; using {model}"))
        model = ask("model", model) if asks else model
    return Server(url, tuple(models), model)


async def models_at(url: str) -> list[str]:
    """The models that a server lists."""
    from ovt.curate.endpoints.endpoint import open_endpoint
    from ovt.curate.endpoints.section import server_section
    from ovt.curate.endpoints.transport import HttpTransport

    endpoint = open_endpoint("init", server_section("the server", url, "?"))
    async with endpoint:
        transport = endpoint.urls.all[0].transport
        return await transport.models() if isinstance(transport, HttpTransport) else []
