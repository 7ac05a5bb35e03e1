r"""Multiple choice: a letter and its option's text are the same answer, in both directions and in any formatting.

    choices ["55°", "60°"]:  "B", "(b)", "B) 60°", "\text{(B)}", "60", "60 degrees"  are one answer.

A letter that disagrees with the text beside it is wrong, and so is more than one letter. If the choices are
themselves letters, the letter is the answer.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from ovt.verifiers.dressing import plain, undress
from ovt.verifiers.kinds.number import read_number, same_number
from ovt.verifiers.kinds.text import normalize_text
from ovt.verifiers.verdict import Finding

_NAMED = (
    r"(?:(?:the\s+)?(?:correct\s+)?(?:option|choice|answer|letter|alternative|statement|选项)\s*+(?:is\s++)?[:#]?\s*+)?"
)
_LONE = re.compile(
    _NAMED + r"(?:\(\s*([a-z])\s*\)|\[\s*([a-z])\s*\]|\{\s*([a-z])\s*\}|([a-z])\s*[).:\]]?)$", re.IGNORECASE
)
_BEFORE_REASON = (
    r"([A-Z])(?=\s+(?:because|since|as\s|for\s|(?:not|rather\s+than|instead\s+of)\s+\(?[A-Z]\b|\("
    r"|is\s+(?:the\s+|my\s+)?(?:correct|right|best|final|answer)))"
)
_WITH_TEXT = re.compile(
    _NAMED
    + r"(?:\(\s*([a-zA-Z])\s*\)(?![a-z])|\[\s*([a-zA-Z])\s*\](?![a-z])|([a-zA-Z])\s*[):]"
    + r"|([A-Z])\s*(?:\.|[,;](?=\s*[a-z]))|([A-Z])\s+(?:-+|=)(?=\s)|"
    + _BEFORE_REASON
    + r")\s*+[:.]*+\s*+(?:-\s++)?(.+)$",
    re.DOTALL,
)
_LETTER_LAST = re.compile(r"([^()]*[^()\s])\s*\(([A-Z])\)$")
_LABEL = re.compile(r"\s*(?:\(([A-Za-z])\)|\[([A-Za-z])\]|([A-Za-z])\s*[).:])\s*(.*)$", re.DOTALL)
_ANOTHER_LETTER = re.compile(
    r"^(?:and|or|&|/|,|\+|\s)*\(?([A-Z])\)?(?=$|[\s,.;:/)&]+(?:$|(?:and|or)\b|\(?[A-Z]\)?(?:$|[\s,.;:/)])))"
)
# Separators are possessive (++): else n of them can be shared out in 2^n ways.
_SEVERAL = re.compile(r"\(?([A-Za-z])\)?(?:(?:[\s,;/&+]|\band\b|\bor\b)++\(?([A-Za-z])\)?)+[.\s]*$", re.IGNORECASE)
_EITHER = re.compile(r"\b(?:or|not|nor|neither|either)\b", re.IGNORECASE)
_ALSO = re.compile(r"(?<!\s)\s*+(?:[,;&+]|\band\b)\s*+", re.IGNORECASE)
_MENTION = re.compile(
    r"\(([A-Z])\)|\b(?:option|choice|answer|statement)\s+\(?([A-Z])\b"
    r"|\b(?:is|be|[Ii]t's|its|say|choose|pick|select|chose|go\s+with)(?:\s*+:)?\s++\(?([A-Z])\)?(?=$|[\s.,;:!)](?!\w*[a-z]{3}))"
    r"|(?:^|\s)\(?([A-Z])\)?[.!]?$|\b(?:option|choice|answer|is|it's|its)\s+\(?([b-hj-z])\)?[.!]?$"
)
_NEGATED = re.compile(
    r"(?:(?i:\bnot|n't|\bneither|\bnor|\bexclude|\brule\s+out|\beliminate|\bexcept)|\bbut|\bthan|\bcould|\bmight|\bmay"
    r"|\bcan|\bmaybe|\bperhaps|\bpossibly|\bor|\b[A-Z]\)?\s*(?:,|/|\bor|\band))\s++(?:(?:also|be|option|choice)\s++|\()*+$"
)
_DENIED = re.compile(r"(?:\bnot|\brather\s+than|\binstead\s+of)\s++(?:(?:option|choice)\s++)?\(?$", re.IGNORECASE)


Compare = Callable[[str, str], Finding]


class Options(NamedTuple):
    """The options' texts without their labels, and in the form used for comparing texts."""

    texts: tuple[str, ...]
    normal: tuple[str, ...]


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
    return Options(texts, tuple(normalize_text(text) for text in texts))


