"""Which split to read, and which files belong to it. A test split is never taken in with the others by accident."""

import re
from collections.abc import Sequence
from pathlib import Path

from ovt.core.errors import OvtError
from ovt.curate.sources.section import SourceSection

# Names of files and folders that say which split they hold; so does any name before -00000-of-00001.
KNOWN = ("train", "training", "validation", "valid", "val", "dev", "test", "testmini", "testing", "eval", "sft", "rl")
_SHARD = re.compile(r"[-_.]?\d+(-of-\d+)?$")


def pick_split(splits: Sequence[str], section: SourceSection) -> list[str]:
    """The splits to read: those that the section names ("a+b"), else the only one, else "train".

    Raises OvtError naming the splits there are.
    """
    found = ", ".join(splits) or "no splits"
    if section.split:
        chosen = [name.strip() for name in section.split.split("+")]
        for name in chosen:
            if name not in splits:
                raise OvtError(f"source {section.name}: split {name!r} is not there; found {found}")
        return chosen
    if len(splits) == 1 or "train" in splits:
        return ["train"] if "train" in splits else [splits[0]]
    raise OvtError(
        f'source {section.name}: has the splits {found}; name one, e.g. split = "{splits[0]}", or several, "a+b"'
    )


def files_of_split(files: Sequence[Path], section: SourceSection) -> tuple[list[Path], list[str]]:
    """(the files of the wanted splits, these splits); all files, and no split, where no name says one."""
    split_of = {file: split_name(file) for file in files}
    names = sorted({name for name in split_of.values() if name})
    if not names and not section.split:
        return list(files), []
    chosen = pick_split(names, section)
    return [file for name in chosen for file in files if split_of[file] == name], chosen


def split_name(file: Path) -> str | None:
    """The split that a file's name, or its folder's, says: train-00000-of-00002.parquet, test/metadata.jsonl."""
    shard = _SHARD.search(file.stem)
    bare = file.stem[: shard.start()] if shard else file.stem
    if bare in KNOWN or (shard and shard[1] and bare):
        return bare
    return file.parent.name if file.parent.name in KNOWN else None


def split_note(section: SourceSection, splits: Sequence[str]) -> tuple[str, ...]:
    """One line for people where the split was not named by the recipe."""
    return () if section.split or not splits else (f"source {section.name}: split {'+'.join(splits)}",)
