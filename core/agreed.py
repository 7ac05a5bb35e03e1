"""What the user has agreed to, in lines such as "send $MY_KEY to https://llm.example.org".

They are kept in the user's own configuration (`~/.config/ovt/agreed.json`), never in a home or a recipe, which come
from others: a JSON list that can be read, and shortened by hand.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError
from ovt.core.files import replacing

_now: set[str] = set()  # agreed to in this process, also where the file cannot be written


def agreed_file() -> Path:
    """The file: in $XDG_CONFIG_HOME/ovt if that is an absolute path (as its specification asks), else ~/.config/ovt."""
    base = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".config") / "ovt" / "agreed.json"


def not_agreed(lines: Iterable[str]) -> list[str]:
    """Those of `lines` that the user has not agreed to yet."""
    wanted = dict.fromkeys(lines)
    known = _now.union(_kept()) if wanted else ()
    return [line for line in wanted if line not in known]


def agree(lines: Iterable[str]) -> None:
    """Keeps `lines` as agreed to; for this process only, if the configuration cannot be written."""
    new = not_agreed(lines)
    if not new:
        return
    _now.update(new)
    with suppress(OSError):
        write_own(agreed_file(), [*_kept(), *new])


def write_own(file: Path, value: Any) -> None:
    """Writes a value as JSON into a file that only the user can read."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with replacing(file) as part:
        part.touch(mode=0o600)
        part.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


def _kept() -> list[str]:
    """The lines in the file; none if it is missing or not the user's own. OvtError if it was broken by hand."""
    file = agreed_file()
    try:
        if file.stat().st_uid != os.getuid():
            return []
        lines = json.loads(file.read_text(encoding="utf-8"))
    except OSError:
        return []
    except ValueError:
        lines = None
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise OvtError(f"{file} is not a JSON list of texts", "correct or delete it; you will be asked again")
    return lines
