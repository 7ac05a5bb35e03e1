"""The property that finds a verifier that reads one text in two ways: golds that one text earns for equal each other.

    cross(["2*pi"], ["2", "2\\pi"], grade).unequal  ->  (("2*pi", "2", "2\\pi"),) if it earns for both

What an answer may leave out excuses a pair: `21` earns for `21 cm` and for `21 m` (a unit), `50%` for `50` and `0.5`
(the sign), `5` for `x = 5` and for `y = 5` (a name), `7:30` for the morning and for the evening.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

Earns = Callable[[str, str], bool]
"""(text, gold) -> whether the text earns for it."""

SEVERAL = re.compile(r"[,;或和]|\b(?:or|and(?! a ))\b")
DIGIT = re.compile(r"[\d½¼¾一二三四五六七八九十]|\b(?:one|two|three|four|five|six|seven|eight|nine|ten)\b")
NAME, MEMBER = re.compile(r"[A-Za-z]\w*\s*="), re.compile(r"[-+]?[\w./]+")
WORDS = "pi|sqrt|sin|cos|tan|log|ln|to|or|and|out|mod|thousand|million|billion"
UNIT = re.compile(
    r"(?<=[\d})π])\s*(?:\^?\{?\\circ\}?|\\[,;: ]|\\(?:text|mathrm|rm|Omega|mu)|[°%‰℃Ω$€£¥㎡万人个元年米时分度次只名]"
    rf"|(?!(?:{WORDS})(?![^\W\d_]))[^\W\d_]{{2}}|[mgsLlNJWVAKCFhdtM]\b).*$",
    re.DOTALL,
)
SIGN = re.compile(r"^(?:US|USD|EUR)?\s*\\?[$€£¥￥]\s*")
PERCENT = re.compile(r"%|‰|per ?cent|百分|千分|成")


@dataclass(frozen=True)
class Crossed:
    """accepted: how many (text, gold) earned. unequal: (text, gold, other gold) that nothing excuses; excused: how many
    pairs of unequal golds are."""

    accepted: int
    excused: int
    unequal: tuple[tuple[str, str, str], ...]


def cross(texts: Sequence[str], golds: Sequence[str], earns: Earns) -> Crossed:
    """Every text on every gold, and what it earns for on each other."""
    unequal, accepted, excused = [], 0, 0
    for text in texts:
        earned = [gold for gold in golds if earns(text, gold)]
        accepted += len(earned)
        for one, two in combinations(earned, 2):
            if not (earns(one, two) or earns(two, one)):
                excuse = differ_in_what_is_optional(text, one, two)
                excused += excuse
                unequal += [] if excuse else [(text, one, two)]
    return Crossed(accepted, excused, tuple(unequal))


def differ_in_what_is_optional(text: str, one: str, two: str) -> bool:
    """Whether two golds that a text earns for are unequal only by a unit, a percent sign or a name.

    Both golds have one, on one value; or of the three single amounts some have one and some have none.
    """
    if bare(one) == bare(two) or (_is_named(text, one, two) and _values(one) == _values(two)):
        return True
    each = (text, one, two)
    if any(map(SEVERAL.search, each)) or not all(map(DIGIT.search, each)):
        return False
    return len(set(map(_marks, each))) > 1


def _marks(text: str) -> tuple[bool, bool]:
    """Whether an amount has a unit or a percent sign, and whether it has a name."""
    value = text.strip().strip("$").strip()
    money = SIGN.match(text.strip()) and not text.rstrip().endswith("$")
    return bool(PERCENT.search(text) or money or UNIT.search(value.rpartition("=")[2])), "=" in text


def _is_named(text: str, one: str, two: str) -> bool:
    return bool(NAME.search(one) or NAME.search(two)) and not NAME.search(text)


def _values(text: str) -> list[str]:
    """The members of a list, without names, brackets and order: `x = 1, y = 2` and `\\{2, 1\\}`."""
    return sorted(MEMBER.findall(NAME.sub(" ", text)))


def bare(text: str) -> str:
    """A text without the name beside it and the unit behind it: `AB = 21 cm` -> `21`."""
    value = text.strip().strip("$").strip()
    if "=" in value and not SEVERAL.search(value):
        first, last = value.partition("=")[0], value.rpartition("=")[2]
        value = last if any(map(str.isdigit, last)) else first
    return _squeezed(UNIT.sub("", SIGN.sub("", value.strip())))


def _squeezed(text: str) -> str:
    return text.replace(",", "").replace(" ", "")
