"""The basis of addresses and hashes: canonical JSON, and the bytes of files.

All hashes are sha256, in hex. None may ever change: replies, images, imports and versions are found by them.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError

COMPACT = (",", ":")
SPACED = (", ", ": ")  # the spacing that import addresses have always used
_ENCODERS = {
    separators: json.JSONEncoder(
        sort_keys=True, separators=separators, ensure_ascii=False, allow_nan=False, default=dict
    ).encode
    for separators in (COMPACT, SPACED)
}
SHAPES_REPLIES = ("config.json", "tokenizer.json", "chat_template.jinja", "preprocessor_config.json")


def canonical_json(value: Any, separators: tuple[str, str] = COMPACT) -> bytes:
    """`value` as JSON, with the same bytes for the same value: sorted keys, no spaces, UTF-8 (lone surrogates too).

    Mappings are written as dicts. Raises ValueError for NaN and infinities, TypeError for what JSON cannot express;
    `canonical_hash` refuses everything that could be written in more than one way, and names its location.
    """
    return _ENCODERS[separators](value).encode("utf-8", "surrogatepass")


def hash_json(value: Any, separators: tuple[str, str] = COMPACT) -> str:
    """The hash of `canonical_json`."""
    return hash_bytes(canonical_json(value, separators))


def hash_bytes(content: bytes | Path) -> str:
    """The hash of bytes, or of a whole file, which is read in pieces."""
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    with content.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_hash(value: object, where: str = "value") -> str:
    """Like `hash_json`, but only for values that have a single representation.

    Takes None, booleans, whole and finite numbers, text, lists, tuples and dicts with text keys; raises OvtError naming
    the location (below `where`) of anything else: NaN, sets, dates, bytes and objects have no single representation.
    """
    _refuse_ambiguous(value, where)
    return hash_json(value)


def _refuse_ambiguous(value: object, where: str) -> None:
    match value:
        case None | bool() | int():
            return
        case float() if math.isfinite(value):
            return
        case str() if not any("\ud800" <= letter <= "\udfff" for letter in value):
            return
        case list() | tuple():
            for number, item in enumerate(value):
                _refuse_ambiguous(item, f"{where}[{number}]")
        case dict() if all(isinstance(key, str) for key in value):
            for key, item in value.items():
                _refuse_ambiguous(key, f"{where} (a key)")
                _refuse_ambiguous(item, f"{where}.{key}")
        case _:
            raise OvtError(
                f"{where} is {ascii(value)[:60]} ({type(value).__name__}): only text, finite numbers, true or false, "
                "lists and tables with text keys can be stored unambiguously; use one of these"
            )


def hash_weights(folder: Path) -> str:
    """The hash of a model folder's weights and everything else that affects a reply; nothing is loaded."""
    digest = hashlib.sha256()
    for path in [*sorted(folder.glob("*.safetensors")), *(folder / name for name in SHAPES_REPLIES)]:
        if path.is_file():
            digest.update(path.name.encode() + b"\0" + bytes.fromhex(hash_bytes(path)))
    return digest.hexdigest()
