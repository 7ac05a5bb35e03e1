"""A version as one tagged revision of a Hub repository: sent once, never overwriting a tag's content.

tag is there, same content   nothing to do
tag is there, different      refused
main has this content        only the tag is set (an earlier push was interrupted, or its pull request was merged)
else                         one commit of the differences, checked file by file, then the tag

Data, ledger, card and manifest are sent as they are in the version's folder. Only the card differs:
it says how to load this revision from the Hub, and shows figures. The manifest has the hashes of all files
of the revision, and `pull` checks them. Trained models are pushed by the same rules (train/publish.py).
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Set
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.hf_api import RepoFile

from ovt.core.errors import OvtError, RecipeError
from ovt.curate.hub.checks import check_licenses, check_secrets, key_variables
from ovt.curate.hub.client import check_tag, hub_errors, need_token, one_line
from ovt.curate.versions.card import Published, render_card
from ovt.curate.versions.manifest import CARD, CONTENT, MANIFEST, FileEntry
from ovt.curate.versions.read import Version, verify_files

Content = Path | bytes
Outcome = Literal["pushed", "tagged", "there", "proposed"]

# Title -> (path in the repository, image bytes).
Figures = Mapping[str, tuple[str, bytes]]

OWNED = ("data/*.parquet", "ledger/*.parquet", "figures/*", "view/*")


@dataclass(frozen=True)
class Revision:
    """The intended content of a revision.

    files       path in the repository -> a file, or its bytes
    is_content  which paths define the revision; the others (card, plots) only describe it
    owned       patterns of paths that older revisions may have left and this one removes
    marker      the path that shows that ovt writes to this repository
    """

    repo: str
    kind: Literal["dataset", "model"]
    tag: str
    title: str
    files: Mapping[str, Content]
    is_content: Callable[[str], bool]
    owned: tuple[str, ...]
    marker: str

    @property
    def sizes(self) -> dict[str, int]:
        """Bytes by path, in the paths' order."""
        return {path: size(self.files[path]) for path in sorted(self.files)}


@dataclass(frozen=True)
class Pushed:
    """The result of a push: outcome "pushed", "tagged" (only the tag was missing), "there" or "proposed"."""

    outcome: Outcome
    repo: str
    tag: str | None
    url: str
    commit: str
    sent: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()


def prepare(
    version: Version,
    repo: str,
    tag: str | None,
    environ: Mapping[str, str],
    *,
    draw: Callable[[Version], Figures] = lambda version: {},
    may_share: Set[str] = frozenset(),
    not_secret: Collection[str] = (),
    further: Mapping[str, bytes] | None = None,
) -> Revision:
    """What a push of the version would send; sends nothing. The default tag is the version's "vN".

    draw: the figures that go onto the card (`figures.draw`). further: other files that describe it, by path ("view/…").
    Raises OvtError if the folder was changed, a license forbids sharing, or the files contain
    a secret (`environ`: the environment, whose keys must not be in the files either).
    """
    tag = check_tag(tag or default_tag(version))
    verify_files(version)
    check_licenses(version.manifest.provenance.inputs, may_share)
    files = dress(version, repo, tag, draw(version), further or {})
    check_secrets(files, environ, not_secret, key_variables(version.manifest.provenance.recipe))
    return Revision(
        repo=repo,
        kind="dataset",
        tag=tag,
        title=f"{version.manifest.hash_ref} as {tag}",
        files=files,
        is_content=lambda path: path.startswith(CONTENT),
        owned=OWNED,
        marker=MANIFEST,
    )


def default_tag(version: Version) -> str:
    """ "v3" for name@v3; a folder has no number, so RecipeError asks for a tag."""
    if version.ordinal is None:
        raise RecipeError(f"{version.path} is a folder and has no version number: give --tag, such as v1")
    return f"v{version.ordinal}"


def dress(version: Version, repo: str, tag: str, figures: Figures, further: Mapping[str, bytes]) -> dict[str, Content]:
    """The files of the revision by path: the version's own, and a card and manifest for the Hub; `further` ones are in
    no manifest, so a pull leaves them out."""
    card = render_card(version.manifest, version.path, published(repo, tag, figures))
    spoken = dict(figures.values()) | {CARD: card.encode()}
    content = {name: entry for name, entry in version.manifest.files.items() if name.startswith(CONTENT)}
    entries = content | {
        name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data)) for name, data in spoken.items()
    }
    manifest = version.manifest.model_copy(update={"files": entries})
    written = (manifest.model_dump_json(indent=2) + "\n").encode()
    return {name: version.path / name for name in content} | spoken | {MANIFEST: written} | dict(further)


def published(repo: str, tag: str, figures: Figures) -> Published:
    """Where the card will be read."""
    return Published(repo, tag, {title: path for title, (path, _) in figures.items()})


@dataclass(frozen=True)
class Changes:
    """The difference between a revision and main, a commit (None: empty repository): paths to send and remove."""

    main: str | None
    sent: tuple[str, ...]
    removed: tuple[str, ...]


