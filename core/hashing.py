"""The one spelling of a value in JSON: what addresses and hashes are made of."""

import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """`value` as JSON with the same bytes for the same value: sorted keys, no spaces, UTF-8 (half surrogates too).

    Mappings are written as dicts. Raises ValueError for NaN and infinities, TypeError for what JSON has no word for;
    `versions.manifest.canonical_hash` refuses all that could be written in more than one way, and says where it is.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=dict)
    return text.encode("utf-8", "surrogatepass")
