"""The one answer that a sentence settles on, for a gold of a given kind: its box, its statement, its last word.

settle("so the value is 1000", "number") == "1000"
settle("12 or 13", "number") == ""      two answers are none
"""

import re

from ovt.verifiers.choice import labelled, lone_letter, mentioned_letter, several_letters
from ovt.verifiers.dressing import fold, plain, undress
from ovt.verifiers.extract import sentences, untagged_answer
from ovt.verifiers.quantity import read_quantity
from ovt.verifiers.units import read_unit
from ovt.verifiers.yes_no import read_polarity

MAX_SENTENCE_CHARS = 600

_HAS_WORDS = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}|\n|[^\W\d_a-zA-Zα-ωΑ-Ω]")
_CUE = re.compile(
    r"\b(?:is|are|was|were|equals?|be|it's|its|gives?|get|got|to|of|has|have|had|needs?|find|makes?|spent|costs?|as|about|"
    r"approximately|roughly|around|exactly|only|then|there)\b|[=≈:]|\\approx",
    re.IGNORECASE,
)
_AFTERTHOUGHT = re.compile(
    r"[\s,;]+(?:because|since|as (?:it|the|this)|due to|given that|for the|i hope|rather than|instead of)\b.*$|,\s*(?:and |but )?not\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(
    r"(?<![\w.,^_{\\])[-+]?(?:[$€£¥]\s?)?[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+ \d+/\d+|\d+(?:[.,]\d+)?(?:\s?/\s?\d+)?|\.\d+)"
    r"(?:[eE][-+]?\d+)?(?:\s?(?:%|°|[€£¥$]))?(?![\d/^_]|[.,]\d)"
)
_BOUND_BEFORE = re.compile(
    r"\b(?:not|isn't|never|(?:more|less|fewer|greater|larger|smaller|other|rather) than|at (?:least|most)|over|under|above|below|up to|"
    r"almost|nearly)\W*$",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(
    r"\s*(?:\w+\s+)?(?:or|and)\s+(?:more|less|fewer|above|below|higher|lower|greater|over|under|so)\b|\s?\+",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[^\W\d_]+")
_ATTACHED_UNIT = re.compile(
    r"\s?(?:[^\W\d_]+(?:\^\{?-?\d\}?)?(?:/[^\W\d_]+(?:\^\{?-?\d\}?)?)?)(?:\s(?:per\s)?[^\W\d_]+)?"
)
_MATH = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<![\\$])\$([^$]+)\$", re.DOTALL)
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b\.?)?|\b\d{1,2}\s?[ap]\.?m\b\.?", re.IGNORECASE)
_SAYS = re.compile(
    r".*(?:\b(?:is|are|equals?|becomes|gives|be|was|get|follows)\b(?:\s+that)?\s*:?|:\s)\s*(.+)$",
    re.IGNORECASE | re.DOTALL,
)
_MATH_KINDS = frozenset(["expression", "equation", "inequality", "matrix", "interval", "list", "set", "tuple", "ratio"])


def settle(prediction: str, kind: str) -> str:
    """The bare answer inside a sentence or a longer text, "" where there is none or more than one."""
    answer, found_by, _ = untagged_answer(prediction)
    if found_by == "box" or not answer:
        return answer
    if found_by == "text" and not _HAS_WORDS.search(answer):
        return ""
    if found_by == "statement" and (kind in ("text", "choice", "yes_no") or _is_bare(answer, kind)):
        return answer
    if kind in ("number", "quantity"):
        return _settle_number(answer)
    if kind == "time":
        return _only(_TIME.findall(_last_sentence(answer)))
    if kind == "yes_no":
        return _settle_yes_no(answer)
    if kind in _MATH_KINDS:
        return _settle_math(answer)
    return answer if found_by == "statement" else _settle_choice(answer) if kind == "choice" else _settle_line(answer)


def _is_bare(answer: str, kind: str) -> bool:
    """Whether a statement's content needs no reading: no words beside what is answered."""
    return kind in ("number", "quantity") and read_quantity(answer) is not None


def _last_sentence(text: str) -> str:
    found = sentences(text[-4 * MAX_SENTENCE_CHARS :])
    return found[-1][-MAX_SENTENCE_CHARS:] if found else ""


