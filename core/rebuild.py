"""How to rebuild a version, for its card: the command line, and the commit it ran in."""

import shlex
import subprocess
from collections.abc import Iterable


def rebuild_line(*command: str, overrides: Iterable[str] | None = None, **options: object) -> str:
    """The command line that rebuilds the same versions on any machine.

    >>> rebuild_line("curate", "build", "charts.toml", overrides=["reason.k=8"], limit=100)
    'ovt curate build charts.toml --set reason.k=8 --limit 100'
    """
    words = [part for override in overrides or () for part in ("--set", override)]
    for name, value in options.items():
        if value not in (None, False):
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(["ovt", *command, *words])


def git_commit() -> str | None:
    """The git commit of the repository this process runs in, if any."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
