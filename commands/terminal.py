"""What commands share: the console, JSON, pairs, a built version, how to go on after a stop, how to do it
again, and git's commit."""

import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from ovt.core.errors import INTERRUPTED, BudgetReached

if TYPE_CHECKING:
    from rich.console import Console

    from ovt.curate.versions.read import Version


@contextmanager
def resumable() -> Generator[None]:
    """Where the block is stopped by Ctrl-C or by the budget, say how to go on."""
    again = f"everything answered is kept; go on with: {shlex.join(['ovt', *sys.argv[1:]])}"
    try:
        yield
    except KeyboardInterrupt:
        print(f"ovt: interrupted; {again}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    except BudgetReached as error:
        raise BudgetReached(f"{error}; {again}") from error


def console(stderr: bool = False) -> "Console":
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)


def print_json(value: Any) -> None:
    import json

    print(json.dumps(value, ensure_ascii=False, indent=2))


def print_pairs(pairs: dict[str, Any]) -> None:
    """One "name  value" line per pair that has a value; without control characters."""
    from ovt.core.text import plain

    width = max(map(len, pairs))
    for name, value in pairs.items():
        if value not in (None, ""):
            print(f"{name:<{width}}  {plain(str(value))}")


def rebuild_line(command: str, recipe: Path, overrides: list[str] | None, limit: int | None = None) -> str:
    """The command line that makes the same versions again, wherever it runs; command: such as "ovt curate build"."""
    options = [part for override in overrides or () for part in ("--set", override)]
    options += ["--limit", str(limit)] if limit else []
    return shlex.join([*command.split(), str(recipe), *options])


def git_commit() -> str | None:
    """The commit of the repository that the command runs in, if it runs in one."""
    import subprocess

    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def print_built(version: "Version", as_json: bool) -> None:
    """The closing summary: the funnel, the version, and the command to go on with."""
    from rich.padding import Padding

    from ovt.commands.views.tables import view
    from ovt.curate.reports.funnel import stage_table
    from ovt.curate.versions.profile import outline

    about = outline(version)
    if as_json:
        print_json(about)
        return
    screen = console()
    screen.print(Padding(view(stage_table([row.model_dump() for row in version.manifest.funnel])), (1, 0)))
    screen.print(f"[bold]{version.ref}[/]  {about['sft']:,} rows to train on, {about['rl']:,} for RL", soft_wrap=True)
    screen.print(f"folder: {about['path']}", soft_wrap=True, markup=False)
    screen.print(f"next:   ovt data head {version.ref}", soft_wrap=True, markup=False)
