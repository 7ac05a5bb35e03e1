"""Golds first: every gold must be accepted by its own verifier before anything is paid for.

lint_gold("7", ["6", "8"]) == "gold_not_in_choices"
"""

from ovt.verifiers.check import check_answer
from ovt.verifiers.guard import MAX_GOLD_CHARS, refuse
from ovt.verifiers.kinds.choice import gold_index, gold_letters, read_options
from ovt.verifiers.kinds.text import normalize_text


def lint(gold: str, choices: tuple[str, ...] | None, kind: str) -> str | None:
    """Why a gold cannot be used (a reason code), or None where it can."""
    gold = gold.strip()
    if not gold:
        return "empty_gold"
    if len(gold) > MAX_GOLD_CHARS:
        return "gold_too_long"
    if refuse(gold):
        return "gold_too_nested"
    if choices and kind in ("auto", "choice"):
        options = read_options(choices)
        index = gold_index(gold, options)
        text = normalize_text(gold) if index is None else options.normal[index]
        if text and options.normal.count(text) > 1:
            return "duplicate_choices"
        if index is None and not gold_letters(gold, options):
            return "gold_not_in_choices"
    verdict = check_answer(gold, gold, choices, kind)
    if kind not in ("auto", verdict.kind):
        return "unparseable_gold"
    return None if verdict else "gold_not_accepted"
