"""What a version is made of and where it came from: `manifest.json`, written last, so its presence means complete.

Nothing here tells the time: a build that was killed and resumed writes the same bytes as an undisturbed one.
"""

import json
from typing import Any

from pydantic import Field

from ovt.curate.section import Section

FORMAT_VERSION = 1


class Input(Section):
    """A source as it was read: `fingerprint` is a hash of its content (or the Hub's revision)."""

    source: str
    location: str
    fingerprint: str
    rows: int
    license: str | None = None


class ModelUse(Section):
    """A model as one stage asked it: `prompt` is the template, `revision` the weights' identity where known."""

    stage: str
    endpoint: str
    model: str
    revision: str | None = None
    prompt: str
    sampling: dict[str, Any] = Field(default_factory=dict)


class Provenance(Section):
    """All that the builder knows and the tables do not; `finish` of the writer puts it into the manifest.

    `recipe` is the resolved recipe (it names environment variables, never their values); `parent` the version that this
    one was made from ("name@HASHPREFIX"), if any; `rebuild` the command that makes the version again.
    """

    recipe: dict[str, Any]
    inputs: tuple[Input, ...]
    models: tuple[ModelUse, ...]
    parent: str | None = None
    git_commit: str | None = None
    ovt_version: str
    verifier_version: str
    rebuild: str


class Manifest(Section):
    """`manifest.json`."""

    name: str
    format_version: int
    content_hash: str


def canonical_json(value: object) -> bytes:
    """`value` as JSON that is the same bytes for the same value: sorted keys, no spaces, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
