"""The one answer that a sentence settles on, for a gold of a given kind: its box, its statement, its last word.

settle("so the value is 1000", settle_number) == "1000"
settle("12 or 13", settle_number) == ""      two answers count as none

The functions `settle_…` define how kinds settle (a column of `table.py`): each takes a text, and whether it is
the text stated to be the answer.
"""

import re
from collections.abc import Callable
from itertools import pairwise

from ovt.verifiers.dressing import fold, plain
from ovt.verifiers.extract import sentences, untagged_answer
from ovt.verifiers.guard import MAX_ANSWER_CHARS
from ovt.verifiers.kinds.choice import labelled, lone_letter, mentioned_letter, several_letters
from ovt.verifiers.kinds.quantity import read_quantity
from ovt.verifiers.kinds.text import read_polarity
from ovt.verifiers.kinds.units import convert, read_unit

MAX_SENTENCE_CHARS = 600

_HAS_WORDS = re.compile(r"(?<![A-Za-z\\])[A-Za-z]{2,}|\n|[^\W\d_a-zA-Zα-ωΑ-Ω]")
_CUE = re.compile(
    r"\b(?:is|are|was|were|equals?|be|it's|its|gives?|get|got|to|of|has|have|had|needs?|find|makes?|spent|costs?|as|about"
    r"|approximately|roughly|around|exactly|only|there)\b|[=≈:]|\\approx",
    re.IGNORECASE,
)
_AFTERTHOUGHT = re.compile(
    r"(?<![\s,;])[\s,;]++"
    r"(?:because|since|as (?:it|the|this)|due to|given that|for the|i hope|rather than|instead of)\b.*$"
    r"|(?:[,(]|(?<!\s)\s++-)\s*(?:and |but )?not\s++[^\s)].*$"
    r"|(?:,|(?<!\s))\s++(?:but|although|though)\s++i(?:'m| am)\b.*$",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(
    r"(?<![A-Za-z0-9.,^_{\\])[-+]?(?:[$€£¥]\s?)?[-+]?"
    r"(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+ \d+/\d+|\d+(?:[.,]\d+)?(?:\s?/\s?\d+)?|\.\d+)"
    r"(?:[eE][-+]?\d+)?(?:\s?(?:%|°|[€£¥$]))?(?![\d/^_]|[.,]\d)"
)
_NEGATION_OR_BOUND = (
    r"not|isn't|no|no longer|without|never|unlikely|hardly|neither|nor|or|and|maybe|perhaps|possibly|either"
    r"|could be|might be|may be"
    r"|over|under|above|below|up to|(?:more|less|fewer|greater|larger|smaller|other|rather) than|at (?:least|most)"
    r"|almost|nearly|between|except|but"
)
_LEADS_IN = "so thus hence therefore then total all finally answer"
_NO_LEAD_IN = "".join(rf"(?<!{word})" for word in _LEADS_IN.split())
_BOUND_CHINESE = "不是|并非|不等于|不为|或者?|还是|和|与|至少|至多|最多|超过|不到|大于|小于|多于|少于|第"
_BOUND_BEFORE = re.compile(
    rf"(?:\b(?:{_NEGATION_OR_BOUND})|{_NO_LEAD_IN}[,/&]|{_BOUND_CHINESE})[\s$\\(\[]*$",
    re.IGNORECASE,
)
_OPERATION_BEFORE = re.compile(
    r"[A-Za-z]\(\s*$|\b(?:sqrt|cbrt|log|ln|exp|sin|cos|tan|cot|sec|csc|minus|negative|plus|times|twice|thrice|per|mod"
    r"|modulo|base|(?:multiplied|divided) by)\s+$"
    r"|(?:%|\b(?:percent|root|square|cube|log|logarithm|factorial|power|inverse|reciprocal|negative|multiple|factor"
    r"|divisor|thirds?|fourths?|quarters?|fifths?|sixths?|eighths?|tenths?))\s+of\s+$",
    re.IGNORECASE,
)
_OPERATION_AFTER = re.compile(
    r"\s*(?:(?:squared|cubed|factorial|lakhs?|crores?|mil|below|BCE?|(?:four|fif|six|seven|eigh|nin|ten|hundred|thousand)ths?"
    r"|halves|tens|hundreds|thousands|millions|billions|(?:°|degrees?|deg)\s?[CF]?\s+below)"
    r"\b|[百千万萬亿億兆](?![米克]))",
    re.IGNORECASE,
)
_BESIDE_A_YEAR = re.compile(
    r"\b(?:before|after|until|till|since|prior to)\s+(?:the\s+)?(?:year\s+)?[12]\d{3}$", re.IGNORECASE
)
_MINUS = re.compile(
    r"(^|[(:=]\s*|\b(?:is|are|was|equals?|be|of|to|gets?|gives?)\s+)(?:minus|negative)\s+(?=[\d.])",
    re.IGNORECASE,
)
_UNKNOWN_BEFORE = re.compile(
    r"(?<![\w.])(?:\d+\s?[abknpqrtuvwxyz]|[A-Za-z]{1,2}\^\s?\{?\d{1,3}\}?|[A-Za-z]{1,2}\s?/\s?\d{1,3})"
    r"(?:\s?[-+*/]\s?\d{0,9}[a-z]?(?![a-z])){0,3}+\s?=\s?$"
)
_BOUND_AFTER = re.compile(
    r"[\s$\\)\]]*[个只]?(?:或|还是|到|至|和|以上|以下|多)"
    r"|[\s$\\)\]]*(?:(?:\w+\s+)?(?:or|nor|(?:and|but)(?!\s+(?:this|that|it|so|i|we)\b))\b|[+/&]"
    r"|[,;]\s*(?!which|so\b|because|since|as\b|where|not\b|i\b|in\b)\S)",
    re.IGNORECASE,
)
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
_MONTH_BEFORE = re.compile(rf"\b{_MONTH},?\s+(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s+)?$")
_MONTH_AFTER = re.compile(rf"(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}")
_DECADE = re.compile(r"(?:1\d|20)\d0s\b")
_LETTERS = re.compile(r"[^\W\d_]+")
_ONE_UNIT = r"[^\W\d_]+(?:\^\{?-?\d\}?)?"
_ATTACHED_UNIT = re.compile(rf"\s?(?:{_ONE_UNIT}(?:/{_ONE_UNIT})?)(?:\s(?:per\s)?[^\W\d_]+)?")
_MATH = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<![\\$])\$([^$]+)\$", re.DOTALL)
_TIME = re.compile(r"\b\d{1,2}:\d{2}(?::\d{2})?(?:\s?[ap]\.?m\b\.?)?|\b\d{1,2}\s?[ap]\.?m\b\.?", re.IGNORECASE)
_TIME_BESIDE = re.compile(r"\b(?:before|after|until|till|since|from|past)\s+$", re.IGNORECASE)
_SAYS = re.compile(
    r".*(?:\b(?:is|are|equals?|becomes|gives|be|was|get|follows)\b(?:\s+that)?\s*:?|:\s)\s*(.+)$",
    re.IGNORECASE | re.DOTALL,
)
_PREDICATE = re.compile(
    r"(?:the|this|its?|his|her|their)\s(?P<subject>(?:(?!(?:is|are|was|were)\b)[\w'-]++\s){1,10}+)(?:is|are|was|were)\s"
    r"(?P<said>[^.!?;:,]++)",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"(?<!\s)\s*+(?:,|\()\s*+not\s++(?!(?:sure|really|certain|only|just|always|quite|necessarily|exactly|entirely)\b)"
    r"[^,;.()\n]{1,60}\)?\.?$",
    re.IGNORECASE,
)
_NO_SUBJECT = re.compile(
    r"\b(?:not|no|nor?|neither|never|cannot|\w+n't|or|and|if|than|but|except|besides|without|other|another|opposite|least"
    r"|wrong|incorrect|false|worst|un\w+|im\w+|guess|question|prompt|asked|alternative|distractor|rather|instead|excluded"
    r"|\w*eliminate\w*|rule\w*|first|second|last|half|double|rest)\b",
    re.IGNORECASE,
)

