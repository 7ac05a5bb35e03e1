"""What addresses and hashes are made of: the one spelling of a value in JSON, and which weights lie in a folder."""

import hashlib
import json
from pathlib import Path
from typing import Any

SHAPES_REPLIES = ("config.json", "tokenizer.json", "chat_template.jinja", "preprocessor_config.json")


def canonical_json(value: Any) -> bytes:
    """`value` as JSON with the same bytes for the same value: sorted keys, no spaces, UTF-8 (half surrogates too).

    Mappings are written as dicts. Raises ValueError for NaN and infinities, TypeError for what JSON has no word for;
    `versions.manifest.canonical_hash` refuses all that could be written in more than one way, and says where it is.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=dict)
    return text.encode("utf-8", "surrogatepass")


def hash_weights(folder: Path) -> str:
    """sha256 (hex) over a model folder's weights and everything else there that shapes a reply; nothing is loaded."""
    digest = hashlib.sha256()
    for path in [*sorted(folder.glob("*.safetensors")), *(folder / name for name in SHAPES_REPLIES)]:
        if path.is_file():
            with path.open("rb") as file:
                digest.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
