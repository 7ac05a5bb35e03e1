"""Free text, and yes or no. The whole of a text must match; case, punctuation, an article and accents are dressing.

    normalize_text("**The** capital of France is Paris.") == "capital of france is paris"

There is no credit for a part: "blue or red" is not "blue", and "oddd" is not "odd".
"""

import re
import unicodedata
from functools import lru_cache

from ovt.verifiers.algebra.notation import COMMANDS
from ovt.verifiers.algebra.structure import enclosing, inside
from ovt.verifiers.dressing import plain
from ovt.verifiers.kinds.numerals import TENS

_ARTICLES = ("the ", "an ", "a ")
_POINTERS = (
    "it's ", "it is ", "it was ", "this is ", "that is ", "that's ", "they are ", "these are ", "those are ",
    "it will be ", "it would be ", "they will be ", "they would be ", "it will ", "they will ", "it would ",
    "they would ",
)  # fmt: skip
_SPELLING = re.compile(
    r"(?P<initials>(?<![a-z.])[a-z](?:\.[a-z])+\b\.?)|(?P<hyphen>(?<=[a-z])-(?=[a-z]))"
    r"|(?<=(?<![A-Za-z])[a-z])\s*+[*·×⋅]\s*+(?=[a-z](?![A-Za-z]))"
    r"|(?<=[a-z\d)\]}])\^(?:\{(?P<charge>\d{0,3}[+-])\}|(?=\d{0,3}[+-])|\{(?P<turned>[+-]\d)\})"
    r"|(?<=[a-z\d)\]])_(?:\{(?P<below>\d+)\}|(?=\d))"
)
_TIGHT = re.compile(r"(?<!\s)\s*+-\s*+(?=\d)|(?<=\d)\s*+-\s*+|(?<!\s)\s*+([→≅∥⊥∼=∨∧¬])\s*+")
_SEPARATORS = re.compile(r"[,;](?!\d)|\"|\.(?=\s)")
_MARKS = frozenset(',;."-*^_=')
"""An ASCII text without any of these is already spelt as it is compared."""
_COMMAND = re.compile(r"\\[a-zA-Z]+ ?")
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"]
_STEMS = ("thir", "four", "fif", "six", "seven", "eigh", "nine")
_TEENS = ["tenth", "eleventh", "twelfth", *(f"{stem}teenth" for stem in _STEMS)]
_ORDINAL_SIZES = (
    {word: n for n, word in enumerate([*_ORDINALS, *_TEENS], 1)}
    | {f"{word[:-1]}ieth": 10 * n for n, word in enumerate(TENS, 2)}
    | {f"{ten} {word}": 10 * n + m for n, ten in enumerate(TENS, 2) for m, word in enumerate(_ORDINALS, 1)}
)
_DECADE_OR_ORDINAL = re.compile(
    rf"(?:^in (?:the )?)?\b(?P<decade>(?:1\d|20)\d0)'?s\b"
    rf"|\b(?:(?:{'|'.join(TENS)}) )?(?:{'|'.join([*_ORDINALS, *_TEENS])}|[a-z]{{3,5}}tieth)\b"
)
_SIGNS = {"\\times": "×", "\\angle": "angle ", "\\triangle": "triangle ", "\\omega": "ω", "\\sqrt": "\\sqrt "} | {
    command.lower(): sign
    for command, sign in COMMANDS.items()
    if not sign.isspace() and not sign.startswith("\\") and command != "\\times"
}
_LINES, _BARE_LINES = frozenset("∥⊥≅∠△"), str.maketrans("", "", "{}")
_LOOKS = str.maketrans({"~": "∼", "∽": "∼", "≅": "≅", "⟶": "→", "⇌": "→", "º": "°"})


@lru_cache(maxsize=16384)
def normalize_text(text: str) -> str:
    """The form in which two texts are compared."""
    text = _without_accents(plain(text)).casefold().translate(_LOOKS).replace("->", "→").replace("||", "∥")
    # The article goes first: what is left of a label (`A. Rose`) must not pass for one.
    text = _without(_ARTICLES, _without_pointer(text))
    if "\\" in text:
        text = _COMMAND.sub(lambda found: _SIGNS.get(found[0].strip(), found[0]), text)
    if not text.isascii() or not _MARKS.isdisjoint(text):
        text = _SPELLING.sub(_respell, text)
        text = _SEPARATORS.sub(" ", _TIGHT.sub(lambda found: found[1] or "-", text))
    text = _DECADE_OR_ORDINAL.sub(_in_digits, " ".join(text.split()).strip(" .,;:!?'\"*_`$"))
    text = (
        _without(("<", "["), text).removesuffix(">").removesuffix("]") if text[:1] + text[-1:] in ("<>", "[]") else text
    )
    if not _LINES.isdisjoint(text):
        text = text.translate(_BARE_LINES).replace("\\overline", "")
    text = text.replace(" ", "") if "→" in text else text
    return inside(text, "()").strip() if enclosing(text) == "()" and "," not in text else text


def _respell(found: re.Match[str]) -> str:
    """`u.s.a.` as `usa`, `well-known` in two words, `a·b` as `ab`, `fe^{3+}` as `fe3+`, `h_{2}o` as `h2o`."""
    if found["initials"]:
        return found[0].replace(".", "")
    if found["turned"]:
        return found["turned"][1] + found["turned"][0]
    return " " if found["hyphen"] else found["charge"] or found["below"] or ""


def _without(starts: tuple[str, ...], text: str) -> str:
    return next((text[len(start) :].lstrip() for start in starts if text.startswith(start) and text != start), text)


def _without_pointer(text: str) -> str:
    """Without "it is" before more."""
    if text.startswith(("it cannot ", "it can not ", "it can't ")):
        return text[3:]
    return _without(_POINTERS, text) if text.startswith(_POINTERS) else text


def _in_digits(found: re.Match[str]) -> str:
    """`twenty first` as `21st`, `the 1990's` as `1990s`."""
    if found["decade"]:
        return found["decade"] + "s"
    size = _ORDINAL_SIZES.get(found[0])
    if size is None:
        return found[0]
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


_POLARITIES = {
    "yes": "yes yeah yep ja oui sí si sim da 是 是的 对 对的 正确 有 はい 예 네 نعم да",
    "no": "no nope nein non não nao 不 不是 否 不对 错 错误 不正确 没有 いいえ 아니요 아니오 لا нет",
    "true": "true",
    "false": "false",
}
POLARITY = {word: polarity for polarity, words in _POLARITIES.items() for word in words.split()}


def read_polarity(text: str) -> str | None:
    """ "yes", "no", "true" or "false" where the whole of a text says it."""
    return POLARITY.get(plain(text).lower()) if len(text) < 60 else None
