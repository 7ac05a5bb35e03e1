"""Changed settings by dotted key, prompts, inputs, and tools."""

from collections.abc import Iterator, Mapping
from typing import Any

from ovt.curate.reports.diff.word_diff import Piece, compare_words
from ovt.curate.versions.manifest import Manifest, ModelUse, Provenance

ABSENT = object()
TOOLS = ("ovt_version", "verifier_version", "git_commit")


def settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict]:
    """The settings that differ between two recipes: key ("filter.length.max_words"), a, b and `only` ("a" or "b" if
    the other recipe has no such key)."""
    left, right = dict(_leaves(a)), dict(_leaves(b))
    changed = []
    for key in [*left, *(key for key in right if key not in left)]:
        values = left.get(key, ABSENT), right.get(key, ABSENT)
        if values[0] is ABSENT or values[1] is ABSENT or values[0] != values[1]:
            shown = [None if value is ABSENT else value for value in values]
            only = "b" if values[0] is ABSENT else "a" if values[1] is ABSENT else None
            changed.append({"key": key, "a": shown[0], "b": shown[1], "only": only})
    return changed


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every non-table value by its dotted key; a list of plain values is one value."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple) and any(isinstance(inner, Mapping) for inner in value):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{key}.{number}")
    else:
        yield key, value


def short_value(setting: Any) -> str:
    """A setting on one short line; the page shows texts in full."""
    text = "none" if setting is None else str(setting).lower() if isinstance(setting, bool) else str(setting)
    line = " ".join(text.split())
    return line if len(line) <= 32 else f"{line[:31]}…"


def prompts(a: Manifest, b: Manifest) -> list[dict]:
    """The prompts that differ: stage, a, b (the templates, or null) and `pieces`, their word-level difference.

    The stage "data" is the user's turn of the rows.
    """
    templates = [_templates(manifest.provenance) for manifest in (a, b)]
    stages = list(dict.fromkeys([*templates[0], *templates[1]]))
    changed = []
    for stage in stages:
        old, new = (side.get(stage) for side in templates)
        if old != new:
            pieces: list[Piece] = compare_words(old or "", new or "")
            changed.append({"stage": stage, "a": old, "b": new, "pieces": pieces})
    return changed


def _templates(made: Provenance) -> dict[str, str]:
    shown = {use.stage: use.prompt for use in made.models}
    data = made.recipe.get("data")
    template = data.get("prompt") if isinstance(data, Mapping) else None
    return shown | ({"data": template} if isinstance(template, str) else {})


def origins(a: Manifest, b: Manifest) -> list[dict]:
    """Other differences in provenance: `what` ("input figures", "model reason", "verifier_version"), a, b."""
    facts = [dict(_facts(manifest.provenance)) for manifest in (a, b)]
    names = list(dict.fromkeys([*facts[0], *facts[1]]))
    told = [{"what": name, "a": facts[0].get(name), "b": facts[1].get(name)} for name in names]
    return [one for one in told if one["a"] != one["b"]]


def _facts(made: Provenance) -> Iterator[tuple[str, str | None]]:
    for one in made.inputs:
        yield f"input {one.source}", f"{one.rows:,} rows, {one.fingerprint[:12]}, {one.license or 'no license given'}"
    for use in made.models:
        yield f"model {use.stage}", _model(use)
    for name in TOOLS:
        yield name, getattr(made, name)


def _model(use: ModelUse) -> str:
    return f"{use.model} at {use.endpoint}" + (f", revision {use.revision[:12]}" if use.revision else "")
