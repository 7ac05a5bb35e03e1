"""The difference of two texts, word by word.

[["same", "The bar is "], ["removed", "red. Wait, "], ["added", "blue."]]
"""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

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
