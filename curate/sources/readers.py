"""From a source's path to its parts: what a file, a folder, a package or the Hub holds, and how it is recognised."""

import glob
import hashlib
import importlib.util
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ovt.core.errors import OvtError
from ovt.curate.sources import parts, tables
from ovt.curate.sources.columns import Name
from ovt.curate.sources.parts import Part, Row
from ovt.curate.sources.section import SourceSection
from ovt.curate.sources.splits import files_of_split, pick_split, split_note

FORMATS: dict[str, Callable[[Path], Part]] = {
    ".parquet": tables.parquet_part,
    ".jsonl": parts.jsonl_part,
    ".ndjson": parts.jsonl_part,
    ".json": parts.json_part,
    ".csv": parts.csv_part,
    ".tsv": parts.csv_part,
}
EXPECTED = (
    "expected .parquet, .jsonl, .json, .csv or .tsv, a folder of these, "
    "hf://OWNER/NAME, package:NAME/FILE or pocket:figures"
)
POCKET_ROWS = 1_000

# What a folder may hold, in the order in which it is looked for: the first pattern that finds a file decides.
_IN_FOLDERS = (
    *(f"{where}metadata{suffix}" for where in ("", "*/") for suffix in FORMATS),
    "data/**/*.parquet",
    "**/*.parquet",
    *(f"{where}*{suffix}" for where in ("", "data/") for suffix in FORMATS),
)
_NO_DATA = ("dataset_info.json", "dataset_infos.json", "manifest.json", "config.json", "state.json")


@dataclass(frozen=True)
class Opened:
    """A source that was found, not yet read. `fingerprint` stands for its content; `notes` say what was guessed."""

    parts: tuple[Part, ...]
    fingerprint: str
    notes: tuple[str, ...] = ()


def open_source(section: SourceSection, most: int | None = None) -> Opened:
    """Finds a source, of which `most` rows will be read. Raises OvtError: not there, or in no known format."""
    path = section.path
    if path.startswith("pocket:"):
        return _open_pocket(section, most)
    if path.startswith("hf://"):
        part, fingerprint, split = tables.open_hub(section)
        return Opened((part,), fingerprint, split_note(section, [split]))
    if path.startswith("package:"):
        return _open_files([package_file(section)], section)
    if re.match(r"\w+:(//|\w+$)", path):
        raise OvtError(f"source {section.name}: path {path!r} is not known; {EXPECTED}")
    place = Path(path).expanduser().absolute()
    if place.is_dir():
        return _open_folder(place, section)
    files = [place] if place.is_file() else [Path(file) for file in sorted(glob.glob(str(place), recursive=True))]  # noqa: PTH207
    if not files:
        raise OvtError(f"source {section.name}: {path} is not there; {EXPECTED}")
    return _open_files(files, section)


def _open_files(files: Sequence[Path], section: SourceSection) -> Opened:
    for file in files:
        if file.suffix.lower() not in FORMATS or not file.is_file():
            raise OvtError(f"source {section.name}: {file.name} has an unknown format; {EXPECTED}")
    return Opened(tuple(FORMATS[file.suffix.lower()](file) for file in files), hash_files(files))


def _open_folder(folder: Path, section: SourceSection) -> Opened:
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        return _open_saved(folder, section)
    for pattern in _IN_FOLDERS:
        found = sorted(file for file in folder.glob(pattern) if _is_data(file.relative_to(folder)))
        if found:
            files, splits = files_of_split(found, section)
            opened = _open_files(files, section)
            within = tuple(replace(part, allowed=(folder,)) for part in opened.parts)
            return Opened(within, opened.fingerprint, split_note(section, splits))
    raise OvtError(f"source {section.name}: the folder {section.path} holds no data; {EXPECTED}")


def _is_data(file: Path) -> bool:
    """Not hidden, not a version's ledger, not what `datasets` and `ovt` write beside the data."""
    return not (file.parts[0] == "ledger" or file.name in _NO_DATA or any(part.startswith(".") for part in file.parts))


def _open_saved(folder: Path, section: SourceSection) -> Opened:
    """A folder that `save_to_disk` wrote, of a Dataset or a DatasetDict."""
    splits: list[str] = []
    listed = folder / "dataset_dict.json"
    if listed.is_file():
        splits = pick_split(json.loads(listed.read_text())["splits"], section)
    folders = [folder / split for split in splits] or [folder]
    files = sorted(file for inner in folders for file in inner.rglob("*") if file.is_file())
    opened = tuple(tables.open_saved(inner) for inner in folders)
    return Opened(opened, hash_files(files), split_note(section, splits))


def package_file(section: SourceSection) -> Path:
    """The file of package:NAME/FILE, found without importing the package."""
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


def hash_files(files: Sequence[Path]) -> str:
    """sha256 (hex) over the names and the bytes of files."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def _open_pocket(section: SourceSection, most: int | None) -> Opened:
    """Our own seeded figures. They change with the code that draws them, which is what the fingerprint is over."""
    from ovt.pocket import figures as pocket

    unknown = [family for family in section.families or () if family not in pocket.FAMILIES]
    if section.path != "pocket:figures" or unknown:
        raise OvtError(
            f"source {section.name}: {unknown[0] if unknown else section.path!r} is not known; "
            f"expected pocket:figures with families of {', '.join(pocket.FAMILIES)}"
        )
    count = section.limit or most or POCKET_ROWS

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, Row | None]]:
        return parts.take(pocket.questions(count, section.seed, section.families), wanted)

    columns = ("image", "question", "gold", "choices", "family", "source_id")
    code = sorted(Path(pocket.__file__).parent.glob("*.py"))
    return Opened((Part(columns, count, rows, image_columns=("image",)),), hash_files(code))
