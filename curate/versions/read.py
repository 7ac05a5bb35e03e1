"""Finding a version, and reading its tables and images."""

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.schema import SPLITS
from ovt.core.text import did_you_mean
from ovt.curate.versions.data import SCHEMA
from ovt.curate.versions.ledger import TABLES
from ovt.curate.versions.manifest import MANIFEST, Manifest, content_hash, hash_file, read_manifest

SHORTEST_HASH = 6
NAME = r"[a-z0-9][a-z0-9._-]{0,63}"  # valid version names


@dataclass(frozen=True)
class Version:
    """A complete version folder; `ordinal` is the N of vN, or None for a folder given by its path."""

    path: Path
    ordinal: int | None
    manifest: Manifest

    @property
    def ref(self) -> str:
        """The name that commands use: "name@v3", or the folder's path."""
        return f"{self.manifest.name}@v{self.ordinal}" if self.ordinal is not None else str(self.path)


def open_version(ref: str, home: Home) -> Version:
    """The version that `ref` names: "name" (latest), "name@v3" or "name@3", "name@HASHPREFIX", or a folder's path."""
    if "/" in ref or ref in (".", ".."):
        return Version(Path(ref), None, read_manifest(_existing(Path(ref))))
    name, _, which = ref.partition("@")
    folders = _named_folders(name, home)
    if not which:
        ordinal = max(folders)
    elif re.fullmatch(r"v?\d{1,5}", which):
        ordinal = int(which.removeprefix("v"))
    else:
        return _by_hash(name, which, folders)
    if ordinal not in folders:
        raise OvtError(f"{name} has no v{ordinal}, only {_ordinals(folders)}: choose one of these")
    return Version(folders[ordinal], ordinal, read_manifest(folders[ordinal]))


def list_versions(home: Home, name: str | None = None) -> tuple[list[Version], list[str]]:
    """The versions of `home` (of one name), by name and ordinal, and a line for each broken version
    folder."""
    versions, broken = [], []
    for each in _names(home) if name is None else [name]:
        for ordinal, folder in ordinal_folders(home, each).items():
            try:
                versions.append(Version(folder, ordinal, read_manifest(folder)))
            except OvtError as error:
                broken.append(str(error))
    return versions, broken


def ordinal_folders(home: Home, name: str) -> dict[int, Path]:
    """The folders v1, v2, … of a name, in order, complete or not."""
    found = (home.versions / name).glob("v*")
    folders = {int(path.name[1:]): path for path in found if re.fullmatch(r"v[1-9]\d{0,8}", path.name)}
    return dict(sorted(folders.items()))


def find_content(home: Home, name: str, address: str) -> Version | None:
    """The version of that name with this content hash, if any."""
    for ordinal, folder in ordinal_folders(home, name).items():
        try:
            version = Version(folder, ordinal, read_manifest(folder))
        except OvtError:
            continue  # a damaged neighbour has other content, and must not block this one
        if version.manifest.content_hash == address and is_whole(version):
            return version
    return None


def scan(version: Version, table: str) -> pl.LazyFrame:
    """A ledger table ("questions", "samples", "verdicts", "decisions") or the data of a split ("sft", "rl"), lazily."""
    return scan_folder(version.path, table)


def scan_folder(folder: Path, table: str) -> pl.LazyFrame:
    """Like `scan`, for a version that is still being written."""
    if table in TABLES:
        return pl.scan_parquet(folder / "ledger" / f"{table}.parquet", glob=False)
    files = sorted((folder / "data").glob(f"{table}-*.parquet"))
    if table in SPLITS and files:
        return pl.scan_parquet(files, glob=False)
    return pl.LazyFrame(pl.from_arrow(SCHEMA.empty_table()))


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


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        raise OvtError(f"{folder} is not a folder; give a version's folder, or a name such as pocket or pocket@v1")
    return folder


def _names(home: Home) -> list[str]:
    found = home.versions.iterdir() if home.versions.is_dir() else ()
    return sorted(path.name for path in found if path.is_dir() and ordinal_folders(home, path.name))


def _named_folders(name: str, home: Home) -> dict[int, Path]:
    names = _names(home)
    if name in names:
        return ordinal_folders(home, name)
    if not names:
        raise OvtError(f"there are no versions under {home.path}: run `ovt curate build RECIPE`, or give --home")
    hint = did_you_mean(name, names, f"there are: {', '.join(names[:10])}")
    raise OvtError(f"no version is named {name[:80]!r} under {home.path}; {hint}")


def _by_hash(name: str, prefix: str, folders: dict[int, Path]) -> Version:
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_HASH},64}}", prefix):
        raise OvtError(
            f"{name}@{prefix[:80]} matches no version: after @ give v and a number ({_ordinals(folders)}), or at least "
            f"{SHORTEST_HASH} digits of the content hash"
        )
    versions = [Version(path, ordinal, read_manifest(path)) for ordinal, path in folders.items()]
    matching = [version for version in versions if version.manifest.content_hash.startswith(prefix)]
    if len(matching) == 1:
        return matching[0]
    if matching:
        found = ", ".join(one.ref for one in matching)
        raise OvtError(f"{name}@{prefix} is ambiguous ({found}): give more of the hash")
    known = ", ".join(f"{one.ref} = @{one.manifest.content_hash[:12]}" for one in versions[-5:])
    raise OvtError(f"{name} has no version whose content hash starts with {prefix}; there are {known}")


def _ordinals(folders: dict[int, Path]) -> str:
    return ", ".join(f"v{ordinal}" for ordinal in list(folders)[-10:])


def restore_images(version: Version, home: Home) -> None:
    """Puts the images of the version's rows into the home where it has lost one of its questions' images, or never had
    it, as where the version came from the Hub; one that only a dropped question has is in no version."""
    from ovt.curate.sources.images import image_path, keep_image  # Pillow comes with it; most readers need no image

    wanted = scan(version, "questions").select("images").explode("images").unique().collect()["images"].drop_nulls()
    if all(image_path(home, image_id).exists() for image_id in wanted):
        return
    for path in sorted((version.path / "data").glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(64, columns=["images"]):
                for images in batch.column("images").to_pylist():
                    for image in images:
                        keep_image(home, image["bytes"])
