"""Pulls a version from the Hub: downloads one commit, checks each file against the manifest, then moves it into place.

versions/.pulls/.you--pocket@1f0c2d3e4a5b.pull.part/  the files so far; an interrupted pull resumes here
versions/@you/pocket/v3/                              the version, called you/pocket@v3: no local name is taken over

The manifest and everything else there is a stranger's. What is inconsistent is refused, and nothing of it stays.
"""

import os
import re
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from huggingface_hub import HfApi
from huggingface_hub.hf_api import RepoFile

from ovt.core.errors import OvtError
from ovt.core.files import disk_errors, staging
from ovt.core.home import Home
from ovt.curate.hub.client import hub, hub_errors, one_line, split_address
from ovt.curate.versions.guests import check_tables
from ovt.curate.versions.manifest import (
    MANIFEST,
    MOST_BYTES,
    FileEntry,
    Manifest,
    content_hash,
    hash_file,
    read_manifest,
)
from ovt.curate.versions.read import LAST, NotHere, Version, find_content, on_hub, open_version
from ovt.curate.versions.write import check_name, seal, take_place

AT_ONCE = 1_000  # paths that the Hub describes in one request


class Refused(OvtError):
    """What the Hub holds cannot be trusted to be a version."""


@dataclass(frozen=True)
class Pulled:
    """A version that is now in the home; `is_new` is false if its content was already there."""

    version: Version
    commit: str
    is_new: bool


class Source(Protocol):
    """Where the files of a version are fetched from, and the folder that they are downloaded into."""

    @property
    def repo(self) -> str: ...

    @property
    def folder(self) -> Path: ...

    def download(self, path: str) -> None: ...

    def sizes(self, paths: list[str]) -> dict[str, int]: ...


@dataclass(frozen=True)
class Commit:
    """A commit of a repository on the Hub, and the folder it is downloaded into."""

    api: HfApi
    repo: str
    sha: str
    folder: Path

    def download(self, path: str) -> None:
        """Downloads one file into the folder; a partial download resumes."""
        self.api.hf_hub_download(self.repo, path, repo_type="dataset", revision=self.sha, local_dir=self.folder)

    def sizes(self, paths: list[str]) -> dict[str, int]:
        """The bytes of these files there, by path."""
        parts = [paths[at : at + AT_ONCE] for at in range(0, len(paths), AT_ONCE)]
        found = [self.api.get_paths_info(self.repo, part, repo_type="dataset", revision=self.sha) for part in parts]
        return {file.path: file.size for part in found for file in part if isinstance(file, RepoFile)}

    def number(self, tag: str | None) -> int | None:
        """The version's number: that of its tag, or of another tag at this commit; None if there is none."""
        tags = [tag] if tag and as_number(tag) else []
        if not tags:
            refs = self.api.list_repo_refs(self.repo, repo_type="dataset").tags
            tags = [ref.name for ref in refs if ref.target_commit == self.sha]
        return max(filter(None, map(as_number, tags)), default=None)


def as_number(tag: str) -> int | None:
    """ "v3" -> 3; None for what is not the number of a version."""
    return int(tag[1:]) if re.fullmatch(r"v[1-9]\d{0,4}", tag) and int(tag[1:]) <= LAST else None


def pull(repo: str, tag: str | None, home: Home, api: HfApi, name: str | None = None) -> Pulled:
    """Fetches the version at a tag (or branch, or commit; default: main). Resumes an interrupted pull.

    name: a local name, whose next version it becomes; without one it stays "OWNER/NAME@vN".
    Raises OvtError naming what does not match the manifest; nothing is moved into place then, and nothing is kept.
    """
    called = check_name(name) if name else repo
    with disk_errors(home.versions), hub_errors(repo):
        commit = api.repo_info(repo, repo_type="dataset", revision=tag).sha or ""
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise OvtError(f"{repo}: the Hub returned no commit for {tag or 'main'}: run the same command again")
        place = home.versions / ".pulls" / f"{repo.replace('/', '--')}@{commit[:12]}"
        home.make()
        with staging(place, "pull") as folder, emptied_if_refused(folder):
            source = Commit(api, repo, commit, folder)
            version, is_new = bring(source, home, called, lambda: None if name else source.number(tag))
        return Pulled(version, commit, is_new)