def lone_letter(text: str) -> str | None:
    r"""The capital of the letter that is the whole answer, in any formatting: `(c)`, `C.`, `\text{C}`, `Option C`."""
    match = _LONE.match(plain(text))
    return _first(match).upper() if match else None


def _first(match: re.Match[str], count: int | None = None) -> str:
    groups = match.groups()[:count] if count else match.groups()
    return next((group for group in groups if group), "")


def labelled(text: str) -> tuple[str, str] | None:
    """(letter, text) of an answer such as `B) 12`, `12 (B)` or `D, since it cannot be A`."""
    text = plain(text)
    if match := _WITH_TEXT.match(text):
        return _first(match, 6).upper(), match[7].strip()
    match = _LETTER_LAST.match(text)
    return (match[2], match[1]) if match else None


class Letter(NamedTuple):
    """A gold letter, with the text beside it if there is one: `(D) Alina`."""

    letter: str
    text: str = ""


def read_letter(gold: str) -> Letter | None:
    """The gold if it is a letter, alone or as the label of its text."""
    if letter := lone_letter(gold):
        return Letter(letter)
    match = re.match(r"(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])[).:](?=\s))\s*(\S.*)$", plain(gold), re.DOTALL)
    return Letter(match[1] or match[2] or match[3], match[4].strip()) if match else None


def several_letters(text: str) -> list[str]:
    """The letters of an answer that is a list of them (`A, B`, `A or C`); [] if it is not."""
    text = plain(text)
    if not _SEVERAL.match(text):
        return []
    return [letter.upper() for letter in re.findall(r"(?<![A-Za-z])([A-Za-z])(?![A-Za-z])", text)]


def mentioned_letter(text: str) -> str | None:
    """The last letter that a sentence settles on ("it's not A, therefore it's B"); None if there is none."""
    text = plain(text)
    found = None
    for match in _MENTION.finditer(text):
        before = text[: match.start() + len(match[0]) - len(match[0].lstrip())]
        letter = _first(match).upper()
        if _DENIED.search(before[-40:]) and letter != found:
            continue  # `C, not A`
        found = None if _NEGATED.search(before[-40:]) else letter
    return found


def check_letter(prediction: str, gold: Letter) -> Finding:
    """Compare with a gold letter when the options are unknown: accepts a letter, or a letter with text."""
    letter, text, reason = read_pick(prediction)
    shown = plain(prediction)
    if gold.text and normalize_text(prediction) == normalize_text(gold.text):
        return Finding("correct", "same_choice", shown, gold.letter)
    if letter is None:
        return Finding("wrong", reason, shown, gold.letter)
    if gold.text and re.match(re.escape(gold.text) + r"\s*(?:,|/|\bor\b|\band\b)\s*\S", text, re.IGNORECASE):
        return Finding("wrong", "several_choices", shown, gold.letter)
    if letter != gold.letter:
        return Finding("wrong", "other_choice", letter, gold.letter)
    return Finding("correct", "same_choice", letter, gold.letter)


def read_pick(prediction: str) -> tuple[str | None, str, str]:
    """(letter, the text beside it, why there is none) of an answer to a question whose options are unknown."""
    if letter := lone_letter(prediction):
        return letter, "", ""
    if len(several_letters(prediction)) > 1:
        return None, "", "several_choices"
    if pair := labelled(prediction):
        return (None, "", "several_choices") if _ANOTHER_LETTER.match(pair[1]) else (*pair, "")
    letter = mentioned_letter(prediction)
    return letter, "", "" if letter else "no_choice"


def gold_index(gold: str, options: Options) -> int | None:
    """Which option the gold is: by its letter, by its text, or by its value."""
    letter = lone_letter(gold)
    exact = _exact(gold, options)
    if letter and ord(letter) - 65 < len(options.texts):
        # A gold that is both a letter and another option's text was written as the text only in sets of letters.
        return ord(letter) - 65
    if exact is not None:
        return exact
    if pair := labelled(gold):
        index = ord(pair[0]) - 65
        if index < len(options.texts) and _matches(pair[1], options, index):
            return index
    by_value = [index for index in range(len(options.texts)) if _matches(gold, options, index)]
    return by_value[0] if len(by_value) == 1 else None


def _exact(text: str, options: Options) -> int | None:
    normal = normalize_text(text)
    if normal and options.normal.count(normal) == 1:
        return options.normal.index(normal)
    bare = undress(text)
    same = [index for index, option in enumerate(options.texts) if undress(option) == bare]
    return same[0] if len(same) == 1 else None


