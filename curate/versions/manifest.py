"""A version's content and provenance: `manifest.json`, written last, so its presence means complete.

It contains no time: a build that was killed and resumed writes the same bytes as an undisturbed one.
"""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, field_validator

from ovt.core.errors import OvtError
from ovt.core.hashing import canonical_hash, hash_bytes
from ovt.core.schema import SPLITS
from ovt.core.section import Section, added_later
from ovt.core.untrusted import read_json

FORMAT_VERSION = 1
LEDGER = ("questions", "samples", "verdicts", "decisions")  # its tables
MANIFEST = "manifest.json"
CARD = "README.md"
NAME = r"[a-z0-9][a-z0-9._-]{0,63}"  # of a version, without its number
# Every path that a version may hold: none leads out of its folder, and none is hidden.
PATH = re.compile(
    r"README\.md|data/(?:sft|rl)-\d{5}-of-\d{5}\.parquet"
    r"|ledger/(?:questions|samples|verdicts|decisions)(?:-\d{5}-of-\d{5})?\.parquet|figures/[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
)
MOST_BYTES = 16 * 2**20  # of a manifest; the largest real ones have 100 kB
MOST_FILES = 10_000
CONTENT = ("data/", "ledger/")  # a version's content; the card and its figures only describe it


Count = Annotated[int, Field(ge=0, le=2**53)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


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

    @field_validator("recipe")
    @classmethod
    def _parts_that_are_read(cls, recipe: dict[str, Any]) -> dict[str, Any]:
        """Other parts may be those of another ovt's recipes; these are looked up in a stranger's, too."""
        several, verify = recipe.get("reason"), recipe.get("verify", {})
        endpoints = recipe.get("endpoints") or {}
        sound = {
            "reason": not isinstance(several, list) or all(map(_has_samples, several)),
            "verify": isinstance(verify, dict) and isinstance(verify.get("kind", "auto"), str),
            "endpoints": isinstance(endpoints, dict) and all(map(_may_be_endpoint, endpoints.values())),
        }
        if odd := [name for name, as_written in sound.items() if not as_written]:
            raise ValueError(f"{odd[0]} is not as ovt writes it")
        return recipe

    @property
    def kind(self) -> str:
        """How answers are compared, `verify.kind`."""
        return self.recipe.get("verify", {}).get("kind", "auto")


def _has_samples(reasoner: Any) -> bool:
    """Whether one of several reasoners says how many samples it was asked for."""
    return isinstance(reasoner, dict) and isinstance(reasoner.get("k"), int) and 0 < reasoner["k"] < 2**31


def _may_be_endpoint(endpoint: Any) -> bool:
    tables = [endpoint.get(name) or {} for name in ("headers", "query")] if isinstance(endpoint, dict) else [None]
    return all(isinstance(table, dict) for table in tables)


class FileEntry(Section):
    """A file of the version: sha256 of its bytes (hex), size in bytes."""

    sha256: Digest
    size: Count


class ReasonCount(Section):
    """How many rows ended with one reason."""

    reason: str
    rows: Count


class FunnelRow(Section):
    """A row of `ledger.funnel`: `rows_in` is `rows_out` plus the dropped rows, by reason."""

    level: str
    stage: str
    rows_in: Count
    rows_out: Count
    dropped: tuple[ReasonCount, ...]
    kept_as: tuple[ReasonCount, ...]


class Usage(Section):
    """The usage of one stage's samples; `cost_usd` is null if the price of any reply is unknown. `errors`: the most
    frequent failures of a stage whose samples are not in the ledger, in the servers' words."""

    stage: str
    samples: Count
    failed: Count
    prompt_tokens: Count
    completion_tokens: Count
    cost_usd: float | None
    errors: tuple[ReasonCount, ...] = added_later(())

    def exceeds(self, max_failed: float) -> bool:
        """Whether a larger share than `max_failed` has no reply."""
        return self.failed > max_failed * self.samples


class Manifest(Section):
    """`manifest.json`: `rows` counts the rows of each split and ledger table, `files` lists all files but itself.

    `content_hash` covers the data and the ledger, not the card. `incomplete`: more requests failed than its recipe
    allows.
    """

    name: Annotated[str, Field(pattern=rf"^{NAME}$")]
    format_version: int = FORMAT_VERSION
    content_hash: Digest
    incomplete: bool = added_later(False)
    recipe_hash: Digest
    rows: dict[str, Count]
    funnel: tuple[FunnelRow, ...]
    usage: tuple[Usage, ...]
    provenance: Provenance
    files: Annotated[dict[str, FileEntry], Field(max_length=MOST_FILES)]

    @field_validator("files")
    @classmethod
    def _paths_of_a_version(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        if odd := next((path for path in files if not PATH.fullmatch(path)), None):
            raise ValueError(f"{odd[:80]!a} is a file that no version has")
        return files

    @field_validator("rows")
    @classmethod
    def _rows_of_every_table(cls, rows: dict[str, int]) -> dict[str, int]:
        if missing := [table for table in (*SPLITS, *LEDGER) if table not in rows]:
            raise ValueError(f"the number of {missing[0]} is missing")
        return rows

    @property
    def terms(self) -> tuple[Any, ...]:
        """What others rely on beyond the rows: the licenses of the sources, and whether it is complete."""
        return self.incomplete, tuple((one.source, one.license) for one in self.provenance.inputs)

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
    """The manifest of a version folder; OvtError if it is missing or unreadable, or describes no version."""
    path = folder / MANIFEST
    try:
        data = read_json(path, MOST_BYTES)
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
        said = first["msg"].removeprefix("Value error, ")
        raise OvtError(f"{path} was edited: {place}: {said}; restore it, or build the version again") from None
