"""`ovt view`: look at versions, runs and evaluations in a browser."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ovt.commands.options import HomePath, complete_versions
from ovt.commands.terminal import note, say
from ovt.core.home import Home
from ovt.core.text import size

if TYPE_CHECKING:
    from ovt.view.answers import View

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME...]", help="What to show first: name, name@v3, name@HASH.", autocompletion=complete_versions
    ),
]


def view(
    names: Names = None,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="The port [8417, or a free one].")] = None,
    host: Annotated[
        str, typer.Option(help="Where to listen; beyond this machine, the URL holds a token.")
    ] = "127.0.0.1",
    who: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Record NAME and the time with labels.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the view as files, instead of serving it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="With --out: how many questions of each.")] = 2_000,
    home: HomePath = None,
) -> None:
    """Look at rows, chains and verdicts in a browser, from a server on this machine."""
    import asyncio

    from ovt.curate.versions.read import open_version
    from ovt.view.answers import View
    from ovt.view.server import first_screen, make_app, new_token, serve

    there = Home.locate(home)
    if out is not None:
        save(View(there), names or (), out, limit)
        return
    refs = tuple(open_version(name, there).ref for name in names or ())
    app = make_app(View(there, who, refs), new_token(host))

    def ready(address: str) -> None:
        address += first_screen(refs)
        say(address)
        sys.stdout.flush()  # whoever reads it through a pipe waits for it
        note("Ctrl-C stops it", "dim")
        if open_:
            typer.launch(address)

    with suppress(KeyboardInterrupt):  # how it ends
        asyncio.run(serve(app, host, port, ready))


def save(view: "View", names: Sequence[str], out: Path, limit: int) -> None:
    """Writes a view of what is named, or of everything."""
    from ovt.view.catalog import refs_of
    from ovt.view.static import write_view

    told = write_view(view, names or refs_of(view.home), out, limit)
    for line in told["notes"]:
        note(line)
    say(f"{told['folder']}/index.html  {told['files']:,} files, {size(told['bytes'])}")
