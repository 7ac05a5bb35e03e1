"""A version in shared or object storage, by URL: s3://bucket/charts, hf://buckets/you/store/charts, file:///mnt/charts.

    URL/v3/data/…, ledger/…, README.md    the files of the version, as they are
    URL/v3/manifest.json                  sent last: without it there is no version
    URL/v3/sending                        while they are sent: the hash of that manifest

fsspec reads and writes, with its package for the scheme (s3fs, gcsfs, adlfs, …), which finds keys in its usual places.
"""

import hashlib
import re
from collections.abc import Collection, Generator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError, RecipeError
from ovt.core.files import disk_errors, staging
from ovt.core.home import Home
from ovt.curate.hub.checks import check_licenses, check_secrets, key_variables
from ovt.curate.hub.client import check_tag, hub, one_line, split_address
from ovt.curate.hub.pull import Pulled, bring, emptied_if_refused
from ovt.curate.hub.pull import pull as from_hub
from ovt.curate.hub.push import Pushed, default_tag
from ovt.curate.versions.manifest import MANIFEST, MOST_BYTES
from ovt.curate.versions.read import Version, verify_files
from ovt.curate.versions.write import check_name

SENDING = "sending"
URL = re.compile(r"(?!hf://(?!buckets/))[a-z][a-z0-9+.-]*://[^@:]+(?::\d+[^@:]*)?(?:@(?P<tag>[^@/]+))?")


def is_url(address: str) -> bool:
    """Whether an address is in storage, and not a repository on the Hub."""
    return "://" in address and (not address.startswith("hf://") or address.startswith("hf://buckets/"))


def split_url(address: str) -> tuple[str, str | None]:
    """ "s3://bucket/charts@v3" -> ("s3://bucket/charts", "v3"). RecipeError for anything else, such as fsspec's chained
    URLs, or URLs with keys in them."""
    found = URL.fullmatch(address)
    if found is None:
        raise RecipeError(f"{address[:120]!a} is not a storage URL", "give SCHEME://PLACE@TAG, without keys in it")
    url = address.removesuffix(f"@{found['tag']}").rstrip("/")
    return url, check_tag(found["tag"]) if found["tag"] else None


@dataclass(frozen=True)
class Stored:
    """The folder of a version in storage (`repo`), and the one that it is downloaded into."""

    repo: str
    folder: Path = Path()

    @cached_property
    def _there(self) -> tuple[Any, str]:
        with storage_errors(self.repo):
            from fsspec.core import url_to_fs

            return url_to_fs(self.repo, use_listings_cache=False)

    def download(self, path: str) -> None:
        """Downloads one file into the folder."""
        files, root = self._there
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        with storage_errors(self.repo):
            try:
                files.get_file(f"{root}/{path}", str(self.folder / path))
            except FileNotFoundError:
                raise OvtError(
                    f"{self.repo} has no {path}: check the URL and its tag, or push the version again"
                ) from None

    def sizes(self, paths: Collection[str]) -> dict[str, int]:
        """The bytes of those of these files that are there, by path; without those whose size is not told (http)."""
        files, root = self._there
        with storage_errors(self.repo):
            found = files.find(root, detail=True)
        sizes = {name.removeprefix(root).strip("/"): about.get("size") for name, about in found.items()}
        return {path: size for path in paths if (size := sizes.get(path)) is not None}

    def read(self, path: str) -> bytes | None:
        """A small file; None if it is not there."""
        files, root = self._there
        with storage_errors(self.repo):
            try:
                return files.cat_file(f"{root}/{path}", start=0, end=MOST_BYTES)
            except FileNotFoundError:
                return None

    def write(self, path: str, content: Path | bytes) -> None:
        files, root = self._there
        with storage_errors(self.repo):
            if root.startswith("/"):  # an object store has no folders, and would make a bucket of a misspelt name
                files.makedirs(f"{root}/{path}".rpartition("/")[0], exist_ok=True)
            if isinstance(content, bytes):
                files.pipe_file(f"{root}/{path}", content)
            else:
                files.put_file(str(content), f"{root}/{path}")

    def remove(self, path: str) -> None:
        files, root = self._there
        with storage_errors(self.repo):
            files.rm_file(f"{root}/{path}")


@contextmanager
def storage_errors(url: str) -> Generator[None]:
    """Any failure of a storage package as one line: each has its own exceptions."""
    try:
        yield
    except ImportError as error:
        raise OvtError(f"{url}: {one_line(str(error))}: install that package") from error
    except OvtError:
        raise
    except Exception as error:
        said = one_line(str(error)).rstrip(".") or type(error).__name__
        raise OvtError(
            f"{url}: {said}: check the URL and its keys; the same command resumes where this one stopped"
        ) from error


def check(
    version: Version, environ: Mapping[str, str], may_share: Set[str] = frozenset(), not_secret: Collection[str] = ()
) -> None:
    """The checks that a push to the Hub makes before anything is sent: storage may be public, too. Raises OvtError."""
    verify_files(version)
    check_licenses(version.manifest.provenance.inputs, may_share)
    files = {name: version.path / name for name in (*version.manifest.files, MANIFEST)}
    check_secrets(files, environ, not_secret, key_variables(version.manifest.provenance.recipe))


def push(version: Version, url: str, tag: str | None) -> Pushed:
    """Sends a checked version to URL/TAG (default: its "vN"). An existing one is never overwritten: OvtError.

    Resumes an interrupted push: files that have arrived are not sent twice.
    """
    tag = check_tag(tag or default_tag(version))
    place, manifest = Stored(f"{url}/{tag}"), (version.path / MANIFEST).read_bytes()
    if (there := place.read(MANIFEST)) is not None:
        if there != manifest:
            raise OvtError(f"{place.repo} holds another version; versions are never overwritten: choose another --tag")
        return Pushed("there", url, tag, place.repo, version.manifest.content_hash)
    mark = hashlib.sha256(manifest).hexdigest().encode()
    arrived = place.sizes(version.manifest.files) if place.read(SENDING) == mark else {}
    place.write(SENDING, mark)
    sent = [path for path, entry in version.manifest.files.items() if arrived.get(path) != entry.size]
    for path in sent:
        place.write(path, version.path / path)
    place.write(MANIFEST, manifest)
    place.remove(SENDING)
    return Pushed("pushed", url, tag, place.repo, version.manifest.content_hash, (*sent, MANIFEST))


def pull(url: str, tag: str | None, home: Home, name: str | None) -> Pulled:
    """Fetches the version at URL/TAG, checks every file, and makes it the next version of `name`, unless one has its
    content. Resumes an interrupted pull. RecipeError without a tag or a name."""
    if tag is None or name is None:
        raise RecipeError(f"{url[:120]}: a version in storage needs a tag and a name", f"give {url}@v1 --as NAME")
    place = Stored(f"{url}/{tag}")
    with disk_errors(home.versions):
        key = hashlib.sha256(place.repo.encode()).hexdigest()[:16]
        with staging(home.make().versions / ".pulls" / key, "pull") as folder, emptied_if_refused(folder):
            version, is_new = bring(Stored(place.repo, folder), home, check_name(name))
    return Pulled(version, version.manifest.content_hash, is_new)


def pull_from(address: str, home: Home, name: str | None) -> Pulled:
    """`pull` from an address in storage, or on the Hub."""
    if is_url(address):
        return pull(*split_url(address), home, name)
    return from_hub(*split_address(address), home, hub(), name)
