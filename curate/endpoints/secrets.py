"""Keys that come back: removed from replies once they are parsed, and from everything that is shown."""

import re
from typing import Any

from ovt.core.text import plain

SHORTEST_KEY = 8  # characters; shorter ones protect nothing, and may be ordinary words
# Patterns of keys, in case a server echoes one that is not ours.
KEY_LOOK = re.compile(r"\b(?:sk|hf|gsk|xai)[-_][\w*.\-]{6,}|(?<=Bearer )\S+")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
REMOVED = "[key]"


def is_secret(key: str | None) -> bool:
    """Whether a key must not be in a reply. Words ("EMPTY", as for local servers) may be."""
    return key is not None and len(key) >= SHORTEST_KEY and not key.isalpha()


def without_key(value: Any, key: str | None) -> Any:
    """Parsed JSON with the key removed from every text in it, names included, however it was spelt.

    A reply that echoes the key would put it into the store, and from there into published data.
    """
    return _removed(value, key) if key is not None and is_secret(key) else value


def _removed(value: Any, key: str) -> Any:
    if isinstance(value, str):
        return value.replace(key, REMOVED) if key in value else value
    if isinstance(value, dict):
        return {_removed(name, key): _removed(inner, key) for name, inner in value.items()}
    if isinstance(value, list):
        return [_removed(inner, key) for inner in value]
    return value


def scrub(text: str, key: str | None) -> str:
    """`text` as one safe line of at most 300 characters, without the key or anything that looks like one."""
    text = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)  # of a body that was not JSON, or JSON in JSON
    if key:
        text = text.replace(key, REMOVED)
    line = plain(" ".join(KEY_LOOK.sub(REMOVED, text).split()))
    return line if len(line) <= 300 else f"{line[:299]}…"
