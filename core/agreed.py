"""What the user has agreed to, in lines such as "send $MY_KEY to https://llm.example.org".

They are kept in the user's own configuration (`~/.config/ovt/agreed.json`): a JSON list that can be read and shortened
by hand.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress

from ovt.core.config import config_file, write_config
from ovt.core.errors import OvtError

FILE = "agreed.json"
_now: set[str] = set()  # agreed to in this process, even if the file cannot be written


def not_agreed(lines: Iterable[str]) -> list[str]:
    """Those of `lines` that the user has not agreed to yet."""
    wanted = dict.fromkeys(lines)
    known = _now.union(_kept()) if wanted else ()
    return [line for line in wanted if line not in known]


def agree(lines: Iterable[str]) -> None:
    """Records `lines` as agreed to; only for this process if the configuration cannot be written."""
    new = not_agreed(lines)
    if not new:
        return
    _now.update(new)
    with suppress(OSError):
        write_config(FILE, lambda: list(dict.fromkeys([*_kept(), *new])))


def _kept() -> list[str]:
    """The lines in the file; none if it is missing or not the user's own. OvtError if it was broken by hand."""
    try:
        file = config_file(FILE)
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
