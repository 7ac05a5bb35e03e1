r"""Letters of options, alone or as the label of a text, in any formatting: `(c)`, `\text{C}`, `Option C`, `B) 12`."""

import re
from typing import NamedTuple

from ovt.verifiers.dressing import plain

_NAMED = (
    r"(?:(?:the\s+)?(?:correct\s+)?(?i:option|choice|answer|letter|alternative|statement|选项|选)\s*+"
    r"(?:is\s++)?[:#]?\s*+)?"
)
_LONE = re.compile(
    _NAMED + r"(?:\(\s*([A-Za-z])\s*\)|\[\s*([A-Za-z])\s*\]|\{\s*([A-Za-z])\s*\}|<([A-Za-z])>|([A-Za-z])\s*[).:\]]?)"
)
_LABELLED = re.compile(
    _NAMED
    + r"(?:\(\s*([a-zA-Z])\s*\)(?![a-z])|\[\s*([a-zA-Z])\s*\](?![a-z])|([a-zA-Z])\s*[):]"
    + r"|([A-Z])\s*(?:\.|[,;](?=\s*[a-z]))|([A-Z])\s+(?:-+|=)(?=\s))\s*+[:.]*+\s*+(?:-\s++)?(\S.*)",
    re.DOTALL,
)
_RUN = re.compile(r"\(?([A-Za-z])\)?(?:(?:[\s,;/&+]|\band\b|\bor\b|和|或)++\(?([A-Za-z])\)?)+[.\s]*", re.IGNORECASE)
_STRICT = re.compile(r"(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])[).:](?=\s|[^\x00-\x7f]))\s*([^\s,;/&|].*)", re.DOTALL)


_NO_LABEL = ("is ", "are ", "was ", "has ", "does ", "if ", "unless ", "provided ", "assuming ")
"""What continues a sentence about a letter."""


class Letter(NamedTuple):
    """A letter, with the text beside it if there is one: `(D) Alina`."""

    letter: str
    text: str = ""

    def __str__(self) -> str:
        return self.letter


def _first(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group)


def lone_letter(text: str) -> str | None:
    """The capital of the letter that is the whole answer."""
    match = _LONE.fullmatch(plain(text)) if len(text) < 200 else None
    return _first(match).upper() if match else None


def labelled(text: str) -> Letter | None:
    """The label and the text of an answer such as `B) 12` or `12 (B)`."""
    text = plain(text)
    if match := _LABELLED.fullmatch(text):
        said = match[6].strip()
        return None if said.lower().startswith(_NO_LABEL) else Letter(_first(match).upper(), said)
    said, opened, last = text.rpartition("(")
    capital = len(last) == 2 and "A" <= last[0] <= "Z" and last[1] == ")"
    alone = opened and capital and "(" not in said and ")" not in said and said.strip()
    return Letter(last[0], said.rstrip()) if alone else None


def read_letter(text: str) -> Letter | None:
    """A letter, alone or as the label of its text."""
    if letter := lone_letter(text):
        return Letter(letter)
    match = _STRICT.fullmatch(plain(text)) if len(text) < 300 and "\n" not in text.strip() else None
    return Letter(_first(match), match[4].strip()) if match else None


def letters_of(text: str) -> list[str]:
    """The letters of an answer that is a list of them (`A, B`, `A or C`); [] if it is not."""
    text = plain(text)
    if not _RUN.fullmatch(text):
        return []
    return [word for word in text.upper().translate(_APART).split() if len(word) == 1]


_APART = {ord(char): " " for char in "(),;/&+.和或"}
