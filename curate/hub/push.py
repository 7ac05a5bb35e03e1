"""A version as a dataset revision of the Hub: data, ledger, card and manifest, as they lie in its folder.

Only the card differs from the one in the folder: it says how to load this revision from the Hub, and shows figures. The
manifest says so: it has the hashes of all files of the revision, and `pull` checks them.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Set

from ovt.core.errors import RecipeError
from ovt.curate.hub.client import check_tag
from ovt.curate.hub.licenses import check_licenses
from ovt.curate.hub.publish import Content, Revision
from ovt.curate.hub.secrets import check_secrets
from ovt.curate.versions.card import Published, render_card
from ovt.curate.versions.manifest import CARD, CONTENT, MANIFEST, FileEntry
from ovt.curate.versions.read import Version, verify_files

# Title -> (path in the repository, the image's bytes).
Figures = Mapping[str, tuple[str, bytes]]

OWNED = ("data/*.parquet", "ledger/*.parquet", "figures/*")


def prepare(
    version: Version,
    repo: str,
    tag: str | None,
    environ: Mapping[str, str],
    *,
    draw: Callable[[Version], Figures] = lambda version: {},
    may_share: Set[str] = frozenset(),
    not_secret: Collection[str] = (),
) -> Revision:
    """What a push of the version would send, with nothing sent yet. The default tag is the version's "vN".

    draw: the figures that go onto the card (`figures.draw`).
    Raises OvtError where the folder is not as it was written, where a license forbids sharing, or where a secret is in
    the files (`environ`: the process's, whose keys must not be there either).
    """
    tag = check_tag(tag or default_tag(version))
    verify_files(version)
    check_licenses(version.manifest.provenance.inputs, may_share)
    files = dress(version, repo, tag, draw(version))
    check_secrets(files, environ, not_secret)
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
    """ "v3" for name@v3; a folder has no number, so RecipeError asks for one."""
    if version.ordinal is None:
        raise RecipeError(f"{version.path} is a folder and has no number of its own: say which --tag, such as v1")
    return f"v{version.ordinal}"


def dress(version: Version, repo: str, tag: str, figures: Figures) -> dict[str, Content]:
    """The files of the revision by path: the version's own, and a card and manifest for the Hub."""
    card = render_card(version.manifest, version.path, published(repo, tag, figures))
    spoken = dict(figures.values()) | {CARD: card.encode()}
    content = {name: entry for name, entry in version.manifest.files.items() if name.startswith(CONTENT)}
    entries = content | {
        name: FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data)) for name, data in spoken.items()
    }
    manifest = version.manifest.model_copy(update={"files": entries})
    written = (manifest.model_dump_json(indent=2) + "\n").encode()
    return {name: version.path / name for name in content} | spoken | {MANIFEST: written}


def published(repo: str, tag: str, figures: Figures) -> Published:
    """Where the card will be read."""
    return Published(repo, tag, {title: path for title, (path, _) in figures.items()})