def bring(
    source: Source, home: Home, called: str, number: Callable[[], int | None] = lambda: None
) -> tuple[Version, bool]:
    """(the version, whether it is new): the files of a version, fetched and checked unless they are here already.

    number: its number among the versions of that name, by default the next one."""
    manifest = fetch_manifest(source)
    version = find_content(home, called, manifest.content_hash, manifest.terms)
    if version is not None:
        return version, False
    fetch_files(source, manifest, find_content(home, manifest.name, manifest.content_hash))
    return take_place(home, called, arrange(source, manifest), manifest, number())


def pull_address(address: str, home: Home) -> Version:
    """The version at "you/pocket@v3", in the home; one that is already there is not downloaded again."""
    return pull(*split_address(address), home, hub()).version


def open_or_pull(ref: str, home: Home) -> Version:
    """The version that `ref` names (`open_version`); one on the Hub, with a tag or hf://, is pulled if necessary."""
    try:
        return open_version(ref, home)
    except NotHere:
        if on_hub(ref) and ("@" in ref or ref.startswith("hf://")):
            return pull_address(ref, home)
        raise


@contextmanager
def emptied_if_refused(folder: Path) -> Generator[None]:
    """Keeps what a broken connection left for the next try, and nothing of what was refused."""
    try:
        yield
    except Refused:
        shutil.rmtree(folder)
        raise


def fetch_manifest(source: Source) -> Manifest:
    """The revision's manifest, which must be a version's."""
    if (size := source.sizes([MANIFEST]).get(MANIFEST, 0)) > MOST_BYTES:
        raise Refused(f"{source.repo}: its {MANIFEST} has {size:,} bytes, more than any version's")
    source.download(MANIFEST)
    try:
        manifest = read_manifest(source.folder)
    except OvtError as error:
        said = one_line(str(error).replace(f"{source.folder / MANIFEST} ", ""))
        raise Refused(f"{source.repo}: its {MANIFEST} {said}") from None
    if content_hash(manifest.files) != manifest.content_hash:
        raise Refused(f"{source.repo}: its {MANIFEST} was changed: its content hash does not match the files it lists")
    return manifest


def fetch_files(source: Source, manifest: Manifest, alike: Version | None) -> None:
    """Downloads the files that are not there yet, and checks their tables.

    alike: a local version with the same content, whose files are linked instead.
    """
    sizes = source.sizes(list(manifest.files))
    for path, entry in manifest.files.items():
        if sizes.get(path) not in (None, entry.size):
            raise mismatch(source, path, f"{sizes[path]:,} bytes", entry)
    for path, entry in manifest.files.items():
        if alike and alike.manifest.files.get(path) == entry:
            with suppress(OSError):
                (source.folder / path).parent.mkdir(parents=True, exist_ok=True)
                os.link(alike.path / path, source.folder / path)
        fetch(source, path, entry)
    try:
        check_tables(source.folder, manifest)
    except OvtError as error:
        raise Refused(f"{source.repo}: {str(error).replace(f'{source.folder}/', '')}") from None


def fetch(source: Source, path: str, entry: FileEntry) -> None:
    """Downloads a file unless it is there, and checks it against its entry."""
    place = source.folder / path
    if place.is_file() and hash_file(place) == entry:
        return
    place.unlink(missing_ok=True)
    source.download(path)
    if (found := hash_file(place)) != entry:
        raise mismatch(source, path, f"sha256 {found.sha256[:12]}, {found.size:,} bytes", entry)


def mismatch(source: Source, path: str, found: str, entry: FileEntry) -> Refused:
    """The error for a file that differs from its entry."""
    return Refused(
        f"{source.repo}: {path} does not match its {MANIFEST} ({found}; expected {entry.sha256[:12]}, "
        f"{entry.size:,} bytes): nothing was kept; pull again, or ask its owner"
    )


def arrange(source: Source, manifest: Manifest) -> Path:
    """The folder of the version: the fetched files alone, sealed."""
    made = source.folder / "version"
    for path in (*manifest.files, MANIFEST):
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (source.folder / path).replace(made / path)
        seal(made / path)
    return made
