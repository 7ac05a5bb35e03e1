"""Units: names and symbols, their dimensions and their size in base units, and how two of them compare.

read_unit("km/h") -> dims (("m", 1), ("s", -1)), factor 5/18;   read_unit("apples") -> a noun that is counted
"""

import re
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ovt.verifiers.dressing import fold
from ovt.verifiers.kinds.numerals import COUNTERS, simplify


class Unit(NamedTuple):
    """dims: base dimensions and powers, sorted. factor: size in base units. noun: the words of what is counted.

    also: other dimensions that the same name may have: a `C`, an `F` or a `degree` a temperature, `pounds` money.
    """

    dims: tuple[tuple[str, int], ...]
    factor: Fraction = Fraction(1)
    noun: str = ""
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        dims = "*".join(name if power == 1 else f"{name}^{power}" for name, power in self.dims)
        return self.noun or (dims if self.factor == 1 else f"[{self.factor} {dims}]")


PREFIXES = {
    "k": ("k", "kilo", Fraction(1000)),
    "h": ("h", "hecto", Fraction(100)),
    "d": ("d", "deci", Fraction(1, 10)),
    "c": ("c", "centi", Fraction(1, 100)),
    "m": ("m", "milli", Fraction(1, 1000)),
    "u": ("μu", "micro", Fraction(1, 10**6)),
    "n": ("n", "nano", Fraction(1, 10**9)),
    "p": ("p", "pico", Fraction(1, 10**12)),
    "M": ("M", "mega", Fraction(10**6)),
    "G": ("G", "giga", Fraction(10**9)),
}
"""Each prefix: the characters that it is written with before a symbol, its name before a word, and its size."""


Measure = tuple[dict[str, int], Fraction]
"""Dimensions with their powers, and the size in base units."""


def _read_table() -> dict[str, Measure]:
    units: dict[str, Measure] = {}
    lines = Path(__file__).with_name("units.txt").read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith("#"):
            continue
        names, _, measure = line.partition(":")
        measure, _, prefixes = measure.partition(":")
        size, *dimensions = measure.split()
        powers = (dimension.partition("^") for dimension in dimensions)
        dims: dict[str, int] = {name: int(power or 1) for name, _, power in powers}
        for name in names.split():
            units[name] = (dims, Fraction(size))
        for prefix in prefixes.split():
            letters, word, scale = PREFIXES[prefix]
            for place, name in enumerate(names.split()):
                for spelt in [word] if place else letters:
                    units[spelt + name] = (dims, Fraction(size) * scale)
    return units


def _lower(name: str) -> str:
    """A name in lower case but for its `M`: milli is not mega."""
    return name[0] + name[1:].lower() if name[0] == "M" else name.lower()


