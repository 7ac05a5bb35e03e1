"""What commands print with: the console, JSON, pairs, and how to go on after a stop."""

import shlex
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from ovt.curate.errors import BudgetReached

if TYPE_CHECKING:
    from rich.console import Console

INTERRUPTED = 130  # exit code of a stopped command that can be resumed


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
    """One "name  value" line per pair that has a value."""
    width = max(map(len, pairs))
    for name, value in pairs.items():
        if value not in (None, ""):
            print(f"{name:<{width}}  {value}")
