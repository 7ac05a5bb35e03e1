r"""Multiple choice: a letter and its option's text are the same answer, in both directions and in any formatting.

    choices ["55°", "60°"]:  "B", "(b)", "B) 60°", "\text{(B)}", "60", "60 degrees"  are one answer.

A letter that disagrees with the text beside it names nothing, and an option's own text is never doubted. If the
choices are themselves letters, the letter is the answer.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ovt.verifiers.algebra.structure import has_or, members
from ovt.verifiers.compare import compare_texts
from ovt.verifiers.dressing import plain, undress, words
from ovt.verifiers.kinds.letter import labelled, letters_of, lone_letter
from ovt.verifiers.kinds.number import read_number, same_number
from ovt.verifiers.kinds.text import normalize_text
from ovt.verifiers.phrases import DENIED_BEHIND
from ovt.verifiers.sentences import labelled_lines

_LABEL = re.compile(r"\s*(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z])\s*[).:])\s*(.*)$", re.DOTALL)
_SPACED = re.compile(r"[(\[]?([A-Z])[)\]]?\W{0,3}")
_MAY_FOLLOW_A = (
    "then with plus followed over besides unless next as is are was has and or not nor because to too also "
    "instead rather if but else wins comes before after precedes maybe perhaps versus vs cannot can does would could "
    "might may since for respectively oder ou hoặc veya lub e y o"
)
# An `A` before another word is the article.
_LETTER = re.compile(
    rf"(?<![A-Za-z0-9À-ɏ_'\\.-])([A-Z])(?![A-Za-z0-9À-ɏ_'+-]|[\])][a-z]|\.\w)(?!(?<=I)\s+[a-z])"
    rf"(?!(?<=A)\s+(?!(?:{'|'.join(_MAY_FOLLOW_A.split())})\b)[a-z])"
    r"|\b(?i:option|choice|answer|letter)\s+\(?([a-z])\)?(?=[\s.,;:!]|$)|\(([a-z])\)"
    r"|\b(?i:is|it's|be|choose|pick|select)\s+\(?([b-hj-z])\)?(?=[.!]?\s*$)"
)
_RULED_OUT = re.compile(
    r"(?:\b(?:not|nor|neither|never|than|instead of|anything but|everything but|can(?:no|')t be|except"
    r"|unlike|between|from|of|like|compared? (?:to|with)"
    r"|(?:exclud|eliminat|reject|discard)\w{1,4}|rul(?:e[sd]?|ing) out)|n't)\s++"
    r"(?:(?:be|option|choice|answer|both)s?\s++)?\(?$"
    r"|(?:不是|排除|除了|不选|并非|\bpas|\bni|\bne|\bnicht|\bне|không phải|ليست?|\bnão é|\bno es)(?:选项)?\s*$",
    re.IGNORECASE,
)
_SAID_OF = re.compile(
    r"\)?(?:\s*\([^()]{0,40}\))?(?:(?:\s*+,)?\s*+(?:,|\band\b|\bor\b|\bnor)\s++\(?(?:option\s++)?[A-Z]\)?"
    r"(?:\s*\([^()]{0,40}\))?){0,6}+\s*+"
    r"(?:or\s+(?:more|less|higher|lower)\b"
    r"|(?:is|are|was|were|has|have|shows?|does|do|did|can(?:no|')t|can not|would|looks?|gives?|says?)\b"
    r"(?!\s+(?:also|correct|right|possible|equally|plausible|likely|true|the|my)\b)|选?项?不符合|选项?(?:错|不))"
)
_CHAIN = re.compile(r"(?:\(?[A-Z]\)?\s*(?:,|/|\bor\b|\bnor\b|\band\b)\s*){1,6}\(?$")
_CONCLUDED = re.compile(
    r"(?:\b(?:so|therefore|thus|hence|answer|choose|chose|pick|select|go with|be|it's|is|leaves?|leaving)"
    r"|[=⇒]>?|∴|[选为是])"
    r"[\s:,]*+(?:(?:it is|it's|the answer is|the|option|choice|answer|letter)\s++){0,3}+\(?$",
    re.IGNORECASE,
)
MAX_LETTERS = 40
Pick = tuple[frozenset[int] | None, str]
"""The options that a text names, or None and the reason why there are none."""


class Options(NamedTuple):
    """The options' texts without their labels, in the form used for comparing texts, and without formatting."""

    texts: tuple[str, ...]
    normal: tuple[str, ...]
    bare: tuple[str, ...]


