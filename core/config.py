"""The user's own configuration: never in a home or a recipe, which come from others.

It is in `$XDG_CONFIG_HOME/ovt` if that is an absolute path (as its specification asks), else in `~/.config/ovt`.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ovt.core.files import locked, replacing


def config_file(name: str) -> Path:
    """The path of a file. OSError if this user has no home folder, as in some containers."""
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    try:
        return (base if base.is_absolute() else Path.home() / ".config") / "ovt" / name
    except RuntimeError as error:
        raise FileNotFoundError(str(error)) from None


def write_config(name: str, value: Callable[[], Any]) -> None:
    """Writes a value as JSON into a file that only the user can read. OSError if that is impossible.

    value: called while no other process writes, so that it can add to what is there.
    """
    file = config_file(name)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(file.parent), replacing(file) as part:
        part.touch(mode=0o600)
        part.write_text(json.dumps(value(), indent=2) + "\n", encoding="utf-8")
