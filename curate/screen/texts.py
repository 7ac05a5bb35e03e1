"""Text features for comparing questions: words, shingles, numbers, n-grams.

"How many bars are higher than 4?"  ->  plain "how many bars are higher than 4", numbers ("4",)
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterator, Sequence

GRAM = 13  # words; GPT-3's decontamination used this length, and most later work
SHINGLE = 5  # characters

_TAG = re.compile(r"<image(?: ?\d{1,3})?>")
_APART = re.compile(r"[^\w+*/=<>%^°√π∠.,:-]+|(?<!\d)[.,:]|[.,:](?!\d)|(?<!\w)_+|_+(?!\w)")
_LONE_DASH = re.compile(r"-+(?!\w)")  # once all else is gone: what followed it may have been
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LABEL = re.compile(r"\b[A-Z]{1,4}\d?\b")
_DENIAL = re.compile(r"\b(?:not|no|never|none|neither|nor|without|except|cannot)\b|n't\b")


def plain(text: str) -> str:
    """A text without case, `<image>` tags, punctuation and extra white space; signs and numbers stay."""
    text = unicodedata.normalize("NFKC", _TAG.sub(" ", text)).casefold()
    return " ".join(_LONE_DASH.sub(" ", _APART.sub(" ", text)).split())


def whole(question: str, choices: Sequence[str] | None) -> str:
    """A question with its choices as plain text: the key for recognising a benchmark item."""
    return plain(" ".join([question, *(choices or ())]))


def numbers(text: str) -> tuple[str, ...]:
    """The numbers in a text, in order."""
    return tuple(_NUMBER.findall(text))


def particulars(text: str) -> tuple[list[str], list[str], list[str]]:
    """(numbers, labels such as "AB", negations) of a text, sorted: if they differ, the questions differ."""
    return sorted(_NUMBER.findall(text)), sorted(_LABEL.findall(text)), sorted(_DENIAL.findall(text.casefold()))


def shingles(text: str) -> set[str]:
    """The runs of SHINGLE characters in a plain text; a shorter text is a single shingle."""
    return {text[at : at + SHINGLE] for at in range(max(1, len(text) - SHINGLE + 1))}


def similarity(first: set[str], second: set[str]) -> float:
    """Jaccard: shared shingles by all shingles, from 0 to 1."""
    return len(first & second) / (len(first | second) or 1)


def grams(text: str) -> Iterator[bytes]:
    """Hashes of the runs of GRAM words in a plain text; empty if it is shorter."""
    words = text.split()
    for at in range(len(words) - GRAM + 1):
        yield text_hash(" ".join(words[at : at + GRAM]))


def text_hash(text: str) -> bytes:
    """An eight-byte hash of a text, the same on every machine (BLAKE2b)."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
