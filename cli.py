"""The `ovt` command: its groups of commands, put together. Whatever is heavy is imported inside the commands."""

import errno
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ovt.commands import curate, data, loop, train, verify
from ovt.commands import data_diff as diff
from ovt.commands import data_export as export
from ovt.commands import data_hub as hub
from ovt.commands import data_screen as similar
from ovt.commands import data_stats as stats
from ovt.commands import data_what_if as whatif
from ovt.commands import eval as evaluation
from ovt.commands.options import HomePath, Json, Overrides
from ovt.commands.terminal import console, print_json
from ovt.core.errors import OvtError
from ovt.core.home import Home

DISK_TROUBLE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
for group, parts in {
    "curate": (curate,),
    "data": (data, stats, diff, whatif, similar, export, hub),
    "verify": (verify,),
    "train": (train,),
    "eval": (evaluation,),
    "loop": (loop,),
}.items():
    first, *others = (part.commands for part in parts)
    app.add_typer(first, name=group)
    for commands in others:
        first.add_typer(commands)


@app.callback()
def ovt() -> None:
    """Turn image questions with known answers into verified reasoning data, and train on it."""


@app.command()
def doctor(
    recipe: Annotated[Path | None, typer.Argument(metavar="[RECIPE]", help="Also try this recipe's endpoints.")] = None,
    overrides: Overrides = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Check versions, disk, GPU and token, and a recipe's endpoints by a round trip with an image."""
    import asyncio

    from ovt.curate.doctor import examine, examine_endpoints
    from ovt.curate.recipe import load_recipe

    findings = list(examine(Home.locate(home)))
    if recipe:
        findings += asyncio.run(examine_endpoints(load_recipe(recipe, overrides or ())))
    if json:
        print_json([vars(finding) for finding in findings])
    else:
        print_findings(findings)
    if any(finding.status == "fail" for finding in findings):
        raise typer.Exit(1)


def print_findings(findings: list[Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from ovt.commands.views.tables import shown

    view = Table(box=None, pad_edge=False, header_style="dim")
    for column in ("", "check", "found", "what to do"):
        view.add_column(column, overflow="fold")
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    for finding in findings:
        status = Text(finding.status, colours[finding.status])
        view.add_row(status, shown(finding.check), shown(finding.found), shown(finding.advice))
    console().print(view)


def main() -> None:
    """The entry point: runs a command; a mistake that the user can fix becomes one line and an exit code."""
    try:
        app()
    except OvtError as error:
        print(f"ovt: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in DISK_TROUBLE:
            raise
        print(f"ovt: cannot write {error.filename or 'its output'}: {error.strerror}; free space, fix permissions, "
              "or choose another place with --home", file=sys.stderr)  # fmt: skip
        sys.exit(1)
