"""Found finished, or refused: compares what something is made from with what is on disk under its name.

Versions, training runs, loop steps, evaluations and exports are made once. Each keeps a record of all its
inputs; a new one either has the same inputs (and is found or resumed), or it does not:

    wanted = MadeOf("run charts-sft", {"data_hash": "7b2e…", "learning_rate": 1e-6}, "choose another --name")
    wanted.require(record)   # DriftError: run charts-sft was made from different inputs (learning_rate was 1e-05,
                             # would be 1e-06); choose another --name
"""

import json
import shlex
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ovt.core.errors import OvtError

SHOWN = 3  # differences in a message
LONGEST = 60  # characters of a value in it


@dataclass(frozen=True)
class Difference:
    """One differing input; None if a side does not have it."""

    key: str
    was: Any
    would_be: Any

    def __str__(self) -> str:
        return f"{self.key} was {_short(self.was)}, would be {_short(self.would_be)}"


class DriftError(OvtError):
    """The name belongs to something that was made from different inputs.

    thing: "run charts-sft"; differences: every input that differs.
    """

    def __init__(self, thing: str, differences: list[Difference], fix: str) -> None:
        told = "; ".join(map(str, differences[:SHOWN]))
        more = f"; and {len(differences) - SHOWN} more" if len(differences) > SHOWN else ""
        super().__init__(f"{thing} was made from different inputs ({told}{more})", fix)
        self.args = (thing, differences, fix)
        self.thing, self.differences = thing, differences


@dataclass(frozen=True)
class MadeOf:
    """All inputs of `what`, as JSON values, and what to do if its name is already used for something else."""

    what: str
    parts: Mapping[str, Any]
    fix: str = "choose another name"

    def differences(self, there: Mapping[str, Any], aside: Collection[str] = ()) -> list[Difference]:
        """The differences from a record on disk, key by key, in order; keys in `aside` are ignored."""
        return [one for one in _differences(_plain(there), _plain(self.parts)) if one.key not in aside]

    def require(self, there: Mapping[str, Any], aside: Collection[str] = ()) -> None:
        """Raises DriftError unless the record on disk has the same inputs."""
        if differences := self.differences(there, aside):
            raise DriftError(self.what, differences, self.fix)


def _differences(was: Mapping[str, Any], would_be: Mapping[str, Any], path: str = "") -> Iterator[Difference]:
    for key in sorted({*was, *would_be}):
        old, new = was.get(key), would_be.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _differences(old, new, f"{path}{key}.")
        elif old != new:
            yield Difference(path + key, old, new)


def _plain(parts: Mapping[str, Any]) -> dict[str, Any]:
    """The value as it reads back from a file: tuples become lists."""
    return json.loads(json.dumps(parts, default=dict))


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"


# How to make it again: the command line, and the commit it ran in.


def rebuild_line(*command: str, overrides: Iterable[str] | None = None, **options: object) -> str:
    """The command line that rebuilds the same versions on any machine.

    >>> rebuild_line("curate", "build", "charts.toml", overrides=["reason.k=8"], limit=100)
    'ovt curate build charts.toml --set reason.k=8 --limit 100'
    """
    words = [part for override in overrides or () for part in ("--set", override)]
    for name, value in options.items():
        if value is not None and value is not False:
            words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return shlex.join(["ovt", *command, *words])


def git_commit() -> str | None:
    """The git commit of the repository this process runs in, if any."""
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=False)  # noqa: S607
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None
