"""Changed settings by dotted key, prompts, inputs and tools; and the difference of two texts, word by word."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from operator import itemgetter
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


def sides(one: Mapping[str, Any]) -> list[str]:
    """A changed setting of `settings` in a and in b, each on a short line."""
    return ["not set" if one["only"] not in (None, side) else short_value(one[side]) for side in "ab"]


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
MOST_WORDS = 4_000  # beyond that, differences are shown as replaced, not compared word by word
FEW_WORDS = 250  # in longer texts, frequent words are no anchors: otherwise repetitive texts take minutes


def compare_words(old: str, new: str) -> list[Piece]:
    """Pieces whose same and removed ones join to `old`, and whose same and added ones join to `new`."""
    left, right = (list(re.finditer(r"\S+", text)) for text in (old, new))
    pieces: list[Piece] = []
    at = to = 0
    for i, j in _same([word[0] for word in left], [word[0] for word in right]):
        pieces += [*_between(old[at : left[i].start()], new[to : right[j].start()]), ("same", left[i][0])]
        at, to = left[i].end(), right[j].end()
    found = (piece for piece in [*pieces, *_between(old[at:], new[to:])] if piece[1])
    return [(what, "".join(text for _, text in run)) for what, run in groupby(found, key=itemgetter(0))]


def _same(left: Sequence[str], right: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The places of each word that both have, in order."""
    head = _shared(left, right)
    tail = _shared(left[head:][::-1], right[head:][::-1])
    middles = left[head : len(left) - tail], right[head : len(right) - tail]
    longest = max(map(len, middles))
    blocks = []
    if longest <= MOST_WORDS:
        blocks = SequenceMatcher(None, *middles, autojunk=longest > FEW_WORDS).get_matching_blocks()
    yield from ((at, at) for at in range(head))
    yield from ((head + one.a + at, head + one.b + at) for one in blocks for at in range(one.size))
    yield from ((len(left) - at, len(right) - at) for at in range(tail, 0, -1))


def _between(old: str, new: str) -> list[Piece]:
    """What is between two of the same words; the white space that both begin or end with is the same."""
    lead = _shared(_margin(old), _margin(new))
    trail = _shared(_margin(old[lead:][::-1]), _margin(new[lead:][::-1]))
    ends = len(old) - trail, len(new) - trail
    return [
        ("same", old[:lead]),
        ("removed", old[lead : ends[0]]),
        ("added", new[lead : ends[1]]),
        ("same", old[ends[0] :]),
    ]


def _margin(text: str) -> str:
    """The white space that a text begins with."""
    return text[: len(text) - len(text.lstrip())]


def _shared(left: Sequence[str], right: Sequence[str]) -> int:
    """The number of words, or characters, that both start with."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((number for number, (one, other) in pairs if one != other), min(len(left), len(right)))


def marked(pieces: Iterable[Piece]) -> str:
    """The difference between marks: "The bar is [-red-]{+blue+}."."""
    return "".join(f"{MARKS[what][0]}{text}{MARKS[what][1]}" for what, text in pieces)
