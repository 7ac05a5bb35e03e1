"""`ovt data export`: a version as files that other trainers take."""

from pathlib import Path
from typing import Annotated

import typer

from ovt.commands.options import HomePath, Json, Ref
from ovt.commands.terminal import print_json
from ovt.core.home import Home

commands = typer.Typer()


@commands.command()
def export(
    ref: Ref,
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder to make, or to replace if it is an export.")],
    to: Annotated[str, typer.Option("--to", help="trl, llamafactory, easyr1, ms-swift, openai, or a plugin's.")],
    split: Annotated[str | None, typer.Option(help="sft or rl; default: all that the format can hold.")] = None,
    home: HomePath = None,
    json: Json = False,
) -> None:
    """Write a version as files that another trainer takes as they are."""
    import ovt
    from ovt.curate.export.export import export as write
    from ovt.curate.versions.read import open_version

    record, is_new = write(open_version(ref, Home.locate(home)), to, out, split, ovt.__version__)
    if json:
        print_json(record | {"is_new": is_new})
        return
    rows = ", ".join(f"{split} {count:,}" for split, count in record["rows"].items())
    print(f"{record['version']} for {to}: {rows}" + ("" if is_new else "; it was there already"))
    for reason, count in record["left_out"].items():
        print(f"left out: {count:,} rows with {reason}")
    print(f"folder: {record['place']}")
    print(f"use:    {record['use']}")