def _matches(text: str, options: Options, index: int) -> bool:
    """Whether a text is an option by its words or its value as a number, without symbolic work."""
    if options.normal[index] and normalize_text(text) == options.normal[index]:
        return True
    left, right = read_number(text), read_number(options.texts[index])
    return bool(left and right and same_number(left, right))


def check_choice(prediction: str, gold: int, options: Options, compare: Compare) -> Finding:
    """Compare with the option `gold`; `compare(prediction, text)` decides whether a text says what an option says."""
    index, reason = pick(prediction, options, compare)
    gold_letter = chr(65 + gold)
    if index is None:
        return Finding("wrong", reason, plain(prediction), gold_letter)
    if index == gold:
        return Finding("correct", "same_choice", chr(65 + index), gold_letter)
    return Finding("wrong", reason or "other_choice", chr(65 + index), gold_letter)


def gold_letters(gold: str, options: Options) -> frozenset[int]:
    """The options named by a gold of several letters: `AC`, `A, C`; empty if it is anything else."""
    run = re.fullmatch("[A-H]{2,8}", plain(gold))
    letters = list(run[0]) if run else [] if _EITHER.search(gold) else several_letters(gold)
    picked = frozenset(ord(letter) - 65 for letter in letters)
    return picked if len(picked) == len(letters) > 1 and max(picked) < len(options.texts) else frozenset()


def check_several(prediction: str, gold: frozenset[int], options: Options, compare: Compare) -> Finding:
    """Compare with a gold of several options: by letters or texts, in any order, each exactly once."""
    text = plain(prediction)
    parts = list(text) if re.fullmatch("[A-H]{2,8}", text) else several_letters(text)
    parts = parts or [part for part in _ALSO.split(text) if part.strip()]
    picked = [pick(part, options, compare)[0] for part in parts] if not _EITHER.search(text) else []
    shown = tuple(
        ", ".join(sorted(chr(65 + index) for index in found if index is not None)) for found in (picked, gold)
    )
    if len(picked) == len(gold) and set(picked) == gold:
        return Finding("correct", "same_choice", *shown)
    return Finding("wrong", "other_choice" if picked and None not in picked else "no_such_option", *shown)


def pick(prediction: str, options: Options, compare: Compare) -> tuple[int | None, str]:
    """(option, reason): the one option that a prediction names; (None, why) if it names none or more than one."""
    exact = _exact(prediction, options)
    if reason := _spaced_label(prediction, exact, options):
        return None, reason
    letter = lone_letter(prediction)
    by_letter = ord(letter) - 65 if letter and ord(letter) - 65 < len(options.texts) else None
    if by_letter is not None:
        return by_letter, ""
    if exact is not None:
        return exact, ""
    if letter:
        return None, "no_such_option"
    pair = labelled(prediction)
    for letter, text in filter(None, (pair, _spaced_pair(prediction))):
        if letter <= chr(64 + len(options.texts)) and _matches(text, options, ord(letter) - 65):
            return ord(letter) - 65, ""
    if len(several_letters(prediction)) > 1:
        return None, "several_choices"
    if pair:
        return _pick_labelled(*pair, options, compare)
    return _pick_by_value(prediction, options, compare)


def _spaced_pair(prediction: str) -> tuple[str, str] | None:
    """`B red`, `B | red`: a label without a mark, which counts only where the text is its own option's."""
    match = re.match(r"([A-Z])\s+(?:\|\s*)?(.+)$", plain(prediction))
    return (match[1], match[2]) if match else None


def _spaced_label(prediction: str, exact: int | None, options: Options) -> str:
    """Why `A red` is not an answer when red is option B: the A may be a letter or an article."""
    text = plain(prediction)
    as_written = any(text.lower() == plain(option).lower() for option in options.texts)
    return "letter_and_text_differ" if text.startswith("A ") and exact and not as_written else ""


def _pick_labelled(letter: str, text: str, options: Options, compare: Compare) -> tuple[int | None, str]:
    index = ord(letter) - 65
    if index >= len(options.texts):
        return None, "no_such_option"
    if _ANOTHER_LETTER.match(text):
        return None, "several_choices"
    if any(_matches(text, options, other) for other in range(len(options.texts))):
        return None, "letter_and_text_differ"
    by_value, _ = _pick_by_value(text, options, compare) if len(text) <= 80 else (None, "")
    if by_value is not None and by_value != index:
        return None, "letter_and_text_differ"
    return index, ""


def _pick_by_value(text: str, options: Options, compare: Compare) -> tuple[int | None, str]:
    same = [index for index, option in enumerate(options.texts) if compare(text, option).outcome == "correct"]
    if len(same) == 1:
        return same[0], ""
    return None, "ambiguous_option" if same else "no_such_option"