@lru_cache(maxsize=2048)
def read_options(choices: tuple[str, ...]) -> Options:
    """Strip `A.`, `(B)`, `c)` labels if all choices carry them in order, followed by text."""
    texts = tuple(str(choice) for choice in choices)
    labels = [_LABEL.match(text) for text in texts]
    in_order = all(
        match and (match[1] or match[2] or match[3]).upper() == chr(65 + index) for index, match in enumerate(labels)
    )
    if in_order and all(match and match[4].strip() for match in labels):
        texts = tuple(match[4].strip() for match in labels if match)
    return Options(texts, tuple(map(normalize_text, texts)), tuple(map(undress, texts)))


def gold_index(gold: str, options: Options) -> int | None:
    """Which option the gold is: by its letter, by its text, or by its value."""
    picked, _ = pick(gold, options, by_value=False)
    return next(iter(picked)) if picked and len(picked) == 1 else None


@lru_cache(maxsize=4096)
def pick(text: str, options: Options, by_value: bool = True) -> Pick:
    """The options that a bare answer names: by letters, by a text, or (if `by_value`) by an equal value."""
    exact = _exact(text, options)
    letter = lone_letter(text) or _loose_letter(text)
    if letter and ord(letter) - 65 < len(options.texts):
        # A gold that is both a letter and another option's text was written as the text only in sets of letters.
        return _one(ord(letter) - 65)
    if exact is not None:
        return (None, "letter_and_text_differ") if _spaced_label(text, exact, options) else _one(exact)
    if (own := _with_own_text(text, options)) is not None:
        return _one(own) if own >= 0 else (None, "letter_and_text_differ")
    if letter:
        return None, "no_such_option"
    if several := _several(text, options):
        return several
    if pair := labelled(text):
        return _labelled(*pair, options, by_value)
    return _by_value(text, options, by_value)


def _one(index: int) -> Pick:
    return frozenset([index]), ""


def _loose_letter(text: str) -> str | None:
    """`$F`, `C}`: a letter with remnants of its formatting."""
    bare = text.strip(" $\\{}*_.\n")
    return bare if len(bare) == 1 and "A" <= bare <= "Z" else None


def _exact(text: str, options: Options) -> int | None:
    normal = normalize_text(text)
    if normal and options.normal.count(normal) == 1:
        return options.normal.index(normal)
    bare = undress(text)
    return options.bare.index(bare) if options.bare.count(bare) == 1 else None


def _spaced_label(text: str, exact: int, options: Options) -> bool:
    """Whether `A red` is not an answer because red is option B: the A may be a letter or an article."""
    text = plain(text)
    as_written = any(text.lower() == plain(option).lower() for option in options.texts)
    return text.startswith("A ") and exact > 0 and not as_written


def _with_own_text(text: str, options: Options) -> int | None:
    """The letter that stands before its own option's text, however they are joined: `B red`, `E2`, `D（8）`, `C, 60°`.

    -1 where it stands before another option's."""
    text = plain(text)
    match = _SPACED.match(text)
    index = ord(match[1]) - 65 if match else len(options.texts)
    if match and index < len(options.texts):
        for rest in (text[match.end() :], text[match.end(1) :].lstrip(")].:,、 "), text[match.end(1) :]):
            if rest.strip() and (_matches(rest, options, index) or _matches(rest.strip("()[]"), options, index)):
                return index
        rest = text[match.end() :]
        if text[match.end(1) : match.end()].strip() and any(
            _matches(rest, options, other) for other in range(len(options.texts))
        ):
            return -1
    pair = labelled(text)
    if pair and ord(pair.letter) - 65 < len(options.texts) and _matches(pair.text, options, ord(pair.letter) - 65):
        return ord(pair.letter) - 65
    return None


def _matches(text: str, options: Options, index: int) -> bool:
    """Whether a text is an option by its words or its value as a number, without symbolic work."""
    if options.normal[index] and normalize_text(text) == options.normal[index]:
        # `o` and `ö` may be two options.
        alone = options.normal.count(options.normal[index]) == 1
        return alone or plain(text).casefold() == plain(options.texts[index]).casefold()
    left, right = read_number(text), read_number(options.texts[index])
    return bool(left and right and same_number(left, right))


