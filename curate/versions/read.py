"""Finding a version, and reading its tables and images."""

import re
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.core.parquet import parts_of
from ovt.core.schema import PLACE, SPLITS, kept_columns
from ovt.core.text import did_you_mean
from ovt.core.untrusted import refuse_odd_files
from ovt.curate.versions.data import SCHEMA
from ovt.curate.versions.ledger import TABLES
from ovt.curate.versions.manifest import MANIFEST, Manifest, content_hash, hash_file, read_manifest

SHORTEST_HASH = 6
MOST_RUNS = 64
LAST = 99_999  # the largest number of a version
HUB_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"  # of OWNER/NAME, and a tag


class NotHere(OvtError):
    """No version of that name, number or hash is in the home."""


@dataclass(frozen=True)
class Version:
    """A complete version folder; `ordinal` is the N of vN, or None for a folder given by its path."""

    path: Path
    ordinal: int | None
    manifest: Manifest

    @property
    def ref(self) -> str:
        """The name that commands use: "name@v3", or the folder's path."""
        if self.ordinal is None:
            return str(self.path)
        owner, name = self.path.parent.parent.name, self.path.parent.name
        return f"{owner[1:]}/{name}@v{self.ordinal}" if owner.startswith("@") else f"{name}@v{self.ordinal}"


def open_version(ref: str, home: Home) -> Version:
    """The version that `ref` names: "name" (latest), "name@v3" or "name@3", "name@HASHPREFIX", or a folder's path.

    A version that was pulled from the Hub has its repository as its name: "you/pocket", "you/pocket@v3", …
    """
    if is_folder(ref):
        version = Version(Path(ref), None, read_manifest(Path(ref)))
        refuse_odd_files(version.path)
        return version
    if "/" in ref and not on_hub(ref):
        raise OvtError(f"{ref} is not a folder; give a version's folder, or a name such as pocket or pocket@v1")
    name, _, which = ref.removeprefix("hf://").partition("@")
    folders = _named_folders(name, home)
    if not which:
        ordinal = max(folders)
    elif re.fullmatch(r"v?\d{1,5}", which):
        ordinal = int(which.removeprefix("v"))
    else:
        return _by_hash(name, which, folders)
    if ordinal not in folders:
        raise NotHere(f"{name} has no v{ordinal}, only {_ordinals(folders)}: choose one of these{_or_pull(name)}")
    return Version(folders[ordinal], ordinal, read_manifest(folders[ordinal]))


def is_folder(ref: str) -> bool:
    """Whether a text names a folder, which needs a slash: `./pocket`, and not `pocket`, is the one beside you."""
    try:
        return ("/" in ref or ref in (".", "..")) and Path(ref).is_dir()
    except OSError:  # a mixture of many versions is longer than any file's name
        return False


def on_hub(ref: str) -> bool:
    """Whether a text is OWNER/NAME or OWNER/NAME@TAG, and no folder; hf:// may precede it."""
    found = re.fullmatch(rf"(?:hf://)?{HUB_PART}/{HUB_PART}(?:@{HUB_PART})?", ref)
    return found is not None and not is_folder(ref)


def list_versions(home: Home, name: str | None = None) -> tuple[list[Version], list[str]]:
    """The versions of `home` (of one name), by name and ordinal, and a line for each broken version
    folder."""
    versions, broken = [], []
    for each in _names(home) if name is None else [name]:
        found, damaged = read_all(ordinal_folders(home, each))
        versions += found
        broken += damaged
    return versions, broken


def read_all(folders: Mapping[int, Path]) -> tuple[list[Version], list[str]]:
    """The versions in some folders, and a line for each broken one, which must not block the others."""
    versions, broken = [], []
    for ordinal, folder in folders.items():
        try:
            versions.append(Version(folder, ordinal, read_manifest(folder)))
        except OvtError as error:
            broken.append(str(error))
    return versions, broken


def ordinal_folders(home: Home, name: str) -> dict[int, Path]:
    """The folders v1, v2, … of a name, in order, complete or not."""
    found = folder_of(home, name).glob("v*")
    folders = {int(path.name[1:]): path for path in found if re.fullmatch(r"v[1-9]\d{0,4}", path.name)}
    return dict(sorted(folders.items()))


