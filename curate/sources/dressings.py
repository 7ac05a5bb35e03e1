"""Options inside a text, in every dressing that data sets use.

"How many? (A) 3 (B) 4", gold "B"   ->   Split("How many?", ("3", "4"))
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from ovt.curate.sources.named_choice import LETTERS, find_text, label_key
from ovt.verifiers.kinds.letter import lone_letter

_PARENTHESISED = re.compile(r"\(([A-Za-z])\)")
_LINE_START = re.compile(r"^[ \t]*([A-Za-z])[.):](?=\s)", re.MULTILINE)
_INLINE = re.compile(r"(?<![^\s:?;,])([A-Z])[.)](?=\s)")
_HEADER = re.compile(r"\s*\b(?:answer )?(?:choices|options)\s*(?:are)?\s*:?\s*$", re.IGNORECASE)
_LABEL = re.compile(r"[A-Z]|\d{1,2}")


class Split(NamedTuple):
    """A question and the options that were inside it, None if there are none.

    labels: of the options, unless they are A, B, …. new: whether older versions of ovt missed them.
    """

    question: str
    choices: tuple[str, ...] | None = None
    labels: tuple[str, ...] = ()
    new: bool = False


class _Dressing(NamedTuple):
    """How options are marked: the pattern's group holds the label; `accepts` says whether options can begin there, from
    the text before them and whether they begin a line."""

    pattern: re.Pattern[str]
    accepts: Callable[[str, bool], bool]
    new: bool = False


def split_question(question: str, gold: str | None) -> Split:
    """Splits a text that may hold labelled options from these, given its gold.

    It is split only if the gold is a letter or one of the options (in rarer dressings: a label); text after the last
    option stays with the question.
    """
    if gold is None or (question.isascii() and not _SECOND.search(question)):
        return Split(question)
    label = _LABEL.fullmatch(label_key(gold[:20]))
    for dressing in _DRESSINGS if label else _DRESSINGS[:OLD]:
        split = _split(question, dressing, need_head=True)
        if split and split.choices and _fits(gold, split):
            return split
        if split and not dressing.new:
            return Split(question)
    return Split(question)


def _fits(gold: str, split: Split) -> bool:
    choices = split.choices or ()
    if split.new:
        labels = split.labels or LETTERS[: len(choices)]
        return label_key(gold) in labels and (not split.labels or find_text(gold, choices) is None)
    return bool(lone_letter(gold)) or find_text(gold, choices) is not None


def _split(text: str, dressing: _Dressing, need_head: bool) -> Split | None:
    markers = _lettered(text, dressing.pattern)
    if len(markers) < 2:
        return None
    head, at = text[: markers[0].start()], markers[0].start()
    if not dressing.accepts(head.rstrip(), at == 0 or text[:at].rstrip(" \t").endswith("\n")):
        return None
    head = _without_header(head.strip())
    options, tail = _between(text, markers)
    if all(options) and not {"and", "or"} & {option.casefold() for option in options} and (head or not need_head):
        labels = tuple(map(label_key, (marker[1] for marker in markers))) if dressing.new else ()
        whole = "\n".join(part for part in (head, tail) if part)
        return Split(whole, options, () if labels[:1] == ("A",) else labels, dressing.new)
    return None


def _without_header(head: str) -> str:
    return head[:-60] + _HEADER.sub("", head[-60:])


def _follows_a_stop(head: str, line_start: bool) -> bool:
    """Options on one line begin after a sentence; "points (A) and (B)" does not."""
    return line_start or not head or head[-1] in "?:.!;？：。！；" or head != _without_header(head)


def _anywhere(head: str, line_start: bool) -> bool:
    return True


_SECOND = re.compile(r"(?<![A-Za-z0-9])[Bb2](?![A-Za-z0-9])")  # what every list of options has in ASCII
_DRESSINGS = (
    _Dressing(_PARENTHESISED, _follows_a_stop),
    _Dressing(_LINE_START, _anywhere),
    _Dressing(_INLINE, _follows_a_stop),
    _Dressing(re.compile(r"([①-⑳⑴-⒇⒈-⒛Ⓐ-Ⓩ⒜-⒵])"), _anywhere, new=True),
    _Dressing(re.compile(r"(?<![A-Za-z0-9])(（[A-Za-zＡ-Ｚ]）|[A-ZＡ-Ｚ](?=[、．：]))[、．：]?"), _anywhere, new=True),
    _Dressing(re.compile(r"(?<![^\s,;?:.])([A-Z])[:,](?=\s)"), _follows_a_stop, new=True),
    _Dressing(re.compile(r"\[([A-Za-z])\](?=\s)"), _follows_a_stop, new=True),
    _Dressing(re.compile(r"(?:^|(?<=\s))\(([A-Z0-9]{1,2})\)"), _follows_a_stop, new=True),
    _Dressing(re.compile(r"^[ \t]*([A-Z]|\d{1,2})[.):、-](?=\s*\S)", re.MULTILINE), _anywhere, new=True),
)
OLD = sum(not dressing.new for dressing in _DRESSINGS)


def _lettered(text: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """The last run of markers A, B, C, …, or 1, 2, 3, …, in `text`."""
    run: list[re.Match[str]] = []
    best: list[re.Match[str]] = []
    for match in pattern.finditer(text):
        label = label_key(match[1])
        first = label in ("A", "1")
        if run and len(run) < len(LETTERS) and label == _label(label_key(run[0][1]), len(run)):
            run.append(match)
        elif first:
            run = [match]
        if len(run) > 1:
            best = run
    return best


def _label(first: str, position: int) -> str:
    return str(position + 1) if first == "1" else LETTERS[position]


def _between(text: str, markers: list[re.Match[str]]) -> tuple[tuple[str, ...], str]:
    ends = [marker.start() for marker in markers[1:]]
    options = [text[marker.end() : end].strip(" \t\r\n,;") for marker, end in zip(markers, ends, strict=False)]
    last, _, tail = text[markers[-1].end() :].strip().partition("\n")
    return (*options, last.strip(" \t\r,;")), tail.strip()


def first_split(text: str, new: bool) -> Split | None:
    """The options that a text consists of, in one of the older or the newer dressings."""
    splits = (_split(text, dressing, need_head=False) for dressing in _DRESSINGS if dressing.new == new)
    return next((split for split in splits if split), None)
