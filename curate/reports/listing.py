"""`ovt data list`: the versions of a home, when each was written, and in what it differs from the one before."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ovt.curate.reports.diff.recipes import origins, prompts, settings, short_value
from ovt.curate.versions.manifest import MANIFEST, Manifest
from ovt.curate.versions.profile import outline
from ovt.curate.versions.read import Version

SHOWN = 4  # differences named


def listing(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """`outline` of each version, with `written` (ISO time, UTC; of a pulled one, when it came) and `differs`: what
    changed since the version of its name before it; null for the first."""
    before: dict[str, Manifest] = {}
    told = []
    for version in versions:
        name, _, _ = version.ref.rpartition("@")
        earlier = before.get(name)
        differs = None if earlier is None else differences(earlier, version.manifest)
        told.append(outline(version) | {"written": written(version), "differs": differs})
        before[name] = version.manifest
    return told


def written(version: Version) -> str:
    """When the manifest was written, the last of a version's files: a version itself holds no time."""
    return datetime.fromtimestamp((version.path / MANIFEST).stat().st_mtime, UTC).isoformat(timespec="seconds")


def differences(a: Manifest, b: Manifest) -> str:
    """Settings, prompts, inputs and tools that changed: "reason.k 4 → 8; prompt of caption"."""
    parts = [
        f"parent {a.provenance.parent or 'none'} → {b.provenance.parent or 'none'}"
        if a.provenance.parent != b.provenance.parent
        else "",
        *(f"{one['key']} {_side(one, 'a')} → {_side(one, 'b')}" for one in changed(a, b)),
        *(f"prompt of {one['stage']}" for one in prompts(a, b)),
        *(one["what"] for one in origins(a, b) if one["what"] != "git_commit"),
    ]
    found = [part for part in parts if part]
    more = [f"{len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "; ".join(found[:SHOWN] + more) or "its replies"


def changed(a: Manifest, b: Manifest) -> list[dict[str, Any]]:
    """The settings that differ, but for prompts, which are too long for a line."""
    return [one for one in settings(a.provenance.recipe, b.provenance.recipe) if not one["key"].endswith("prompt")]


def _side(one: dict[str, Any], side: str) -> str:
    return "not there" if one["only"] not in (None, side) else short_value(one[side])
