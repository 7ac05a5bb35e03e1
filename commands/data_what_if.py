"""`ovt data what-if`."""

import shlex
from typing import Annotated

import typer

from ovt.commands.options import HomePath, Json, Overrides, Ref
from ovt.commands.terminal import console, git_commit, print_json
from ovt.core.home import Home

commands = typer.Typer()


@commands.command("what-if")
def what_if(
    ref: Ref,
    overrides: Overrides = None,
    reverify: Annotated[bool, typer.Option("--reverify", help="Give every verdict anew, with this verifier.")] = False,
    examples: Annotated[int, typer.Option("-n", "--examples", min=0, help="Rows to show of each sort.")] = 1,
    save_as: Annotated[str | None, typer.Option(metavar="NAME", help="Write it as a version of this name.")] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Show the funnel and the rows of a version under other settings, from its stored replies; no model is asked."""
    from ovt.curate.reports.what_if import Saving
    from ovt.curate.reports.what_if import what_if as decide_again
    from ovt.curate.versions.read import open_version

    there = Home.locate(home)
    version = open_version(ref, there)
    saving = None
    if save_as is not None:
        saving = Saving(
            save_as, there, rebuild_line(version.manifest.hash_ref, overrides, reverify, save_as), git_commit()
        )
    about = decide_again(version, overrides or (), judge_again=reverify, examples=examples, saving=saving)
    if json:
        print_json(about)
        return
    from ovt.commands.views.what_if import told

    screen = console()
    screen.print(told(about, bool(screen.color_system)))


def rebuild_line(ref: str, overrides: list[str] | None, reverify: bool, save_as: str) -> str:
    """The command that makes the saved version again."""
    options = [part for override in overrides or () for part in ("--set", override)]
    options += ["--reverify"] * reverify + ["--save-as", save_as]
    return shlex.join(["ovt", "data", "what-if", ref, *options])
