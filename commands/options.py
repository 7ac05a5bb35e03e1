"""The options that several commands take, each declared once."""

from pathlib import Path
from typing import Annotated

import typer

RecipePath = Annotated[Path, typer.Argument(metavar="RECIPE", help="A TOML file, or the name of a shipped recipe.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe's key.")]
HomePath = Annotated[
    Path | None, typer.Option("--home", help="Where replies, images and versions are [$OVT_HOME, else ./ovt-home].")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Take at most this many questions.")]
MaxSamples = Annotated[int | None, typer.Option("--limit", min=1, help="Look at this many samples at most.")]
MaxUsd = Annotated[float | None, typer.Option(min=0, help="Spend at most this in this run (then exit code 3).")]
MaxTokens = Annotated[int | None, typer.Option(min=0, help="Use at most this many tokens in this run.")]
Ref = Annotated[str, typer.Argument(metavar="NAME", help="name, name@v3, name@HASH or a folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
