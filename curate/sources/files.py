"""Files as sources: a path, a glob, a folder or a package, resolved to files; texts.py and arrow.py read them."""

import glob
import importlib.util
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from ovt.core.errors import OvtError
from ovt.core.registry import SOURCES
from ovt.core.untrusted import is_file_name, read_json
from ovt.curate.sources.section import SourceSection, data_suffix, data_suffixes
from ovt.curate.sources.source import Opened, expected, hash_files, pick_split, split_note
from ovt.curate.sources.texts import is_one_row, objects_part

# Names of files and folders that identify their split; so does any name before -00000-of-00001.
SPLITS = ("train", "training", "validation", "valid", "val", "dev", "test", "testmini", "testing", "eval", "sft", "rl")

_SHARD = re.compile(r"[-_.]?\d+(-of-\d+)?$")
_NO_DATA = ("dataset_info.json", "dataset_infos.json", "manifest.json", "config.json", "state.json")


def open_files(section: SourceSection, most: int | None = None) -> Opened:
    """A file, the files of a glob, or a folder."""
    place = place_of(section.path)
    files = files_at(place)
    if os.path.isdir(place):  # noqa: PTH112 - Path.is_dir raises where a name is too long
        return _open_folder(place, files, section)
    if not files:
        raise OvtError(f"source {section.name}: {section.path} is not there; {expected()}")
    return _open_each(files, section)


def place_of(path: str) -> Path:
    """Where a source's path leads to on this machine; a glob keeps its wildcards."""
    bare = unquote(path.removeprefix("file://")) if path.startswith("file://") else path
    bare = bare.replace("\0", "�")  # no file has such a name, but asking for one raises
    return Path(os.path.expanduser(bare)).absolute()  # noqa: PTH111 - Path.expanduser raises for an unknown user


def files_at(place: Path) -> list[Path]:
    """The files that a place stands for, in reading order: itself, those of a glob, or the data files of a folder."""
    if os.path.isfile(place):  # noqa: PTH113 - Path.is_file raises where a name is too long
        return [place]
    if not os.path.isdir(place):  # noqa: PTH112 - the same
        return [Path(file) for file in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207
    if _is_saved(place):
        return sorted(file for pattern in ("*", "*/*") for file in place.glob(pattern) if file.is_file())
    return next(filter(None, (_data_files(place, pattern) for pattern in folder_patterns())), [])


def open_package(section: SourceSection, most: int | None = None) -> Opened:
    """The file of package:NAME/FILE."""
    return _open_each([package_file(section)], section)


def package_file(section: SourceSection) -> Path:
    """The location of package:NAME/FILE, found without importing the package."""
    package, _, rest = section.path.removeprefix("package:").partition("/")
    try:
        spec = importlib.util.find_spec(package) if package.isidentifier() else None
    except (ImportError, ValueError):
        spec = None
    folders = list(spec.submodule_search_locations or ()) if spec else []
    if not folders:
        wanted = package.replace("_", "-")
        raise OvtError(f"source {section.name}: the package {package!r} is not installed: pip install {wanted}")
    file = Path(folders[0]) / rest
    if ".." in Path(rest).parts or not file.is_file():
        raise OvtError(f"source {section.name}: {rest or 'no file'!r} is not in the package {package}")
    return file


def _open_each(files: Sequence[Path], section: SourceSection) -> Opened:
    if len(files) > 1 and all(file.suffix.lower() == ".json" for file in files) and is_one_row(files[0]):
        folder = Path(os.path.commonpath([file.parent for file in files]))
        return Opened((objects_part(files, folder),), hash_files(files))
    parts = []
    for file in files:
        suffix = data_suffix(file.name)
        if suffix is None or not file.is_file():
            raise OvtError(f"source {section.name}: {file.name} has an unknown format; {expected()}")
        parts.append(SOURCES.get(suffix)(file))
    return Opened(tuple(parts), hash_files(files))


def _open_folder(folder: Path, found: Sequence[Path], section: SourceSection) -> Opened:
    if _is_saved(folder):
        return _open_saved(folder, section)
    if not found:
        raise OvtError(f"source {section.name}: the folder {section.path} holds no data; {expected()}")
    files, splits = files_of_split(found, section)
    opened = _open_each(files, section)
    within = tuple(replace(part, allowed=(folder,)) for part in opened.parts)
    return Opened(within, opened.fingerprint, split_note(section, splits))


def _is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote a folder."""
    return (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file()


def _data_files(folder: Path, pattern: str) -> list[Path]:
    return sorted(file for file in folder.glob(pattern) if _is_data(file.relative_to(folder)))


def folder_patterns() -> list[str]:
    """What a folder may contain, in search order: the first pattern that finds a file decides."""
    suffixes = data_suffixes()
    return [
        *(f"{where}metadata{suffix}" for where in ("", "*/") for suffix in suffixes),
        "data/**/*.parquet",
        "**/*.parquet",
        *(f"{where}*{suffix}" for where in ("", "data/") for suffix in suffixes),
        *(f"**/*{suffix}" for suffix in suffixes),
    ]


def _is_data(file: Path) -> bool:
    """Not hidden, not a version's ledger, and not a metadata file of `datasets` or `ovt`."""
    return not (file.parts[0] == "ledger" or file.name in _NO_DATA or any(part.startswith(".") for part in file.parts))


def _open_saved(folder: Path, section: SourceSection) -> Opened:
    """A Dataset or DatasetDict folder written by `save_to_disk`."""
    from ovt.curate.sources.arrow import saved_part

    splits: list[str] = []
    listed = folder / "dataset_dict.json"
    if listed.is_file():
        splits = pick_split(_splits_listed(listed), section)
    folders = [folder / split for split in splits] or [folder]
    files = sorted(file for inner in folders for file in inner.rglob("*") if file.is_file())
    return Opened(tuple(saved_part(inner) for inner in folders), hash_files(files), split_note(section, splits))


def _splits_listed(path: Path) -> list[str]:
    try:
        listed = read_json(path)["splits"]
    except (ValueError, TypeError, KeyError, OSError):
        listed = None
    if not isinstance(listed, list) or not all(map(is_file_name, listed)):
        raise OvtError(f"{path} does not list the splits of a saved dataset: save it again with save_to_disk")
    return listed


def files_of_split(files: Sequence[Path], section: SourceSection) -> tuple[list[Path], list[str]]:
    """(the files of the wanted splits, these splits); all files, and no split, if no name identifies one."""
    split_of = {file: split_name(file) for file in files}
    names = sorted({name for name in split_of.values() if name})
    if not names and not section.split:
        return list(files), []
    chosen = pick_split(names, section)
    return [file for name in chosen for file in files if split_of[file] == name], chosen


def split_name(file: Path) -> str | None:
    """The split in a file's name, or its folder's: train-00000-of-00002.parquet, test/metadata.jsonl."""
    stem = file.name[: -len(data_suffix(file.name) or file.suffix) or None]
    shard = _SHARD.search(stem)
    bare = stem[: shard.start()] if shard else stem
    if bare in SPLITS or (shard and shard[1] and bare):
        return bare
    return file.parent.name if file.parent.name in SPLITS else None
