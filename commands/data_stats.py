"""`ovt data stats`."""

from pathlib import Path
from typing import Annotated

import typer

from ovt.commands.options import HomePath, Json
from ovt.commands.terminal import console, print_json
from ovt.core.home import Home

commands = typer.Typer()


@commands.command()
def stats(
    refs: Annotated[
        list[str], typer.Argument(metavar="NAME…", help="One version or several: names, name@v3, folders.")
    ],
    plot: Annotated[
        list[Path] | None, typer.Option("--plot", metavar="FILE", help="Also draw it: FILE.png, FILE.svg or FILE.html.")
    ] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show what a version is like: lengths, pass rates, answers, behaviours, cost; several side by side."""
    from ovt.curate.versions.profile import profile
    from ovt.curate.versions.read import open_version

    there = Home.locate(home)
    profiles = [profile(open_version(ref, there)) for ref in refs]
    for path in plot or ():
        from ovt.curate.reports.plots import write_plot

        write_plot(profiles, path)
    if json:
        print_json(profiles)
        return
    from ovt.commands.views.stats import one_version
    from ovt.commands.views.tables import told
    from ovt.curate.reports.figures import report

    console().print(one_version(profiles[0]) if len(profiles) == 1 else told(report(profiles)))