_UNITS = _read_table()
_TWO_LETTERS = "cm mm km kg mg ml in ft yd mi lb oz hr Hz"
_CASELESS = {name: measure for name, measure in _UNITS.items() if len(name) > 2 or name in _TWO_LETTERS.split()}
_ANY_CASE = {name.lower(): measure for name, measure in _CASELESS.items()} | {
    _lower(name): measure for name, measure in _CASELESS.items()
}
_POWERS = re.compile(
    r"(?<![^\W\d])(?P<raised>[^\W\d]++)\s++(?P<power>squared|cubed)\b"
    r"|(?<![^\W\d])(?P<before>square|sq\.?|cubic|cu\.?|平方|立方)\s*(?P<after>(?!d\b)[^\W\d]+\.?)",
    re.IGNORECASE,
)
_TEMPERATURE = re.compile(r"(?:°|degrees?|deg\.?)\s*(C|F|K|celsius|fahrenheit|kelvin|centigrade)\b", re.IGNORECASE)
_FACTOR = re.compile(
    r"\s*([^\W\d_]+\.?|°[CF]?|[$€£¥¢₹₩]|US\$)(?:\s*\^\s*(?:\{\s*(-?\d)\s*\}|\(\s*(-?\d)\s*\)|(-?\d))|(?<=[^\W\d_])(-?\d))?\s*"
)
_MAY_ALSO_BE = {
    "C": ("celsius",),
    "F": ("fahrenheit",),
    **dict.fromkeys(("°", "degree", "degrees", "deg"), ("celsius", "fahrenheit")),
    **dict.fromkeys(("pound", "pounds"), ("sterling",)),
    "¥": ("yen",),
}
_TWO_WORDS = {
    "bpm": "beats per minute",
    "electron volt": "eV",
    "electron volts": "eV",
    "ångström": "Å",
    "ångströms": "Å",
}
_IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman", "feet": "foot", "mice": "mouse"}
_PLURALS = (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"))
_NEVER_IN_CHINESE = frozenset("以多余或到至和不是第分之的ではあ아错对吗")
_SCALES_CHINESE = "百千万萬亿億兆半"
_FUNCTION_WORDS = (
    "and or nor neither either maybe to than if not no plus minus is was are were be been this that these those it its "
    "because since so thus but below which who what where when solves proves wrong incorrect correct right answer here "
    "there have has had i you we they in on at "
    "ist sind war nicht kein falsch stimmt oder und est sont pas faux fausse ou et es son falso falsa está não sai là"
)
_QUALIFIERS = (
    "long tall wide high deep old away apart total altogether left remaining more each approximately thick heavy "
    "longer taller older faster ago later"
)
_NOT_COUNTED = (
    "and or to of out plus minus times over by from half halves third thirds quarters fourth fifth more less fewer st "
    "nd rd th remainder r is are not if when for but percent times x equals through until versus vs tens "
    "past hundreds thousands millions billions "
    "squared cubed factorial below under lakh lakhs crore crores mil score bc bce fourths fifths sixths sevenths "
    "eighths ninths tenths hundredths thousandths pi theta sqrt root out january february march april may june july "
    "august september october november december jan feb mar apr jun jul aug sep sept oct nov dec"
)
_NEVER_IN_NOUN = frozenset(_FUNCTION_WORDS.split())
_NEVER_FIRST = frozenset(_NOT_COUNTED.split())
_TRAILING = frozenset(_QUALIFIERS.split())


@lru_cache(maxsize=4096)
def read_unit(text: str) -> Unit | None:
    """The unit that a text is: a physical one, a counted noun, or None where it is neither."""
    text = simplify(fold(text).strip().strip(".,; ").replace("\\", ""))
    if not text or len(text) > 60:
        return None
    text = _TWO_WORDS.get(text.lower(), text)
    unit = _physical(text) or _physical(_without_qualifiers(text)) or _counted_per(text) or _counted(text)
    return unit._replace(also=_MAY_ALSO_BE.get(text, ())) if unit else None


def _without_qualifiers(text: str) -> str:
    words = text.split()
    while len(words) > 1 and words[-1].lower() in _TRAILING:
        words.pop()
    if "of" in words[1:] and not any(map(str.isdecimal, words[-1])):
        words = words[: words.index("of")]
    return " ".join(words)


def _physical(text: str) -> Unit | None:
    text = _TEMPERATURE.sub(lambda match: {"k": "K", "c": "°C", "f": "°F"}[match[1][0].lower()], text)
    text = _POWERS.sub(_raise, text.replace("每", "/"))
    text = " ".join("/" if word == "per" else word for word in text.split())
    over, *under = text.split("/")
    dims: dict[str, int] = {}
    factor = Fraction(1)
    for sign, part in [(1, over)] + [(-1, part) for part in under]:
        product = _product_of(part) if part.strip() or sign < 0 else ({}, Fraction(1))
        if product is None or (not part.strip() and not under):
            return None
        for name, power in product[0].items():
            dims[name] = dims.get(name, 0) + sign * power
        factor *= product[1] ** sign
    return Unit(tuple(sorted((name, power) for name, power in dims.items() if power)), factor)


def _raise(match: re.Match[str]) -> str:
    """`square cm` and `cm squared` as `cm^2`."""
    unit, word = (match["raised"], match["power"]) if match["raised"] else (match["after"], match["before"])
    return f"{unit}^{2 if word[:2].lower() in ('sq', '平方') else 3}"


def _product_of(text: str) -> tuple[dict[str, int], Fraction] | None:
    dims: dict[str, int] = {}
    factor = Fraction(1)
    position = 0
    text = text.strip().strip("()")
    while position < len(text):
        match = _FACTOR.match(text, position)
        known = match and _known(match[1])
        if not match or not known:
            return None
        power = int(match[2] or match[3] or match[4] or match[5] or 1)
        for name, exponent in known[0].items():
            dims[name] = dims.get(name, 0) + exponent * power
        factor *= known[1] ** power
        position = match.end()
        if text[position : position + 1] in ("*", "·", "-"):
            position += 1
    return (dims, factor) if position else None


def _known(name: str) -> Measure | None:
    """The physical unit of a name, in any case where that leaves no doubt: `MHZ` is MHz, `MM` is mm, `Mm` is not."""
    return _UNITS.get(name) or _ANY_CASE.get(_lower(name)) or _ANY_CASE.get(name.lower())


def _counted_per(text: str) -> Unit | None:
    """`beats per minute`, `words/s`: what is counted, over a physical unit."""
    thing, slash, unit = text.replace(" per ", "/").partition("/")
    over, under = (_counted(thing.strip()), _physical(unit.strip())) if slash else (None, None)
    if over is None or under is None or len(under.dims) != 1:
        return None
    dims = tuple(sorted([("counted", 1), *((name, -power) for name, power in under.dims)]))
    return Unit(dims, 1 / under.factor, over.noun)


def _counted(text: str) -> Unit | None:
    words = text.lower().split()
    while len(words) > 1 and words[-1] in _TRAILING:
        words.pop()
    if words[:1] in (["more"], ["fewer"]) and len(words) > 1:
        words.pop(0)  # `5 more lions`
    if not 1 <= len(words) <= 4 or words[0] in _NEVER_FIRST or not all(map(_is_noun, words)):
        return None
    if not _NEVER_IN_NOUN.isdisjoint(words) or (len(words[-1]) < 2 and text.isascii()):
        return None
    if not text.isascii() and (not _NEVER_IN_CHINESE.isdisjoint(text) or text[0] in _SCALES_CHINESE + "第"):
        return None
    if any("α" <= char <= "ω" or "Α" <= char <= "Ω" for char in text):
        return None
    if text[0] in COUNTERS:
        words[0] = words[0][1:] or ANYTHING
    return Unit((("counted", 1),), Fraction(1), " ".join(map(_singular, words)))


def _is_noun(word: str) -> bool:
    return all(map(str.isalpha, word.replace("’", "'").replace("-", "'").split("'")))


def _singular(word: str) -> str:
    for ending, replacement in _PLURALS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + replacement
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        return word[:-1]
    return _IRREGULAR.get(word, word)


def convert(left: Unit | None, right: Unit | None) -> Fraction | None:
    """How many of `right` one of `left` is; 1 if either is unstated; None if they conflict."""
    if left is None or right is None or not left.dims or not right.dims:
        return Fraction(1)
    if left.dims != right.dims:
        return Fraction(1) if _is_also(left, right) or _is_also(right, left) else None
    if left.noun or right.noun:
        return left.factor / right.factor if _same_noun(left.noun, right.noun) else None
    return left.factor / right.factor


def _is_also(unit: Unit, other: Unit) -> bool:
    """Whether a unit's name may mean what the other states outright: `20 C` for `20°C`, `5 pounds` for `£5`."""
    return any(other.dims == ((name, 1),) for name in unit.also)


def times(left: Unit, right: Unit) -> Unit:
    """The product of two physical units: a dollar and "per pound" make dollars per pound."""
    dims = dict(left.dims)
    for name, power in right.dims:
        dims[name] = dims.get(name, 0) + power
    return Unit(tuple(sorted((name, power) for name, power in dims.items() if power)), left.factor * right.factor)


ANYTHING = "个"
"""What a counter alone counts."""


def _same_noun(left: str, right: str) -> bool:
    """One names what the other does, perhaps more precisely: `apple` and `red apple`, `pair` and `pair of shoe`."""
    if ANYTHING in (left, right):
        return True
    things, others = left.partition(" of "), right.partition(" of ")
    return _same_words(things[0], others[0]) and (not things[2] or not others[2] or _same_words(things[2], others[2]))


def _same_words(left: str, right: str) -> bool:
    a, b = left.split(), right.split()
    return a[-1] == b[-1] and (set(a) <= set(b) or set(b) <= set(a))