def publish(revision: Revision, api: HfApi, *, private: bool = False, create_pr: bool = False) -> Pushed:
    """Sends a revision and tags it, or opens a pull request with it (untagged: only merged content gets a tag).

    Resumes an interrupted push: files that arrived are not sent twice. Raises a one-line OvtError.
    """
    need_token(api)
    with hub_errors(revision.repo):
        make_repo(revision, api, private)
        refs = api.list_repo_refs(revision.repo, repo_type=revision.kind)
        tags = {ref.name: ref.target_commit for ref in refs.tags}
        if revision.tag in tags:
            if other := differing(revision, api, tags[revision.tag]):
                raise OvtError(
                    f"{revision.repo}@{revision.tag} holds different content ({len(other)} files differ, such as "
                    f"{one_line(other[0])}), and tags are never overwritten: choose another --tag or repository"
                )
            return report(revision, api, "there", tags[revision.tag])
        main = next((ref.target_commit for ref in refs.branches if ref.name == "main"), None)
        there = tree(revision, api, main) if main else {}
        check_ours(revision, there)
        changes = compare(revision, there, main)
        if not changes.sent and not changes.removed and main:
            api.create_tag(revision.repo, tag=revision.tag, revision=main, repo_type=revision.kind)
            return report(revision, api, "tagged", main)
        return send(revision, api, changes, create_pr)


def compare(revision: Revision, there: Mapping[str, RepoFile], main: str | None) -> Changes:
    """The paths to send and remove so that `main`, with these files, matches the revision."""
    sent = tuple(path for path in sorted(revision.files) if not is_same(revision.files[path], there.get(path)))
    left = [path for path in there if path not in revision.files]
    removed = tuple(path for path in left if any(fnmatchcase(path, pattern) for pattern in revision.owned))
    return Changes(main, sent, removed)


def send(revision: Revision, api: HfApi, changes: Changes, create_pr: bool) -> Pushed:
    """Commits the differences from main, verifies that everything arrived, and tags the commit."""
    added = [CommitOperationAdd(path, _payload(revision.files[path])) for path in changes.sent]
    gone = [CommitOperationDelete(path, is_folder=False) for path in changes.removed]
    try:
        commit = api.create_commit(
            revision.repo,
            [*added, *gone],
            commit_message=revision.title,
            repo_type=revision.kind,
            create_pr=create_pr,
            parent_commit=changes.main,
        )
    except ValueError as error:  # metadata or a file that the Hub rejects (a bad request is a ValueError too)
        raise OvtError(f"{revision.repo}: the Hub refused the commit: {one_line(str(error))}") from error
    if missing := differing(revision, api, commit.oid):
        raise OvtError(
            f"{revision.repo} did not accept {len(missing)} of the files, such as {one_line(missing[0])} (a .gitignore "
            "there?): fix that and run the same command again; no tag was set"
        )
    done = report(revision, api, "proposed" if create_pr else "pushed", commit.oid)
    done = replace(done, sent=changes.sent, removed=changes.removed)
    if create_pr:
        return replace(done, tag=None, url=str(commit.pr_url))
    api.create_tag(revision.repo, tag=revision.tag, revision=commit.oid, repo_type=revision.kind)
    return done


def make_repo(revision: Revision, api: HfApi, private: bool) -> None:
    """Creates the repository if missing; an existing one must not be more public than requested."""
    api.create_repo(revision.repo, repo_type=revision.kind, private=private or None, exist_ok=True)
    if private and not api.repo_info(revision.repo, repo_type=revision.kind).private:
        raise OvtError(
            f"{revision.repo} is public and --private was given: make it private on the Hub, or push elsewhere"
        )


def check_ours(revision: Revision, there: Mapping[str, RepoFile]) -> None:
    """Raises OvtError if the repository has files and the marker is missing."""
    others = sorted(set(there) - {".gitattributes", "README.md", "LICENSE"})
    if others and revision.marker not in there:
        raise OvtError(
            f"{revision.repo} holds files that ovt did not push, such as {one_line(others[0])}: choose a new repository"
        )


def differing(revision: Revision, api: HfApi, commit: str) -> list[str]:
    """The paths whose content at a commit differs from the revision."""
    there = tree(revision, api, commit)
    paths = {path for path in (*there, *revision.files) if revision.is_content(path)}
    return sorted(path for path in paths if not is_same(revision.files.get(path), there.get(path)))


def tree(revision: Revision, api: HfApi, commit: str) -> dict[str, RepoFile]:
    """The files of a commit by path, with their sizes and hashes."""
    items = api.list_repo_tree(revision.repo, recursive=True, revision=commit, repo_type=revision.kind)
    return {item.path: item for item in items if isinstance(item, RepoFile)}


def is_same(content: Content | None, there: RepoFile | None) -> bool:
    """Whether the Hub has exactly these bytes: it reports the sha256 of large files, and the git hash of small ones."""
    if content is None or there is None or size(content) != there.size:
        return False
    if there.lfs is not None:
        return digest(content, hashlib.sha256()) == there.lfs.sha256
    return digest(content, hashlib.sha1(b"blob %d\0" % there.size, usedforsecurity=False)) == there.blob_id


def size(content: Content) -> int:
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def digest(content: Content, hasher: "hashlib._Hash") -> str:
    """The hash, in hex, of bytes or of a file, which is read in pieces."""
    if isinstance(content, bytes):
        hasher.update(content)
        return hasher.hexdigest()
    with content.open("rb") as file:
        while piece := file.read(1 << 20):
            hasher.update(piece)
    return hasher.hexdigest()


def report(revision: Revision, api: HfApi, outcome: Outcome, commit: str) -> Pushed:
    """The result of the push, with the URL of the tag's page."""
    place = f"{api.endpoint}/{'datasets/' if revision.kind == 'dataset' else ''}{revision.repo}/tree/{revision.tag}"
    return Pushed(outcome, revision.repo, revision.tag, place, commit)


def _payload(content: Content) -> str | bytes:
    return content if isinstance(content, bytes) else str(content)
