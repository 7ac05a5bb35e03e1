"""An export's folder: written beside its place under another name, and put there whole.

OUT/.export.json                which version, format and splits this is; what else lies there is the format's own
.OUT.trl-sft-1f0c2d3e4a5b.part  an export under way; one that was stopped resumes here (images are not written twice)
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError, RecipeError
from ovt.core.files import disk_errors, new_folder, write_json
from ovt.core.schema import SPLITS
from ovt.curate.versions.read import Version, verify_files

RECORD = ".export.json"  # hidden: a trainer that is given the folder may read every other file in it
FORMATS = {
    "trl": "ovt.curate.export.trl",
    "llamafactory": "ovt.curate.export.llamafactory",
    "easyr1": "ovt.curate.export.easyr1",
    "ms-swift": "ovt.curate.export.swift",
    "openai": "ovt.curate.export.openai",
}


@dataclass(frozen=True)
class Written:
    """What a format wrote: rows by split, how its trainer is given the files, and rows left out by reason."""

    rows: Mapping[str, int]
    use: str
    left_out: Mapping[str, int] = field(default_factory=dict)


def export(version: Version, to: str, out: Path, split: str | None, ovt_version: str) -> tuple[dict[str, Any], bool]:
    """Writes a version for a trainer into the folder `out`; gives what .export.json says, and whether it is new.

    The same export again does nothing; another export there is replaced; any other folder with files in it is left
    alone (OvtError). Every file of the version is held against its manifest first.
    """
    if to not in FORMATS:
        raise RecipeError(f"{to[:40]!a} is no format: choose one of {', '.join(FORMATS)}")
    module = import_module(FORMATS[to])
    splits = choose_splits(version, to, module.SPLITS, split)
    out = out.absolute()
    asked = {
        "format": to,
        "version": version.manifest.hash_ref,
        "content_hash": version.manifest.content_hash,
        "splits": list(splits),
        "place": str(out),
        "ovt_version": ovt_version,
    }
    there = read_record(out)
    if there is not None and there | asked == there:
        return there, False
    verify_files(version)
    with disk_errors(out):
        return write(module, version, splits, out, asked), True


def choose_splits(version: Version, to: str, possible: tuple[str, ...], split: str | None) -> tuple[str, ...]:
    """The splits to write: the one asked for, else all that the format can hold and that have rows."""
    if split is not None and split not in SPLITS:
        raise RecipeError(f"{split[:40]!a} is no split: choose sft or rl")
    if split is not None and split not in possible:
        raise RecipeError(
            f"rows of {split} have no response, which {to} files need: choose --split sft, or another format"
        )
    splits = tuple(one for one in possible if version.manifest.rows[one] and split in (None, one))
    if not splits:
        raise OvtError(f"{version.ref} has no rows in {split or ' or '.join(possible)}: there is nothing to export")
    return splits


def read_record(out: Path) -> dict[str, Any] | None:
    """What .export.json in a folder says; None where there is no folder, or an empty one. OvtError for any other."""
    try:
        record = json.loads((out / RECORD).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OvtError(f"{out} is there and is no export of ovt: choose another folder") from None
        return None
    except ValueError:
        record = None
    if not isinstance(record, dict):
        raise OvtError(f"{out / RECORD} cannot be read: remove that folder, or choose another")
    return record


def write(module: Any, version: Version, splits: tuple[str, ...], out: Path, asked: dict[str, Any]) -> dict[str, Any]:
    """Writes into a folder beside `out` and swaps it in."""
    what = "-".join([asked["format"], *splits, version.manifest.content_hash[:12]])
    with new_folder(out, what, busy=f"another export is writing to {out}: wait until it has ended") as part:
        written: Written = module.write(version, splits, part, out)
        record = asked | {"rows": dict(written.rows), "left_out": dict(written.left_out), "use": written.use}
        write_json(part / RECORD, record)
    return record
