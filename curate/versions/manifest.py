"""A version's content and provenance: `manifest.json`, written last, so its presence means complete.

It contains no time: a build that was killed and resumed writes the same bytes as an undisturbed one.
"""

import json
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from ovt.core.errors import OvtError
from ovt.core.hashing import canonical_hash, hash_bytes
from ovt.core.section import Section, added_later

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
CARD = "README.md"
CONTENT = ("data/", "ledger/")  # a version's content; the card and its figures only describe it


class Input(Section):
    """A source as it was read: `fingerprint` is a hash of its content (or the Hub's revision)."""

    source: str
    location: str
    fingerprint: str
    rows: int
    license: str | None = None


class ModelUse(Section):
    """A model as used by one stage: `prompt` is the template, `revision` identifies the weights if known."""

    stage: str
    endpoint: str
    model: str
    revision: str | None = None
    prompt: str
    sampling: dict[str, Any] = Field(default_factory=dict)

    @property
    def prompt_hash(self) -> str:
        """The sha256 of the template, hex."""
        return hash_bytes(self.prompt.encode())


class Provenance(Section):
    """What the builder knows and the tables do not contain; the writer's `finish` puts it into the manifest.

    `recipe` is the resolved recipe (it names environment variables, never their values); `parent` the version that this
    one was made from ("name@HASHPREFIX"), if any; `benchmarks` what decontam compared the questions with, if it ran;
    `plugins` the origin of the recipe's plugins, by key; `rebuild` the command that makes the version
    again.
    """

    recipe: dict[str, Any]
    inputs: tuple[Input, ...]
    models: tuple[ModelUse, ...]
    benchmarks: tuple[Input, ...] = added_later(())
    plugins: dict[str, str] = added_later({})
    parent: str | None = None
    git_commit: str | None = None
    ovt_version: str
    verifier_version: str
    rebuild: str


class FileEntry(Section):
    """A file of the version: sha256 of its bytes (hex), size in bytes."""

    sha256: str
    size: int


class ReasonCount(Section):
    """How many rows ended with one reason."""

    reason: str
    rows: int


class FunnelRow(Section):
    """A row of `ledger.funnel`: `rows_in` is `rows_out` plus the dropped rows, by reason."""

    level: str
    stage: str
    rows_in: int
    rows_out: int
    dropped: tuple[ReasonCount, ...]
    kept_as: tuple[ReasonCount, ...]


class Usage(Section):
    """The usage of one stage's samples; `cost_usd` is null if the price of any reply is unknown."""

    stage: str
    samples: int
    failed: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None

    def exceeds(self, max_failed: float) -> bool:
        """Whether a larger share than `max_failed` has no reply."""
        return self.failed > max_failed * self.samples


class Manifest(Section):
    """`manifest.json`: `rows` counts the rows of each split and ledger table, `files` lists all files but itself.

    `content_hash` covers the data and the ledger, not the card. `incomplete`: more requests had failed than its recipe
    allows.
    """

    name: str
    format_version: int = FORMAT_VERSION
    content_hash: str
    incomplete: bool = added_later(False)
    recipe_hash: str
    rows: dict[str, int]
    funnel: tuple[FunnelRow, ...]
    usage: tuple[Usage, ...]
    provenance: Provenance
    files: dict[str, FileEntry]

    @property
    def hash_ref(self) -> str:
        """The global name of this content, whatever its local number: "name@1f0c2d3e4a5b"."""
        return f"{self.name}@{self.content_hash[:12]}"


def content_hash(files: dict[str, FileEntry]) -> str:
    """The address of a version: a hash over the hashes of its data and ledger files."""
    return canonical_hash({path: entry.sha256 for path, entry in files.items() if path.startswith(CONTENT)})


def hash_file(path: Path) -> FileEntry:
    """Reads a whole file."""
    return FileEntry(sha256=hash_bytes(path), size=path.stat().st_size)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version folder; OvtError if it is missing or unreadable."""
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise OvtError(
            f"{folder} is not a complete version: it has no {MANIFEST}, which is written last; run its build again"
        ) from None
    except (OSError, ValueError) as error:
        raise OvtError(f"{path} cannot be read ({error}): restore it, or build the version again") from None
    found = data.get("format_version") if isinstance(data, dict) else None
    if found != FORMAT_VERSION:
        raise OvtError(f"{path} has format {found!r}, this ovt reads {FORMAT_VERSION}: use the ovt that wrote it")
    try:
        return Manifest.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise OvtError(f"{path} was edited: {place}: {first['msg']}; restore it, or build the version again") from None
