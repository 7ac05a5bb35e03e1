"""Changed settings by dotted key, prompts, inputs and tools; and the difference of two texts, word by word."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

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
    shown = {name: use.prompt for name, use in _uses(made)}
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
    for name, use in _uses(made):
        yield f"model {name}", _model(use)
    for name in TOOLS:
        yield name, getattr(made, name)


def _uses(made: Provenance) -> Iterator[tuple[str, ModelUse]]:
    """Each use of a model with its stage; of several in one stage, from the second on, with its number."""
    seen: Counter[str] = Counter()
    for use in made.models:
        seen[use.stage] += 1
        yield use.stage + f" {seen[use.stage]}" * (seen[use.stage] > 1), use


def _model(use: ModelUse) -> str:
    return f"{use.model} at {use.endpoint}" + (f", revision {use.revision[:12]}" if use.revision else "")


# Two texts, word by word.

Piece = tuple[str, str]  # ("same", "removed" or "added"; the text)
MARKS = {"same": ("", ""), "removed": ("[-", "-]"), "added": ("{+", "+}")}
MOST_WORDS = 8_000  # words and spaces; beyond that, differences are shown as replaced, not compared word by word
FEW_WORDS = 2_000  # in longer texts, frequent words are no anchors: otherwise repetitive texts take minutes


def compare_words(old: str, new: str) -> list[Piece]:
    """Pieces whose same and removed ones join to `old`, and whose same and added ones join to `new`."""
    left, right = _words(old), _words(new)
    head = _shared(left, right)
    tail = _shared(left[head:][::-1], right[head:][::-1])
    middle = _compare(left[head : len(left) - tail], right[head : len(right) - tail])
    pieces = [("same", "".join(left[:head])), *middle, ("same", "".join(left[len(left) - tail :]))]
    return [piece for piece in pieces if piece[1]]


def _compare(left: list[str], right: list[str]) -> list[Piece]:
    longest = max(len(left), len(right))
    if longest > MOST_WORDS:
        return [("removed", "".join(left)), ("added", "".join(right))]
    pieces: list[Piece] = []
    for what, i1, i2, j1, j2 in SequenceMatcher(str.isspace, left, right, autojunk=longest > FEW_WORDS).get_opcodes():
        if what == "equal":
            pieces.append(("same", "".join(left[i1:i2])))
        else:
            pieces += [("removed", "".join(left[i1:i2])), ("added", "".join(right[j1:j2]))]
    return pieces


def _shared(left: list[str], right: list[str]) -> int:
    """The number of words that both start with."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((number for number, (one, other) in pairs if one != other), min(len(left), len(right)))


def _words(text: str) -> list[str]:
    """Words, and the white space between them (which is never an anchor by itself)."""
    return re.findall(r"\s+|\S+", text)


def marked(pieces: Iterable[Piece]) -> str:
    """The difference between marks: "The bar is [-red-]{+blue+}."."""
    return "".join(f"{MARKS[what][0]}{text}{MARKS[what][1]}" for what, text in pieces)
