"""Sentences, and which of them may give an answer.

"The mean is 6.\\n\\nCheck: 5 * 6 = 30"  ->  the first: a check behind an answer gives none
"| Year | Sales |\\n|---|---|\\n| 2019 | 7 |"  ->  none: no row of a table is the answer
"""

import re

from ovt.verifiers.dressing import words
from ovt.verifiers.phrases import turns

SENTENCE_END = re.compile(
    r"(?=[.?!。？！\n])(?:(?<!\betc)(?<!\bvs)(?:[.?](?!(?<=\b[Nn]o\.)\s\d)|(?<![0-9)}])(?<!\b[a-z])!)(?=[\"')*\]]*+\s++[^a-z\s]|\s*+$)|(?<!\d)[.](?=[^\W\d_a-zA-Z])|。|？|！|\n)"
)
_LABEL = re.compile(r"[\s>*_#-]*+\(?([A-Z])[).:：、．]\**+\s*+(?=\S)")
_CHECK = re.compile(
    r"\W*+(?:verif|check|proof\b|note:|double[- ]check|(?:to|let's|let us|we can|let me)\s+(?:verify|check|confirm)\b"
    r"|验证|检验|验算)",
    re.IGNORECASE,
)
_GOES_ON = words(
    "a an the of to is are was be and or that which than with by for from in on at then if when we so because as "
    "equals its their"
)


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text."""
    return [piece.strip() for piece in _with_marks(text) if piece.strip()]


def _with_marks(text: str) -> list[str]:
    """The pieces between the ends of sentences; a question keeps its mark."""
    pieces, start = [], 0
    for match in SENTENCE_END.finditer(text):
        pieces.append(text[start : match.start()] + ("?" if match[0] in "?？" else ""))
        start = match.end()
    return [*pieces, text[start:]]


def telling(text: str) -> list[str]:
    """The sentences that may give an answer: none of a table, a list of options or a check, nor a cut-off one."""
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) > 1:
        lines = _beside_tables(lines)
        listed = labelled_lines(lines)
        lines = [line for place, line in enumerate(lines) if place not in listed and not (place and _is_check(line))]
    found = [piece for line in lines for piece in sentences(line)]
    return [] if len(found) > 1 and _is_cut_off(found[-1]) else found


def _beside_tables(lines: list[str]) -> list[str]:
    """The lines outside a markdown table, which has a line of dashes under its header."""
    ruled = any("|" in line and "--" in line and set(line) <= set("|-: \t") for line in lines)
    return [line for line in lines if "|" not in line] if ruled else lines


def labelled_lines(lines: list[str]) -> dict[int, str]:
    """The lines of a list of options, A, B and so on one after another: their places, and what is said at each."""
    found: dict[int, str] = {}
    for place, line in enumerate(lines):
        label = _LABEL.match(line)
        if label and label[1] == chr(65 + len(found)):
            found[place] = line[label.end() :]
        elif label and len(found) < 2:
            found = {place: line[label.end() :]} if label[1] == "A" else {}
    return found if len(found) > 1 else {}


def _is_check(line: str) -> bool:
    """Whether a line only checks the answer before it, and does not correct it."""
    return bool(_CHECK.match(line)) and "but" not in turns(line)


def _is_cut_off(sentence: str) -> bool:
    """Whether a text ends in the middle of a sentence: `Next, subtract the 7 that`."""
    last = sentence.rstrip("*$ ").lower().rpartition(" ")[2]
    return last in _GOES_ON or last in ("+", "=", "-", "×", "*", "/") or (last[:1] == "(" and ")" not in last)
