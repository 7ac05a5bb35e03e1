"""Options shared by several commands, each declared once; shell completion; examples for `--help`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from ovt.core.home import Home


def examples(*lines: str) -> str:
    """The examples at the end of a command's `--help`; a test parses every line."""
    return "\n".join(["\b", "Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])


def complete_names(folder: str) -> Callable[[typer.Context, str], list[str]]:
    """Completes the names of folders in a subfolder of the home, such as runs."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        there = getattr(Home.locate(context.params.get("home")), folder)
        return sorted(path.name for path in there.glob("[!.]*") if path.name.startswith(incomplete) and path.is_dir())

    return complete


def complete_versions(context: typer.Context, incomplete: str) -> list[str]:
    """Completes versions: names, and numbers after an @."""
    there = Home.locate(context.params.get("home")).versions
    manifests = (path for places in ("[!.@]*", "@*/[!.]*") for path in there.glob(f"{places}/v*/manifest.json"))
    found = {(f"{path.parents[1].relative_to(there)}".removeprefix("@"), path.parent.name) for path in manifests}
    refs = {f"{name}@{number}" if "@" in incomplete else name for name, number in found}
    return sorted(ref for ref in refs if ref.startswith(incomplete))


def complete_recipes(incomplete: str) -> list[str]:
    """Completes the names of shipped recipes; the shell completes files itself."""
    shipped = Path(__file__, "../../recipes").resolve().glob("*.toml")
    return sorted(path.stem for path in shipped if path.stem.startswith(incomplete))


REF = "name, name@v3, name@HASH, OWNER/NAME@TAG (pulled) or a folder."
Ref = Annotated[str, typer.Argument(metavar="NAME", help=REF, autocompletion=complete_versions)]
Refs = Annotated[
    list[str], typer.Argument(metavar="NAME...", help=f"One version or more: {REF}", autocompletion=complete_versions)
]
RefA = Annotated[str, typer.Argument(metavar="A", help=f"The older version: {REF}", autocompletion=complete_versions)]
RefB = Annotated[str, typer.Argument(metavar="B", help="The newer version.", autocompletion=complete_versions)]
DataRef = Annotated[
    str,
    typer.Argument(metavar="REF", help="name, name@v3, OWNER/NAME@TAG or a folder.", autocompletion=complete_versions),
]
RunRef = Annotated[str, typer.Argument(metavar="RUN", help="A run's name.", autocompletion=complete_names("runs"))]
EvalRef = Annotated[
    str, typer.Argument(metavar="NAME", help="An evaluation's name.", autocompletion=complete_names("evals"))
]
EvalRefs = Annotated[
    list[str],
    typer.Argument(metavar="NAME NAME...", help="Two or more evaluations.", autocompletion=complete_names("evals")),
]
LoopName = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]", help="The loop's name; without it, list them.", autocompletion=complete_names("loops")
    ),
]
LoopRef = Annotated[
    str, typer.Argument(metavar="NAME", help="The loop's name.", autocompletion=complete_names("loops"))
]

RecipePath = Annotated[
    Path,
    typer.Argument(
        metavar="RECIPE", help="A TOML file, or the name of a shipped recipe.", autocompletion=complete_recipes
    ),
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a key of the recipe. Repeatable.")
]
HomePath = Annotated[
    Path | None, typer.Option("--home", help="Where replies, images and versions are kept [$OVT_HOME or ./ovt-home].")
]
Limit = Annotated[int | None, typer.Option(min=1, help="Take at most this many questions.")]
MaxSamples = Annotated[int | None, typer.Option("--limit", min=1, help="Use at most this many samples.")]
MaxUsd = Annotated[float | None, typer.Option(min=0, help="Spend at most this much in this run (exit code 3).")]
MaxTokens = Annotated[int | None, typer.Option(min=0, help="Use at most this many tokens in this run (exit code 3).")]
Retry = Annotated[
    str | None,
    typer.Option(metavar="KINDS", help="Ask again for such replies: empty, filtered, refusal, tool_calls, truncated."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
YesSendKey = Annotated[
    bool, typer.Option("--yes-send-key", help="Agree, for good, to send keys where the recipe says.")
]
YesRecipe = Annotated[
    bool, typer.Option("--yes-recipe", help="Agree, for good, to the programs it starts and the files it sends.")
]
EngineName = Annotated[str, typer.Option("--engine", metavar="NAME", help="Where chunks are decided: local or ray.")]
RayAddress = Annotated[
    str | None, typer.Option("--ray-address", metavar="ADDRESS", help="A running Ray [starts one on this machine].")
]
Yes = Annotated[bool, typer.Option("--yes", help="Remove it; without this, only list what would go.")]
Judge = Annotated[
    str | None,
    typer.Option("--judge", metavar="MODEL@URL", help="For benchmarks: also ask a model's opinion of each answer."),
]
Least = Annotated[
    list[str] | None,
    typer.Option(
        "--min",
        metavar="[NAME=]POINTS",
        help="Exit with code 4 if a benchmark's accuracy (ours) is below this. Repeatable.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with code 4 if anything is found.")]

Repo = Annotated[str, typer.Argument(metavar="REPO", help="OWNER/NAME on the Hub.")]
Tag = Annotated[str | None, typer.Option("--tag", help="The revision's name [v3 for name@v3; a run's name].")]
Private = Annotated[bool, typer.Option("--private", help="Make a new repository private.")]
CreatePr = Annotated[bool, typer.Option("--create-pr", help="Open a pull request instead of committing to main.")]
DryPush = Annotated[bool, typer.Option("--dry-run", help="Check everything and list files and sizes; send nothing.")]
NotSecret = Annotated[
    list[str] | None, typer.Option("--not-secret", metavar="MARK", help="Mark a reported finding as not a secret.")
]
MayShare = Annotated[
    list[str] | None, typer.Option("--may-share", metavar="SOURCE", help="You have the right to share this source.")
]
