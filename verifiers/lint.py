"""Golds first: every gold must be accepted by its own verifier before anything is paid for.

lint_gold("7", ["6", "8"]) == "gold_not_in_choices"
"""

from collections.abc import Sequence

from ovt.verifiers.check import verify
from ovt.verifiers.choice import gold_index, read_options
from ovt.verifiers.guard import MAX_GOLD_CHARS, refuse
from ovt.verifiers.text import normalize_text


def lint_gold(gold: str, choices: Sequence[str] | None = None, kind: str = "auto") -> str | None:
    """Why a gold cannot be used (a reason code), or None where it can.

    `empty_gold`, `gold_too_long`, `gold_too_nested`, `gold_not_in_choices`; `duplicate_choices`: it is two options at
    once; `unparseable_gold`: the kind asked for cannot read it; `gold_not_accepted`: its own verifier refuses it.
    """
    gold = str(gold or "").strip()
    if not gold:
        return "empty_gold"
    if len(gold) > MAX_GOLD_CHARS:
        return "gold_too_long"
    if refuse(gold):
        return "gold_too_nested"
    if choices and kind in ("auto", "choice"):
        options = read_options(tuple(map(str, choices)))
        index = gold_index(gold, options)
        text = normalize_text(gold) if index is None else options.normal[index]
        if text and options.normal.count(text) > 1:
            return "duplicate_choices"
        if index is None:
            return "gold_not_in_choices"
    verdict = verify(gold, gold, choices=choices, kind=kind)
    if kind not in ("auto", verdict.kind):
        return "unparseable_gold"
    return None if verdict else "gold_not_accepted"
