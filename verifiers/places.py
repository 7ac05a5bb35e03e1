"""Where in a clause its value stands: all of it, its beginning, its equation, or what follows its verb.

find("The train travels 60 miles in 1 hour")  ->  60 miles, and the tail " in 1 hour"
"""

import re
from typing import NamedTuple

from ovt.verifiers.dressing import words
from ovt.verifiers.phrases import ADVERBS, BOUND, COPULA
from ovt.verifiers.values import NUMBER, QUANTITY, TIME, Value, is_exact, read_value

MAX_CLAUSE_CHARS = 600
MAX_CUTS = 14
_BOUNDARY = re.compile(
    r"(?<!\s)\s*+(?:[,，;；](?=\s|[^\x00-\x7f]|$)|[（(]|[.。!?！？](?=\s|$)|\n|(?<=\s)-(?=\s)|了|的(?=\W*$)"
    r"|(?<=\s)(?:is|are|was|were|in|of|for|on|at|by|from|below|above|between|with|within|than|left|shown|there|among"
    r"|during|across|that|this|and\s+(?:that|this|it|so|the|its|i|we)|to\s+(?:the|be|get|make|reach)|as|if|sold|each"
    r"|respectively|correct|too|less|more|fewer)\b)"
)
_BAD_TAIL = re.compile(
    r"\W*(?:(?P<cold>below\s+(?:zero|freezing)|of\s+\d)|(?:in|of|out\s+of|by|to|times|per)\s+(?:every\s+)?[\d$\\]"
    r"|(?:more|less|fewer)\b)",
    re.IGNORECASE,
)
_PLACED = {"in": (NUMBER,), "at": (TIME,), "on": (), "after": (QUANTITY,), "no.": (NUMBER,)}
_IS_BEHIND = re.compile(
    r"\s*(?:is|are|was|were)\b(?!\s+(?:the|my|our|correct|right|what|how|a|shown|there|all|wrong|incorrect|false|ruled|excluded"
    r"|eliminated|discarded|\w*possible|\w+ly\s+(?:wrong|incorrect|right|correct|impossible)|likely|unlikely|plausible"
    r"|also|not)\b)"
)
_VALUE_START = re.compile(
    r"(?=[-+\s$€£¥\\\duaofhstne])(?:(?<![\w.,^_\\{:-])(?:[-+]?\s?(?:US)?[$€£¥]?[-+]?\d|[-+]?\\(?:frac|dfrac|tfrac|sqrt)|\$\s?\d)"
    r"|(?<![\w-])(?:a |an )?(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen"
    r"|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|half)(?![\w]))",
    re.IGNORECASE,
)
_BEFORE_ADJUNCT = words(
    "in by of than from at since until before after for on over under per into with to figure step question option "
    "table problem chapter case number no versus"
)
_MEASURES = words("total sum average mean value area length width height number count amount difference")


class Found(NamedTuple):
    """A value in a clause: where it begins, and what follows it."""

    value: Value
    start: int
    tail: str


def find(clause: str, kind: str) -> Found | None:
    """The value of a clause: all of it, its beginning, its equation, or what follows its verb."""
    start = _skip_adverbs(clause, 0)
    word, _, rest = clause[start:].partition(" ")
    placed = (
        read_value(rest, kind) if word.lower() in ("in", "at", "on", "after", "no.") and is_exact(rest, kind) else None
    )
    if placed and placed.kind in _PLACED[word.lower()]:
        return Found(placed, start, "")
    found = _prefix(clause, start, kind)
    if found and not _IS_BEHIND.match(found.tail):
        return found
    if any(sign in clause for sign in _SIGNS) and (found := _relation(clause, kind)):
        return found
    cues = [cue for cue in COPULA.finditer(clause) if cue[0] != "="]
    colons = sum(cue[0] in ":：" for cue in cues)
    for cue in reversed(cues[-6:]):
        if cue[0] in ":：" and colons > 1:
            continue  # `Length: 8 m, Width: 5 m`
        found = _prefix(clause, _skip_adverbs(clause, cue.end()), kind)
        found = found or (behind_object(clause, cue.end(), kind) if cue[0].lower() in _MAKE else None)
        if found:
            return found
    return _counted(clause, kind)