Way = Callable[[str, bool], str]


def settle(prediction: str, way: Way | None) -> str:
    """The bare answer inside a sentence or a longer text, "" if there is none or more than one."""
    answer, found_by, _ = untagged_answer(prediction)
    if found_by == "box":
        # A box's content, or what it settles on if it holds a sentence.
        wordy = len(answer) <= MAX_ANSWER_CHARS and _HAS_WORDS.search(plain(answer))
        return (settle(answer, way) if wordy else "") or answer
    if not answer or (found_by == "text" and not _HAS_WORDS.search(fold(answer))):
        return ""
    return (way or settle_text)(answer, found_by == "statement")


def settle_text(text: str, stated: bool) -> str:
    """A text without its negated parts, its last line, or its statement about a single thing."""
    if stated:
        return text
    if denial := _DENIAL.search(text):
        return text[: denial.start()]
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if len(lines) > 1 else _predicate(text)


def _last_sentence(text: str) -> str:
    found = sentences(text[-4 * MAX_SENTENCE_CHARS :])
    return found[-1][-MAX_SENTENCE_CHARS:] if found else ""


def settle_time(text: str, stated: bool) -> str:
    """The one time of day that the last sentence names."""
    sentence = plain(_last_sentence(text))
    times = list(_TIME.finditer(sentence))
    if not times or _TIME_BESIDE.search(sentence[: times[0].start()]):
        return ""
    if len({time[0].lower() for time in times}) != 1 or _is_one_of_several(sentence, times[0].start(), times[-1].end()):
        return ""
    return times[0][0]


