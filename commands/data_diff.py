"""`ovt data diff`."""

from pathlib import Path
from typing import Annotated

import typer

from ovt.commands.options import HomePath, Json
from ovt.commands.terminal import console, print_json
from ovt.core.home import Home

commands = typer.Typer()

Versions = "name, name@v3, name@HASH or a folder."


@commands.command()
def diff(
    a: Annotated[str, typer.Argument(metavar="A", help=f"The older version: {Versions}")],
    b: Annotated[str, typer.Argument(metavar="B", help="The newer one.")],
    rows: Annotated[bool, typer.Option("--rows", help="Show rows, too, with their texts' differences.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many rows of each sort.")] = 5,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write one page with plots and rows.")] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show what lies between two versions: rows that came, went and changed, and how the data drifted."""
    from ovt.curate.reports.diff.diff import compare, open_side

    there = Home.locate(home)
    found = compare(open_side(a, there), open_side(b, there))
    if html:
        from ovt.curate.reports.diff.page import write_page

        write_page(found, html, limit)
    if json:
        from ovt.curate.reports.diff.examples import examples

        print_json(found.about | ({"examples": examples(found, limit)} if rows else {}))
        return
    from ovt.commands.views.diff import rows_shown, summary

    screen = console()
    screen.print(summary(found.about, screen))
    if rows:
        from ovt.curate.reports.diff.examples import examples

        screen.print(rows_shown(examples(found, limit), bool(screen.color_system)))
