"""`ovt data`: look into dataset versions."""

from enum import StrEnum
from typing import Annotated

import typer

from ovt.commands.options import HomePath, Json, Ref
from ovt.commands.terminal import console, print_json
from ovt.core.home import Home


class Grouping(StrEnum):
    """What `funnel --by` takes."""

    stage = "stage"
    source = "source"
    reason = "reason"


commands = typer.Typer(no_args_is_help=True, help="Look into dataset versions.")


@commands.command("list")
def list_(home: HomePath = None, json: Json = False) -> None:
    """List the versions of this home."""
    from ovt.commands.views.data import version_list
    from ovt.commands.views.tables import shown
    from ovt.curate.versions.profile import outline
    from ovt.curate.versions.read import list_versions

    there = Home.locate(home)
    versions, broken = list_versions(there)
    outlines = [outline(version) for version in versions]
    print_json(outlines) if json else console().print(version_list(outlines))
    notes = broken or ([] if versions else [f"no versions in {there.versions}: `ovt curate build pocket` makes one"])
    for line in notes:
        console(stderr=True).print(shown(line, "red" if broken else ""), soft_wrap=True)


@commands.command()
def show(ref: Ref, home: HomePath = None, json: Json = False) -> None:
    """Show what a version is, where it comes from and what it holds."""
    from ovt.commands.views.data import description
    from ovt.curate.reports.show import describe
    from ovt.curate.versions.read import open_version

    about = describe(open_version(ref, Home.locate(home)))
    print_json(about) if json else console().print(description(about))


@commands.command()
def head(
    ref: Ref,
    rows: Annotated[int, typer.Option("-n", "--rows", min=1, help="How many rows.")] = 3,
    split: Annotated[str | None, typer.Option(help="sft or rl; default: both.")] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show the first rows of a version's data."""
    from ovt.commands.views.data import rows_head
    from ovt.curate.reports.show import head as first_rows
    from ovt.curate.versions.read import open_version

    shown = first_rows(open_version(ref, Home.locate(home)), split, rows)
    print_json(shown) if json else console().print(rows_head(shown))


@commands.command()
def why(
    refs: Annotated[list[str], typer.Argument(metavar="NAME", help="One version or several: name, name@v3, …")],
    id_: Annotated[
        str, typer.Argument(metavar="ID", help="A question's or sample's id, the start of one, or a text in it.")
    ],
    text: Annotated[bool, typer.Option("--text", help="Search for a text, even if it could be an id.")] = False,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Tell the story of a question or a sample, kept or dropped: prompts, replies, verdicts, decisions."""
    from ovt.commands.views.why import told
    from ovt.curate.reports.why import look_up
    from ovt.curate.versions.read import open_version

    there = Home.locate(home)
    found = look_up([open_version(ref, there) for ref in refs], id_, text)
    if json:
        print_json(found["stories"][0] if len(refs) == len(found["stories"]) == 1 else found)
    else:
        console().print(told(found))


@commands.command()
def funnel(
    ref: Ref,
    by: Annotated[Grouping, typer.Option("--by", help="What the counts are told apart by.")] = Grouping.stage,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show what each stage got, dropped and passed on, and why; by stage, by source or by reason."""
    from ovt.commands.views.tables import told
    from ovt.curate.reports.funnel import report
    from ovt.curate.versions.read import open_version

    found = report(open_version(ref, Home.locate(home)), by.value)
    print_json(found.data) if json else console().print(told(found))