def settle_number(text: str, stated: bool) -> str:
    """The number of the last sentence that has one: after its last "is" or "=", or alone in it."""
    if stated and read_quantity(text) is not None:
        return text
    for sentence in reversed(sentences(text[-4 * MAX_SENTENCE_CHARS :])):
        sentence = _AFTERTHOUGHT.sub("", fold(sentence[-MAX_SENTENCE_CHARS:]).strip())
        formulas = list(_MATH.finditer(sentence))
        if formulas and not _NUMBER.search(_MATH.sub(" ", sentence)):
            return _formula(formulas)
        sentence = _MINUS.sub(r"\1-", plain(sentence))
        numbers = [number for number in _NUMBER.finditer(sentence) if _stands_alone(number) and not _is_dated(number)]
        if numbers:
            return _number_in(sentence, numbers)
    return ""


def _stands_alone(number: re.Match[str]) -> bool:
    """Whether nothing but a unit is attached to the number: `3D` and `2A` are names."""
    glued = _LETTERS.match(number.string, number.end())
    if not glued:
        return not number.string.startswith("'s", number.end())
    if _DECADE.match(number.string, number.start()):
        return False
    unit = read_unit(glued[0])
    long_enough = len(glued[0]) > 1 or not glued[0].isascii() or number.string[glued.end() : glued.end() + 1] == "^"
    return bool(unit and (not unit.noun or not glued[0].isascii()) and long_enough)


def _is_dated(number: re.Match[str]) -> bool:
    """Whether the number is part of a date: `March 2021` is not 2021."""
    return bool(
        _MONTH_BEFORE.search(number.string[: number.start()]) or _MONTH_AFTER.match(number.string, number.end())
    )


def _number_in(sentence: str, numbers: list[re.Match[str]]) -> str:
    cues = [cue.end() for cue in _CUE.finditer(sentence) if cue.end() <= numbers[-1].start()]
    tail_start = cues[-1] if cues else 0
    tail = [number for number in numbers if number.start() >= tail_start]
    values = {number[0].strip() for number in tail}
    if len(values) != 1 or _is_one_of_several(sentence, tail[0].start(), tail[0].end()):
        return ""
    whole = sentence[tail_start:].strip(" ,.;*")
    if read_quantity(whole):
        return whole
    if _of_several_things(sentence, tail):
        return ""
    return _with_unit(sentence, tail[0])


def _of_several_things(sentence: str, numbers: list[re.Match[str]]) -> bool:
    """Whether one number is given for two things: `5 oranges or 5 apples`."""
    quantities = [read_quantity(_with_unit(sentence, number)) for number in numbers]
    units = [quantity.unit for quantity in quantities if quantity]
    return any(convert(left, right) is None for left, right in pairwise(units))


