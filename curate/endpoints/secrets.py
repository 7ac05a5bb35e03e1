"""Keys that servers echo: removed from replies once they are parsed, and from everything that is shown."""

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote_plus

from ovt.core.text import plain

SHORTEST_KEY = 8  # characters; shorter ones protect nothing, and may be ordinary words
# Patterns of keys, in case a server echoes one that is not ours.
KEY_LOOK = re.compile(r"\b(?:sk|hf|gsk|xai)[-_][\w*.\-]{6,}|(?<=Bearer )\S+")
ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
REMOVED = "[key]"


def is_secret(key: str | None) -> bool:
    """Whether a key must not be in a reply. Words ("EMPTY", as for local servers) may be."""
    return key is not None and len(key) >= SHORTEST_KEY and not key.isalpha()


def spellings(secret: str) -> list[str]:
    """A secret, and how it may be spelt in an address that holds it."""
    from yarl import URL

    quoted = quote_plus(secret)
    return list(dict.fromkeys([secret, quoted, URL(f"?{quoted}").raw_query_string]))  # the last one as aiohttp sends it


def without_key(value: Any, keys: Sequence[str]) -> Any:
    """Parsed JSON with the keys removed from every text in it, names included, however they were spelt.

    A reply that echoes a key would put it into the store, and from there into published data.
    """
    if not keys:
        return value
    if isinstance(value, str):
        for key in keys:
            value = value.replace(key, REMOVED)
        return value
    if isinstance(value, dict):
        return {without_key(name, keys): without_key(inner, keys) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_key(inner, keys) for inner in value]
    return value


def scrub(text: str, *keys: str) -> str:
    """`text` as one safe line of at most 300 characters, without the keys or anything that looks like one."""
    text = ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)  # from a body that was not JSON, or JSON in JSON
    for key in keys:
        text = text.replace(key, REMOVED)
    line = plain(" ".join(KEY_LOOK.sub(REMOVED, text).split()))
    return line if len(line) <= 300 else f"{line[:299]}…"