def folder_of(home: Home, name: str) -> Path:
    """Where the versions of a name lie: versions/pocket, or versions/@you/pocket for those of you/pocket on the Hub."""
    owner, slash, own = name.rpartition("/")
    return home.versions / f"@{owner}" / own if slash else home.versions / name


def find_content(home: Home, name: str, address: str, terms: tuple[Any, ...] | None = None) -> Version | None:
    """The version of that name with this content hash, and with these terms (`Manifest.terms`) if given; None if there
    is none."""
    for version in read_all(ordinal_folders(home, name))[0]:
        same = version.manifest.content_hash == address and terms in (None, version.manifest.terms)
        if same and is_whole(version):
            return version
    return None


def scan(version: Version, table: str) -> pl.LazyFrame:
    """A ledger table ("questions", "samples", "verdicts", "decisions") or the data of a split ("sft", "rl"), lazily."""
    return scan_folder(version.path, table)


def scan_folder(folder: Path, table: str) -> pl.LazyFrame:
    """Like `scan`, for a version that is still being written."""
    if table in TABLES:
        whole = folder / "ledger" / f"{table}.parquet"
        return pl.scan_parquet(parts_of(folder / "ledger", table) or [whole], glob=False)
    files = parts_of(folder / "data", table)
    if table in SPLITS and files:
        return pl.scan_parquet(files, glob=False)
    return pl.LazyFrame(pl.from_arrow(SCHEMA.empty_table()))


def kept_in(version: Version) -> pl.Schema:
    """The columns of a version's questions and rows that its sources keep."""
    return kept_columns(scan(version, "questions").collect_schema())


def check_column(version: Version, column: str, others: Collection[str] = ()) -> str:
    """The column, if it is "source" or one that the version's sources keep; RecipeError otherwise."""
    known = [*others, "source", *kept_in(version)]
    if column not in known[len(others) :]:
        kept = "" if len(known) > len(others) + 1 else "; a source's `keep` adds columns"
        raise RecipeError(f"{version.ref} has no {column[:40]!a} to count by: choose {', '.join(known)}{kept}")
    return column


def rows_where(table: pl.LazyFrame, where: pl.Expr) -> pl.DataFrame:
    """The rows of a large table that fulfil a condition, where these are few: the columns of the condition are read
    whole, the others at those places alone."""
    keys = table.select(list(dict.fromkeys(where.meta.root_names()))).with_row_index(PLACE)
    return rows_at(table, keys.filter(where).select(PLACE).collect()[PLACE])


def rows_at(table: pl.LazyFrame, places: pl.Series) -> pl.DataFrame:
    """The rows at these places (ascending), read by themselves; in more than MOST_RUNS runs, picked from the whole."""
    runs = (
        places.to_frame("place")
        .group_by(pl.col("place") - pl.int_range(pl.len()), maintain_order=True)
        .agg(start=pl.col("place").min(), count=pl.len())
    )
    if len(runs) > MOST_RUNS:  # a slice each would take seconds
        return table.with_row_index(PLACE).filter(pl.col(PLACE).is_in(places.implode())).drop(PLACE).collect()
    parts = [table.slice(start, count) for start, count in runs.select("start", "count").iter_rows()]
    return pl.concat(pl.collect_all(parts or [table.head(0)]))


def scan_rows(folder: Path, columns: Iterable[str | pl.Expr]) -> pl.LazyFrame:
    """The data of all splits, with `split` as first column; omit `images` if they are not needed."""
    return pl.concat([scan_folder(folder, split).select(pl.lit(split).alias("split"), *columns) for split in SPLITS])