def _only(found: list[str]) -> str:
    return found[0] if len({undress(text).lower() for text in found}) == 1 else ""


def _settle_number(text: str) -> str:
    """The number of the last sentence that has one: after its last "is" or "=", or alone in it."""
    for sentence in reversed(sentences(text[-4 * MAX_SENTENCE_CHARS :])):
        sentence = _AFTERTHOUGHT.sub("", fold(sentence[-MAX_SENTENCE_CHARS:]).strip())
        segments = _segments(sentence)
        if segments and not _NUMBER.search(_MATH.sub(" ", sentence)):
            return segments[-1] if len(set(segments)) == 1 or _ends_with(sentence, segments[-1]) else ""
        sentence = plain(sentence)
        numbers = [number for number in _NUMBER.finditer(sentence) if _stands_alone(number)]
        if numbers:
            return _number_in(sentence, numbers)
    return ""


def _ends_with(sentence: str, segment: str) -> bool:
    return len(sentence.rsplit(segment, 1)[-1].strip(" $\\)].")) <= 3


def _stands_alone(number: re.Match[str]) -> bool:
    """Whether nothing is glued to the number but a unit: `3D` and `2A` are names."""
    glued = _LETTERS.match(number.string, number.end())
    if not glued:
        return True
    unit = read_unit(glued[0])
    return bool(unit and not unit.noun and (len(glued[0]) > 1 or number.string[glued.end() : glued.end() + 1] == "^"))


def _number_in(sentence: str, numbers: list[re.Match[str]]) -> str:
    cues = [cue.end() for cue in _CUE.finditer(sentence) if cue.end() <= numbers[-1].start()]
    tail_start = cues[-1] if cues else 0
    tail = [number for number in numbers if number.start() >= tail_start]
    values = {number[0].strip() for number in tail}
    if (
        len(values) != 1
        or _BOUND_BEFORE.search(sentence[: tail[0].start()])
        or _BOUND_AFTER.match(sentence, tail[0].end())
    ):
        return ""
    whole = sentence[tail_start:].strip(" ,.;*")
    if read_quantity(whole):
        return whole
    return _with_unit(sentence, tail[0])


def _with_unit(sentence: str, number: re.Match[str]) -> str:
    """The number and the unit that follows it, as far as it is one."""
    unit = _ATTACHED_UNIT.match(sentence, number.end())
    if unit:
        for end in (unit.end(), number.end() + len(unit[0].split(" ", 2 if unit[0].startswith(" ") else 1)[0])):
            text = sentence[number.start() : end].strip()
            quantity = read_quantity(text)
            if quantity and quantity.unit and not quantity.unit.noun:
                return text
        first = sentence[number.start() : number.end()] + " " + unit[0].split()[0]
        if read_quantity(first):
            return first
    return number[0].strip()


def _segments(text: str) -> list[str]:
    """The formulas between math delimiters."""
    return [next(group for group in match if group).strip() for match in _MATH.findall(text)]


def _settle_math(text: str) -> str:
    """The last formula of the last sentence that has one, else what stands after its last "is" or colon."""
    segments = _segments(text[-4 * MAX_SENTENCE_CHARS :])
    if segments:
        return segments[-1]
    match = _SAYS.match(plain(_AFTERTHOUGHT.sub("", _last_sentence(text))))
    return match[1] if match else ""


def _settle_yes_no(text: str) -> str:
    for sentence in (_last_sentence(text), (sentences(text[:MAX_SENTENCE_CHARS]) or [""])[0]):
        if read_polarity(sentence)[0] or read_polarity(sentence)[1] == "hedged":
            return sentence
    return ""


def _settle_choice(text: str) -> str:
    """The last sentence that names a letter."""
    for sentence in reversed(sentences(text[-4 * MAX_SENTENCE_CHARS :])):
        if lone_letter(sentence) or several_letters(sentence) or labelled(sentence):
            return sentence
        if letter := mentioned_letter(sentence):
            return letter
    return ""


def _settle_line(text: str) -> str:
    """Of several lines, the last."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if len(lines) > 1 else ""