_MAKE = words("makes make gives leaves")


def behind_object(clause: str, start: int, kind: str) -> Found | None:
    """The value after the thing that has it: `which makes the reading 3.6`."""
    for word in clause[start:].split()[:4]:
        if found := _prefix(clause, start := clause.index(word, start) + len(word), kind):
            return found
    return None


_SIGNS = ("=", "<", ">", "≤", "≥", "≠", "≈", "∈", "\\l", "\\g", "\\n", "\\in")


def _skip_adverbs(text: str, start: int) -> int:
    """Past the words that say nothing about the value after them."""
    for _ in range(4):
        while start < len(text) and text[start] in " ,:*：":
            start += 1
        word = text[start:].split(" ", 1)[0]
        if word.lower().strip(",") not in ADVERBS and word not in ("≈", "~", "\\approx", "="):
            break
        start += len(word)
        start += next((len(link) for link in (" to ", " by ") if text.startswith(link, start)), 1) - 1
    return next((start + len(lead) for lead in _LEADS if text[start : start + len(lead)].lower() == lead), start)


_LEADS = ("a total of ", "an average of ", "in total ", "a value of ", "the value ", "in the year ", "the year ")


def _prefix(text: str, start: int, kind: str) -> Found | None:
    """The longest value that begins here and ends at a boundary."""
    rest = text[start : start + MAX_CLAUSE_CHARS]
    cuts = [len(rest), *reversed([match.start() for match in _BOUNDARY.finditer(rest)][:MAX_CUTS])]
    for cut in dict.fromkeys(cuts):
        part = rest[:cut].strip(" ,;:.")
        if part and is_exact(part, kind):
            value, tail = read_value(part, kind), rest[cut:]
            bad = _BAD_TAIL.match(tail)
            if bad and (bad["cold"] or (value.kind is not QUANTITY and not _in_a_year(tail))):
                return None
            return Found(value, start, tail)
    return None


def _in_a_year(text: str) -> bool:
    """Whether a text begins with a year and its preposition: `in 2015`."""
    word, year, *_ = [*text.strip(" ,(").lower().split(), "", ""]
    year = year.strip(".,;)")
    return word in ("in", "by") and len(year) == 4 and year.isdecimal() and year[0] in "12"


def _relation(clause: str, kind: str) -> Found | None:
    """The first equation or inequality among a clause's words."""
    starts = [0] + [place + 1 for place, char in enumerate(clause) if char == " "]
    for start in starts[:MAX_CUTS]:
        if any(sign in clause[:start] for sign in "=<>≤≥[({|"):
            break
        found = _prefix(clause, start, kind)
        if found and any(sign in found.value.text for sign in ("=", "<", ">", "≤", "≥", "≠", "≈", "\\")):
            return found
    return None


def _counted(clause: str, kind: str) -> Found | None:
    """An amount of something among words: `The train travels 60 miles in 1 hour`."""
    for match in _VALUE_START.finditer(clause):
        word = clause[: match.start()].lower().split()[-1:] or [""]
        before = clause[: match.start()].lower().split()[-2:-1] or [""]
        if BOUND.search(clause[: match.start()]):
            return None
        if word[0] == "at" and (found := _prefix(clause, match.start(), kind)) and found.value.kind is TIME:
            return found
        if word[0] in _BEFORE_ADJUNCT and not (word[0] == "of" and before[0] in _MEASURES):
            if _in_a_year(f"in {clause[match.start() :]}"):
                continue
            return None
        found = _prefix(clause, match.start(), kind)
        return found if found and found.value.kind is QUANTITY else None
    return None
