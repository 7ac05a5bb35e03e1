"""`ovt data list` and `ovt data show`: the versions of a home, and how each differs from the one before; everything
about one but its rows."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ovt.curate.reports.diff.recipes import origins, prompts, settings, sides
from ovt.curate.versions.manifest import MANIFEST, Manifest
from ovt.curate.versions.profile import NEEDED, outline, summarise
from ovt.curate.versions.read import Version, reading, scan_rows

MOST_NAMED = 4  # differences between two versions


def describe(version: Version) -> dict[str, Any]:
    """Everything about a version except its rows: `outline`, the manifest's records and `profile.summarise`."""
    manifest = version.manifest.model_dump(mode="json")
    with reading(version):
        stats = summarise(scan_rows(version.path, NEEDED))
    return {
        **outline(version),
        "tables": manifest["rows"],
        "funnel": manifest["funnel"],
        "usage": manifest["usage"],
        "provenance": manifest["provenance"],
        "stats": stats,
    }


def listing(versions: Sequence[Version]) -> list[dict[str, Any]]:
    """`outline` of each version, with `written` (ISO time, UTC; for a pulled one, when it was pulled) and `differs`:
    what changed since the version of its name before it; null for the first."""
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
        *(f"{one['key']} {' → '.join(sides(one))}" for one in changed(a, b)),
        *(f"prompt of {one['stage']}" for one in prompts(a, b)),
        *(one["what"] for one in origins(a, b) if one["what"] != "git_commit"),
    ]
    found = [part for part in parts if part]
    more = [f"{len(found) - MOST_NAMED} more"] if len(found) > MOST_NAMED else []
    return "; ".join(found[:MOST_NAMED] + more) or "its replies"


def changed(a: Manifest, b: Manifest) -> list[dict[str, Any]]:
    """The settings that differ, except prompts, which are too long for a line."""
    return [one for one in settings(a.provenance.recipe, b.provenance.recipe) if not one["key"].endswith("prompt")]