def _is_one_of_several(sentence: str, start: int, end: int) -> bool:
    """Whether this text is negated, a bound, or only one of the answers that the sentence offers."""
    before = sentence[:start]
    if _BESIDE_A_YEAR.search(sentence[:end].rstrip()) or _UNKNOWN_BEFORE.search(before):
        return True
    if _OPERATION_BEFORE.search(before) or _OPERATION_AFTER.match(sentence, end):
        return True
    return bool(_BOUND_BEFORE.search(before) or _BOUND_AFTER.match(sentence, end))


def _with_unit(sentence: str, number: re.Match[str]) -> str:
    """The number and the unit that follows it, as far as it is one: two words of a physical unit, or one noun."""
    bare = number[0].strip()
    unit = _ATTACHED_UNIT.match(sentence, number.end())
    if not unit:
        return bare
    words = unit[0].split()
    gap = " " if unit[0].startswith(" ") else ""
    for text in (bare + unit[0], bare + gap + words[0]):
        quantity = read_quantity(text)
        if quantity and quantity.unit and not quantity.unit.noun:
            return text
    return f"{bare} {words[0]}" if read_quantity(f"{bare} {words[0]}") else bare


def settle_math(text: str, stated: bool) -> str:
    """The last formula of the last sentence that has one, else what stands after its last "is" or colon."""
    found = list(_MATH.finditer(text[-4 * MAX_SENTENCE_CHARS :]))
    if found:
        return _formula(found)
    return _said(_last_sentence(text))


def _said(sentence: str) -> str:
    """The text after the last "is" or colon of a sentence, unless it is negated or hedged."""
    sentence = plain(_AFTERTHOUGHT.sub("", sentence))
    match = _SAYS.match(sentence)
    if not match or _is_one_of_several(sentence, match.start(1), match.end(1)):
        return ""
    return match[1]


def _formula(found: list[re.Match[str]]) -> str:
    """The last of the formulas between math delimiters, unless it is one of several."""
    last = found[-1]
    line = last.string[last.end() :].split("\n", 1)[0]
    if _is_one_of_several(last.string, last.start(), last.end()) and line.strip(" .$"):
        return ""
    if _BOUND_BEFORE.search(last.string[: last.start()]):
        return _row(found)
    return _content(last)


def _row(found: list[re.Match[str]]) -> str:
    """Formulas joined by commas and conjunctions are one list: `$x=2$ and $x=3$`."""
    contents, first = [_content(found[-1])], found[-1]
    for before, after in zip(found[-2::-1], found[:0:-1], strict=False):
        joint = after.string[before.end() : after.start()].strip().lower()
        equations = "=" in contents[0] and "=" in _content(before)
        if joint not in (",", "and", ", and", ";") and not (equations and joint in ("or", ", or")):
            break
        contents.insert(0, _content(before))
        first = before
    if len(contents) == 1 or _BOUND_BEFORE.search(first.string[: first.start()]):
        return ""
    return ", ".join(contents)


def _content(formula: re.Match[str]) -> str:
    return next(group for group in formula.groups() if group).strip()


def settle_yes_no(text: str, stated: bool) -> str:
    """The last sentence that says yes or no, else the first."""
    if stated:
        return text
    for sentence in (_last_sentence(text), (sentences(text[:MAX_SENTENCE_CHARS]) or [""])[0]):
        if read_polarity(sentence)[0] or read_polarity(sentence)[1] == "hedged":
            return sentence
    return ""


def settle_choice(text: str, stated: bool) -> str:
    """The last sentence that names a letter."""
    if stated:
        return text
    for sentence in reversed(sentences(text[-4 * MAX_SENTENCE_CHARS :])):
        if lone_letter(sentence) or several_letters(sentence) or labelled(sentence):
            return sentence
        if letter := mentioned_letter(sentence):
            return letter
    return _said(_last_sentence(text))


def _predicate(text: str) -> str:
    """The value in a text's only sentence about one thing: `The capital shown is Paris.`"""
    match = _PREDICATE.fullmatch(plain(text)) if len(text) <= MAX_SENTENCE_CHARS else None
    return match["said"] if match and not _NO_SUBJECT.search(match["subject"]) else ""
