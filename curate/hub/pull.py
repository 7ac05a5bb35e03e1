"""Pulls a version from the Hub: downloads one commit, checks each file against the manifest, then moves it into place.

versions/.pulls/.you--pocket@1f0c2d3e4a5b.pull.part/  the files so far; an interrupted pull resumes here
versions/pocket/v3/                                   the version: vN of the tag if free, else the next number
"""

import re
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import HfApi

from ovt.core.errors import OvtError
from ovt.core.files import disk_errors, staging
from ovt.core.home import Home
from ovt.curate.hub.client import hub, hub_errors, one_line, split_address
from ovt.curate.versions.manifest import MANIFEST, FileEntry, Manifest, content_hash, hash_file, read_manifest
from ovt.curate.versions.read import NAME, Version, find_content
from ovt.curate.versions.write import seal, take_place

# Every path a version may have. The manifest is untrusted: no path in it may lead out of the folder.
PATH = re.compile(r"(?:README\.md|(?:data|ledger|figures)/[A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass(frozen=True)
class Pulled:
    """A version that is now in the home; `is_new` is false if its content was already there."""

    version: Version
    commit: str
    is_new: bool


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


def pull(repo: str, tag: str | None, home: Home, api: HfApi) -> Pulled:
    """Fetches the version at a tag (or branch, or commit; default: main). Resumes an interrupted pull.

    Raises OvtError naming a file whose content does not match the manifest; nothing is moved into place then.
    """
    with disk_errors(home.versions), hub_errors(repo):
        commit = api.repo_info(repo, repo_type="dataset", revision=tag).sha or ""
        if not re.fullmatch(r"[0-9a-f]{40}", commit):
            raise OvtError(f"{repo}: the Hub returned no commit for {tag or 'main'}: run the same command again")
        with staging(home.versions / ".pulls" / f"{repo.replace('/', '--')}@{commit[:12]}", "pull") as folder:
            source = Commit(api, repo, commit, folder)
            manifest = fetch_manifest(source)
            version = find_content(home, manifest.name, manifest.content_hash)
            is_new = version is None
            if version is None:
                for path, entry in manifest.files.items():
                    fetch(source, path, entry)
                version, is_new = bring_home(home, folder, manifest, tag)
        return Pulled(version, commit, is_new)


def pull_address(address: str, home: Home) -> Version:
    """The version at "you/pocket@v3", in the home; one that is already there is not downloaded again."""
    return pull(*split_address(address), home, hub()).version


def fetch_manifest(source: Commit) -> Manifest:
    """The revision's manifest, which must be a version's and list only files that a version can have."""
    source.download(MANIFEST)
    manifest = read_manifest(source.folder)
    odd = [path for path in manifest.files if not PATH.fullmatch(path)]
    if odd or not re.fullmatch(NAME, manifest.name):
        raise OvtError(
            f"{source.repo}: its {MANIFEST} names {one_line(ascii((odd or [manifest.name])[0]))}, which no version has"
        )
    if content_hash(manifest.files) != manifest.content_hash:
        raise OvtError(f"{source.repo}: its {MANIFEST} was changed: its content hash does not match the files it lists")
    return manifest


def fetch(source: Commit, path: str, entry: FileEntry) -> None:
    """Downloads a file unless it is there, and checks it against its entry; a mismatch is not kept."""
    place = source.folder / path
    if place.is_file() and hash_file(place) == entry:
        return
    place.unlink(missing_ok=True)
    source.download(path)
    found = hash_file(place)
    if found != entry:
        place.unlink()
        raise OvtError(
            f"{source.repo}: {path} is not what its {MANIFEST} says (sha256 {found.sha256[:12]}, {found.size:,} bytes; "
            f"expected {entry.sha256[:12]}, {entry.size:,} bytes): nothing was kept; pull again, or ask its owner"
        )


def bring_home(home: Home, folder: Path, manifest: Manifest, tag: str | None) -> tuple[Version, bool]:
    """Syncs the fetched files and renames them into the version's own folder."""
    made = folder / "version"
    for path in (*manifest.files, MANIFEST):
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).replace(made / path)
        seal(made / path)
    wished = int(tag[1:]) if tag and re.fullmatch(r"v[1-9]\d{0,8}", tag) else 0
    return take_place(home, made, manifest, wished)
