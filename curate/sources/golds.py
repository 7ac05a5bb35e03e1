"""Golds as texts: taken from worked solutions, mapped, or several for one question.

"<CONCLUSION> A </CONCLUSION>"   gold_pattern "<CONCLUSION>(.*)</CONCLUSION>"   ->  "A"
0                                gold_map {"0" = "No", "1" = "Yes"}             ->  "No"
["basil", "herb", "basil"]       accept "majority"                              ->  "basil"
                                 accept "any"                                   ->  "basil ||| herb"
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from ovt.curate.sources.cells import plain_text, squeeze, unpacked
from ovt.curate.sources.faults import Unfit
from ovt.curate.sources.patterns import last_match
from ovt.curate.sources.section import SourceSection

MOST_GOLDS = 64  # of one question

_ANSWER_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE)
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
_HOLD_ANSWERS = ("answer", "text", "value", "label", "ground_truth", "gold", "content")


def read_golds(cell: Any, section: SourceSection) -> list[str]:
    """The golds of a cell: several only if the section accepts "any" or "all" of them, none if it is empty.

    Raises Unfit: unparseable_gold for golds that differ or have no text, no_majority, gold_pattern_not_found.
    """
    cell = cell if section.accept == "one" else unpacked(cell)
    golds = [gold for text in _texts(cell) if (gold := read_gold_text(text, section))]
    if section.accept == "one":
        different = list(dict.fromkeys(golds))
        if len(different) > 1:
            raise Unfit("unparseable_gold", f"several golds: {' | '.join(different)[:120]} (accept says which count)")
        return different
    counted = Counter(map(squeeze, golds))
    ranked = [next(gold for gold in golds if squeeze(gold) == key) for key, _ in counted.most_common(MOST_GOLDS)]
    if section.accept == "majority" and len(ranked) > 1:
        if counted.most_common(1)[0][1] == 1:
            raise Unfit("no_majority", f"golds that all differ: {' | '.join(ranked)[:120]}")
        return ranked[:1]
    return ranked


def read_gold_text(text: str, section: SourceSection) -> str:
    """The gold in a text: where gold_pattern matches, its last <answer> or \\boxed{}, and what gold_map makes of it."""
    if section.gold_pattern:
        found = last_match(section.gold_pattern, text)
        if found is None:
            raise Unfit("gold_pattern_not_found", f"gold_pattern does not match {text[:40]!r} … {text[-80:]!r}")
        text = found
    text = final_answer(text)
    return _meant(text, section.gold_map) if section.gold_map else text


def _meant(text: str, golds: Mapping[str, str]) -> str:
    if text in golds:
        return golds[text]
    return next((meant for written, meant in golds.items() if squeeze(written) == squeeze(text)), text)


def _texts(cell: Any) -> Iterator[str]:
    """The texts of a gold cell. Of a mapping, what it calls its answer: {"answer": "basil", "confidence": "yes"}."""
    if isinstance(cell, Mapping):
        held = next((cell[name] for name in _HOLD_ANSWERS if name in cell), cell)
        if isinstance(held, Mapping):
            raise Unfit("unparseable_gold", f"found {str(cell)[:80]!r}, expected a text")
        yield from _texts(held)
    elif isinstance(cell, list | tuple):
        for inner in cell:
            yield from _texts(inner)
    elif text := plain_text(cell):
        yield text


def final_answer(text: str) -> str:
    """What the last <answer>…</answer>, else the last \\boxed{…}, holds; else the whole text."""
    tags = list(_ANSWER_TAG.finditer(text)) if "<" in text else []
    for opening, closing in reversed(list(pairwise(tags))):
        if closing[1] and not opening[1]:
            text = text[opening.end() : closing.start()].strip()
            break
    boxes = list(_BOXED.finditer(text)) if "\\" in text else []
    return _until_closed(text, boxes[-1].end()).strip() if boxes else text


def gold_key(gold: str) -> str:
    """A gold normalised for comparison with others of the same question: 3, 3.0 and "3 " agree."""
    text = squeeze(gold)
    try:
        return repr(float(text)) if len(text) < 40 else text
    except ValueError:
        return text


def _until_closed(text: str, start: int) -> str:
    depth = 1
    for at in range(start, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return text[start:at]
    return text[start:]