def _several(text: str, options: Options) -> Pick | None:
    """The options of an answer that is a list of letters or of texts."""
    bare = plain(text).strip("[]{}").removeprefix("Both ").removeprefix("both ")
    run = bare if 2 <= len(bare) <= 8 and bare.isascii() and bare.isalpha() and bare.isupper() else ""
    letters = list(run) if run and max(run) <= chr(64 + len(options.texts)) else letters_of(bare)
    if not letters or max(letters) > chr(64 + len(options.texts)):
        parts = members(bare.replace("+", ","), bare=True) if len(bare) < 500 else []
        picked = [_with_own_text(part, options) if (own := _exact(part, options)) is None else own for part in parts]
        if len(picked) < 2 or None in picked:
            return (None, "several_choices") if letters else None
        letters = [chr(65 + index) for index in picked if index is not None]
    found = frozenset(ord(letter) - 65 for letter in letters)
    if _is_either(bare) or len(found) < len(letters) or max(found) >= len(options.texts):
        return None, "several_choices"
    return found, ""


def _is_either(text: str) -> bool:
    """Whether the members of a list are alternatives, or denied."""
    return has_or(text) or not _NOT.isdisjoint(text.lower().split())


_NOT = words("not nor neither either or")


def _labelled(letter: str, text: str, options: Options, by_value: bool) -> Pick:
    index = ord(letter) - 65
    if index >= len(options.texts):
        return None, "no_such_option"
    if others_beside(letter, text):
        return None, "several_choices"
    if any(_matches(text, options, other) for other in range(len(options.texts))):
        return None, "letter_and_text_differ"
    picked = _by_value(text, options, by_value)[0] if len(text) <= 80 else None
    return (None, "letter_and_text_differ") if picked and picked != {index} else _one(index)


def others_beside(letter: str, text: str) -> bool:
    """Whether the text behind a label offers another letter."""
    found, _ = settle(f"{letter}) {text}")
    return found is None


def _by_value(text: str, options: Options, by_value: bool) -> Pick:
    if not by_value:
        same = [index for index in range(len(options.texts)) if _matches(text, options, index)]
    else:
        same = [index for index, option in enumerate(options.texts) if compare_texts(text, option).outcome == "correct"]
    if len(same) == 1:
        return _one(same[0])
    return None, "ambiguous_option" if same else "no_such_option"


_JUDGED = re.compile(
    r"\W*+(?:(?P<no>(?:is\s+)?(?:incorrect|wrong|false|no\b|not\b)|不正确|错误?|不对)"
    r"|(?P<yes>(?:is\s+)?(?:correct|right|true|yes)\b|正确|对))(?=\W|$)",
    re.IGNORECASE,
)
_TICKS, _CROSSES = "✓✔✅☑", "✗✘❌✖"


def judged(text: str, options: Options) -> Pick | None:
    """The option left by a list with a judgement on each: `A: wrong`, `B: correct`, `C: 7 ✗`."""
    lines = list(labelled_lines([line for line in text.split("\n") if line.strip()]).values())[: len(options.texts)]
    said = list(map(_judgement, lines))
    if not said or not all(said) or any(_matches(line, options, place) for place, line in enumerate(lines)):
        return None
    right = [place for place, word in enumerate(said) if word == "yes"]
    return _one(right[0]) if len(right) == 1 else (None, "several_choices" if right else "no_choice")


def _judgement(said: str) -> str:
    bare = said.rstrip(" *.\ufe0f")
    if bare[-1:] in _TICKS or bare[-1:] in _CROSSES:
        return "yes" if bare[-1] in _TICKS else "no"
    match = _JUDGED.match(said)
    return match.lastgroup or "" if match else ""


def settle(text: str) -> tuple[str | None, bool]:
    """(the one letter that a sentence settles on, whether it concludes it); "" for none, None for several."""
    found = list(_LETTER.finditer(text))[-MAX_LETTERS:]
    concluded = [match for match in found if _CONCLUDED.search(text[max(0, match.start() - 60) : match.start()])]
    picks = [match for match in found if not _is_mentioned(text, match)]
    if concluded and concluded[-1] in picks:
        picks = [match for match in picks if match.start() >= concluded[-1].start()]
    letters = list(dict.fromkeys(map(_letter, picks)))
    if len(letters) > 1:
        return None, False
    return (letters[0] if letters else ""), bool(concluded and letters)


def _letter(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group).upper()


def _is_mentioned(text: str, match: re.Match[str]) -> bool:
    """Whether a letter is only mentioned: ruled out, or described."""
    before = _CHAIN.sub("", text[max(0, match.start() - 60) : match.start()])
    return bool(
        _RULED_OUT.search(before) or _SAID_OF.match(text, match.end()) or DENIED_BEHIND.match(text, match.end())
    )
