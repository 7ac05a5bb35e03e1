"""Files as sources: resolves a path, folder or package to files, and reads JSONL, JSON and CSV row by row.

Parquet and saved datasets are in arrow.py. A row that is a list has its positions as column names.
"""

import glob
import importlib.util
import json
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.registry import SOURCES
from ovt.core.untrusted import is_deep, parse_json, read_json
from ovt.curate.sources.faults import MAX_CELL, too_large
from ovt.curate.sources.section import Name, SourceSection, data_suffix, data_suffixes
from ovt.curate.sources.source import (
    MaybeRow,
    Opened,
    Part,
    Row,
    columns_of,
    expected,
    hash_files,
    pick_split,
    split_note,
    take,
)

# Bytes of a file that is read whole, and takes up to ten times its size in memory.
MOST_WHOLE = 2 * 2**30
MOST_COLUMNS = 10_000  # of a CSV file
# Rows inspected for column names in a format that does not list them.
PEEK = 1_000
# How gzip, zlib and zstd files begin, which polars would unpack, to any size.
PACKED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda", b"\x28\xb5\x2f\xfd")
# Names of files and folders that identify their split; so does any name before -00000-of-00001.
SPLITS = ("train", "training", "validation", "valid", "val", "dev", "test", "testmini", "testing", "eval", "sft", "rl")

_SHARD = re.compile(r"[-_.]?\d+(-of-\d+)?$")
_NO_DATA = ("dataset_info.json", "dataset_infos.json", "manifest.json", "config.json", "state.json")


def open_files(section: SourceSection, most: int | None = None) -> Opened:
    """A file, the files of a glob, or a folder."""
    place = Path(section.path).expanduser().absolute()
    if place.is_dir():
        return _open_folder(place, section)
    files = [place] if place.is_file() else [Path(file) for file in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207
    if not files:
        raise OvtError(f"source {section.name}: {section.path} is not there; {expected()}")
    return _open_each(files, section)


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
    parts = []
    for file in files:
        suffix = data_suffix(file.name)
        if suffix is None or not file.is_file():
            raise OvtError(f"source {section.name}: {file.name} has an unknown format; {expected()}")
        parts.append(SOURCES.get(suffix)(file))
    return Opened(tuple(parts), hash_files(files))


def _open_folder(folder: Path, section: SourceSection) -> Opened:
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        return _open_saved(folder, section)
    for pattern in folder_patterns():
        found = sorted(file for file in folder.glob(pattern) if _is_data(file.relative_to(folder)))
        if found:
            files, splits = files_of_split(found, section)
            opened = _open_each(files, section)
            within = tuple(replace(part, allowed=(folder,)) for part in opened.parts)
            return Opened(within, opened.fingerprint, split_note(section, splits))
    raise OvtError(f"source {section.name}: the folder {section.path} holds no data; {expected()}")


def folder_patterns() -> list[str]:
    """What a folder may contain, in search order: the first pattern that finds a file decides."""
    suffixes = data_suffixes()
    return [
        *(f"{where}metadata{suffix}" for where in ("", "*/") for suffix in suffixes),
        "data/**/*.parquet",
        "**/*.parquet",
        *(f"{where}*{suffix}" for where in ("", "data/") for suffix in suffixes),
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
    if not isinstance(listed, list) or not all(isinstance(name, str) and Path(name).name == name for name in listed):
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
    shard = _SHARD.search(file.stem)
    bare = file.stem[: shard.start()] if shard else file.stem
    if bare in SPLITS or (shard and shard[1] and bare):
        return bare
    return file.parent.name if file.parent.name in SPLITS else None


def jsonl_part(path: Path) -> Part:
    """A file with one JSON value per line; blank lines are skipped, a broken line is a malformed row."""
    with path.open("rb") as lines:
        columns = columns_of(_parse_line(line) for line in islice(_filled(lines), PEEK))
    with path.open("rb") as lines:
        count = sum(1 for _ in _filled(lines))

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        with path.open("rb") as lines:
            last = max(wanted, default=-1)
            for number, line in enumerate(islice(_filled(lines), last + 1)):
                if number in wanted:
                    yield number, _parse_line(line)

    return Part(columns, count, rows, path.parent, (path.parent,))


def _filled(lines: IO[bytes]) -> Iterator[bytes]:
    """The lines that are not blank, each cut off after MAX_CELL + 1 bytes."""
    while line := lines.readline(MAX_CELL + 1):
        more = line
        while len(more) > MAX_CELL and not more.endswith(b"\n"):
            more = lines.readline(MAX_CELL + 1)
        if not line.isspace():
            yield line


def _parse_line(line: bytes) -> MaybeRow:
    if len(line) > MAX_CELL:
        return too_large(len(line))
    try:
        return as_row(parse_json(line.decode("utf-8-sig")))
    except ValueError:
        return None


def as_row(value: Any) -> Row | None:
    """An object as is, a list by position, anything else None: malformed."""
    if isinstance(value, list):
        return dict(enumerate(value))
    return value if isinstance(value, dict) else None


def json_part(path: Path) -> Part:
    """A JSON file: a list of rows, {id: row}, or an object that holds one list of rows; or JSONL in disguise."""
    check_size(path)
    try:
        value = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        part = jsonl_part(path)
        if part.count > 1 and part.columns:
            return part
        raise OvtError(f"{path} is not JSON ({error}); expected a list of rows") from None
    rows = [as_row(row) for row in _list_of_rows(value, path)]

    def take_shallow(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        return ((number, None if is_deep(row) else row) for number, row in take(rows, wanted))

    return Part(columns_of(rows), len(rows), take_shallow, path.parent, (path.parent,))


def check_size(path: Path) -> None:
    """Raises OvtError for a file that is too large to be read whole."""
    if path.stat().st_size > MOST_WHOLE:
        raise OvtError(
            f"{path} is larger than {MOST_WHOLE // 2**30} GiB: save it as JSONL or Parquet, in several files"
        )


def _list_of_rows(value: Any, path: Path) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list) and inner and as_row(inner[0])]
        if len(lists) == 1:
            return lists[0]
        if value and all(isinstance(inner, dict) for inner in value.values()):
            return [{"id": key, **inner} for key, inner in value.items()]
    raise OvtError(f"{path} holds no list of rows: expected [{{…}}, …], {{id: {{…}}}} or one list inside an object")


def csv_part(path: Path) -> Part:
    """A CSV (or TSV) file with a header; every cell is text, so that a gold of 007 is kept as is."""
    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    check_size(path)
    with path.open("rb") as file:
        head = file.readline(MAX_CELL)
    if head.startswith(PACKED):
        raise OvtError(f"{path} is compressed: unpack it first")
    if head.count(separator.encode()) >= MOST_COLUMNS:
        raise OvtError(f"{path} has more than {MOST_COLUMNS:,} columns: is it a table of questions?")
    try:
        table = pl.read_csv(path, separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[0]
        advice = "; save it as UTF-8" if "utf-8" in reason.lower() else ""
        raise OvtError(f"{path} cannot be read as {path.suffix[1:].upper()}: {reason}{advice}") from None

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        return take(table.select(names).iter_rows(named=True), wanted)

    return Part(tuple(table.columns), len(table), rows, path.parent, (path.parent,))
