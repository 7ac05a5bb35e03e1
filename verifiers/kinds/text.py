"""Free text: the whole of it must match. Case, punctuation, quotes, a leading article and accents are dressing.

    normalize_text("**The** capital of France is Paris.") == "capital of france is paris"

There is no credit for a part: "blue or red" is not "blue", and "oddd" is not "odd".
"""

import re
import unicodedata
from functools import lru_cache

from ovt.verifiers.algebra.notation import enclosing, inside
from ovt.verifiers.dressing import fold, plain
from ovt.verifiers.verdict import Finding, equal_or_not

_ARTICLE = re.compile(r"^(?:the|an?)\s+(?=\S)")
_INITIALS = re.compile(r"(?<![a-z.])[a-z](?:\.[a-z])+\b\.?")
_HYPHEN = re.compile(r"(?<=[a-z])-(?=[a-z])")
_SPACED_DASH = re.compile(r"(?<!\s)\s*+-\s*+(?=\d)|(?<=\d)\s*+-\s*+")
_SUBSCRIPT = re.compile(r"(?<=[a-z])_(?:\{(\d+)\}|(?=\d))")
_SEPARATORS = re.compile(r"[,;](?!\d)|\"|\s+|\.(?=\s)")
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_TEENS = [
    "tenth",
    "eleventh",
    "twelfth",
    *(f"{stem}teenth" for stem in ("thir", "four", "fif", "six", "seven", "eigh", "nine")),
]
_ORDINAL_SIZES = (
    {word: n for n, word in enumerate([*_ORDINALS, *_TEENS], 1)}
    | {f"{word[:-1]}ieth": 10 * n for n, word in enumerate(_TENS, 2)}
    | {f"{ten} {word}": 10 * n + m for n, ten in enumerate(_TENS, 2) for m, word in enumerate(_ORDINALS, 1)}
)
_DECADE = re.compile(r"(?:^in (?:the )?)?\b((?:1\d|20)\d0)'?s\b")
_ORDINAL = re.compile(rf"\b(?:(?:{'|'.join(_TENS)}) )?(?:{'|'.join([*_ORDINALS, *_TEENS])}|[a-z]{{3,5}}tieth)\b")
_FIGURE = re.compile(r"\\(angle|triangle)(?![a-z])")
_PRODUCT = re.compile(r"(?<=(?<![A-Za-z])[a-z])\s*+(?:\\(?:cdot|times)(?![a-z])|[*·×⋅])\s*+(?=[a-z](?![A-Za-z]))")
_IT_IS = re.compile(
    r"^(?:it(?:'s| is| was)|this is|that is|that's|they are|these are|those are|(?:it|they) (?:will|would)(?: be)?"
    r"|it(?=\s+(?:cannot|can not|can't)\b))\s+(?=\S)"
)


@lru_cache(maxsize=16384)
def normalize_text(text: str) -> str:
    """The form in which two texts are compared."""
    text = _without_accents(plain(text)).casefold()
    # The article goes first: what is left of a label (`A. Rose`) must not pass for one.
    text = _ARTICLE.sub("", _IT_IS.sub("", text))
    text = _FIGURE.sub(r"\1 ", text)
    text = _HYPHEN.sub(" ", _INITIALS.sub(lambda run: run[0].replace(".", ""), text))
    text = _SUBSCRIPT.sub(lambda match: match[1] or "", text)
    text = _SEPARATORS.sub(" ", _SPACED_DASH.sub("-", text))
    text = _DECADE.sub(r"\1s", text)
    text = _ORDINAL.sub(_in_digits, " ".join(text.split()).strip(" .,;:!?'\"*_`$"))
    return inside(text, "()").strip() if enclosing(text) == "()" and "," not in text else text


def _in_digits(ordinal: re.Match[str]) -> str:
    """`twenty first` as `21st`."""
    size = _ORDINAL_SIZES.get(ordinal[0])
    if size is None:
        return ordinal[0]
    teen = 10 < size < 20
    return f"{size}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(size % 10, 'th')}"


def _without_accents(text: str) -> str:
    """Drop the accents of Latin letters (`Cézanne` is `Cezanne`); other alphabets keep their marks."""
    if text.isascii():
        return text
    kept: list[str] = []
    for char in unicodedata.normalize("NFD", text):
        if not (unicodedata.combining(char) and kept and kept[-1].isascii()):
            kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept))


def check_text(prediction: str, gold: str) -> Finding:
    """Whether the two are the same text."""
    left, right = normalize_text(_PRODUCT.sub("", fold(prediction))), normalize_text(gold)
    if not left:
        return Finding("wrong", "no_answer", left, right)
    return equal_or_not(left == right, left, right)


_GOLD = re.compile(r"(yes|no|true|false)$", re.IGNORECASE)
_LEADING = re.compile(
    r"(?:(?:so|well|thus|therefore|hence|definitely|absolutely|certainly|clearly|correct),?\s+)?(?:(?:it|this|that|the\s+\w+)\s+is\s+)?(yes|no|true|false)"
    r"(?:$|\s*[,.;:!)\-]|\s+(?:because|since|as|it|they|there|the|this|that|these|those|he|she|we|you|i|both|in|on|by)\b)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:^|\b(?:is|be|say|answer|answered|hence|so|therefore|thus|think)[:,]?\s+)(yes|no|true|false)$", re.IGNORECASE
)
_NOT_SAID = re.compile(
    r"(?:\b(?:cannot|not|never)|n't)\s+(?:\w+\s+)?(?:be|say|answer|think)[:,]?\s+(?:yes|no|true|false)$", re.IGNORECASE
)
_BOTH_WAYS = re.compile(
    r"\b(?:yes|no|true|false)\b\W*(?:\b(?:and|or|but|also|maybe|perhaps|then|wait|actually|rather)\b\W*){0,3}"
    r"\b(?:yes|no|true|false)\b(?=\W*$|\s*[,.;:!?)])",
    re.IGNORECASE,
)
_OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}


def read_yes_no(text: str) -> str | None:
    """The polarity that a gold is: "yes", "no", "true", "false" or None."""
    match = _GOLD.match(plain(text))
    return match[1].lower() if match else None


def read_polarity(text: str) -> tuple[str, str]:
    """(polarity, reason): what an answer says; polarity is "" where it says nothing or both."""
    text = " ".join(plain(text).split())
    if both := _BOTH_WAYS.search(text):
        words = {word for word in re.findall(r"[a-z]+", both[0].lower()) if word in _OPPOSITE}
        if any(_OPPOSITE[word] in words for word in words):
            return "", "hedged"
    if _NOT_SAID.search(text):
        return "", "hedged"
    match = _LEADING.match(text) or _CLOSING.search(text)
    if match:
        return match[1].lower(), ""
    return "", "not_yes_or_no"


def check_yes_no(prediction: str, gold: str) -> Finding:
    """Compare an answer's polarity with the gold's."""
    polarity, reason = read_polarity(prediction)
    if not polarity:
        return Finding("wrong", reason, plain(prediction).lower(), gold)
    if polarity == gold:
        return Finding("correct", "equal", polarity, gold)
    return Finding("wrong", "different", polarity, gold)
