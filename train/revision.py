"""Which weights lie in a folder, without loading them or any library that could."""

import hashlib
from pathlib import Path

SHAPES_REPLIES = ("config.json", "tokenizer.json", "chat_template.jinja", "preprocessor_config.json")


def hash_folder(folder: Path) -> str:
    """sha256 (hex) over the weights and everything else in the folder that shapes a reply."""
    digest = hashlib.sha256()
    for path in [*sorted(folder.glob("*.safetensors")), *(folder / name for name in SHAPES_REPLIES)]:
        if path.is_file():
            with path.open("rb") as file:
                digest.update(path.name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