def verify_files(version: Version) -> None:
    """Raises OvtError naming files that are missing, unknown or different from the manifest."""
    manifest = version.manifest
    wrong = [f"{name} is missing" for name in manifest.files if not (version.path / name).is_file()]
    for path in sorted(path for path in version.path.rglob("*") if path.is_file()):
        name = path.relative_to(version.path).as_posix()
        if name == MANIFEST:
            continue
        if name not in manifest.files:
            wrong.append(f"{name!a} is not part of this version")
        elif hash_file(path) != manifest.files[name]:
            wrong.append(f"{name} was changed")
    if content_hash(manifest.files) != manifest.content_hash:
        wrong.append(f"{MANIFEST} was changed")
    if wrong:
        more = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        raise OvtError(f"{version.path} was changed after it was written: {'; '.join(wrong[:5])}{more}; build it again")


@contextmanager
def reading(version: Version) -> Generator[None]:
    """If tables cannot be read because files are missing or were edited, raises a one-line OvtError naming them."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError):
        verify_files(version)
        raise


def is_whole(version: Version) -> bool:
    """Whether every file exists with the right size: what can be checked without reading them."""
    paths = {version.path / name: entry.size for name, entry in version.manifest.files.items()}
    return all(path.is_file() and path.stat().st_size == size for path, size in paths.items())


def _names(home: Home) -> list[str]:
    """Local names first."""
    local = sorted(path.name for path in home.versions.glob("*") if not path.name.startswith(("@", ".")))
    pulled = sorted(f"{path.parent.name[1:]}/{path.name}" for path in home.versions.glob("@*/*"))
    return [name for name in (*local, *pulled) if ordinal_folders(home, name)]


def _named_folders(name: str, home: Home) -> dict[int, Path]:
    names = _names(home)
    if name in names:
        return ordinal_folders(home, name)
    if "/" in name:
        raise NotHere(f"{name} is not a folder, and was not pulled to {home.path}: give another{_or_pull(name)}")
    if not names:
        raise NotHere(f"there are no versions under {home.path}: run `ovt curate build RECIPE`, or give --home")
    hint = did_you_mean(name, names, f"there are: {', '.join(names[:10])}")
    raise NotHere(f"no version is named {name[:80]!r} under {home.path}; {hint}")


def _or_pull(name: str) -> str:
    return f", or fetch it: `ovt data pull {name}@TAG`" if "/" in name else ""


def _by_hash(name: str, prefix: str, folders: dict[int, Path]) -> Version:
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_HASH},64}}", prefix):
        raise NotHere(
            f"{name}@{prefix[:80]} matches no version: after @ give v and a number ({_ordinals(folders)}), or at least "
            f"{SHORTEST_HASH} digits of the content hash"
        )
    versions, broken = read_all(folders)
    matching = [version for version in versions if version.manifest.content_hash.startswith(prefix)]
    if len({version.manifest.content_hash for version in matching}) == 1:
        return matching[-1]  # of the same rows, the one with the latest license
    if matching:
        found = ", ".join(one.ref for one in matching)
        raise OvtError(f"{name}@{prefix} is ambiguous ({found}): give more of the hash")
    known = ", ".join(f"{one.ref} = @{one.manifest.content_hash[:12]}" for one in versions[-5:])
    there = "; ".join([*([f"there are {known}"] if known else []), *broken[:1]])
    raise NotHere(f"{name} has no version whose content hash starts with {prefix}; {there}")


def _ordinals(folders: dict[int, Path]) -> str:
    return ", ".join(f"v{ordinal}" for ordinal in list(folders)[-10:])


def restore_images(version: Version, home: Home) -> None:
    """Puts the images of the version's rows into the home if an image of its questions is missing there, as after a
    pull from the Hub; an image that only dropped questions have is in no version."""
    from ovt.curate.sources.images import image_path, keep_image  # Pillow comes with it; most readers need no image

    wanted = scan(version, "questions").select("images").explode("images").unique().collect()["images"].drop_nulls()
    if all(image_path(home, image_id).exists() for image_id in wanted):
        return
    for path in sorted((version.path / "data").glob("*.parquet")):
        for content in stored_images(path):
            keep_image(home, content)


def stored_images(path: Path) -> Iterator[bytes]:
    """The images of a data file's rows, in order."""
    from ovt.curate.sources.batches import read_batches

    for batch in read_batches(path, ["images"]):
        for images in batch.column("images").to_pylist():
            yield from (image["bytes"] for image in images)
