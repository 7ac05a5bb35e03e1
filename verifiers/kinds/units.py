"""Units: names and symbols, their dimensions and their size in base units, and how two of them compare.

read_unit("km/h") -> dims (("m", 1), ("s", -1)), factor 5/18;   read_unit("apples") -> a noun that is counted
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple


class Unit(NamedTuple):
    """dims: base dimensions and powers, sorted. factor: size in base units. noun: the words of what is counted.

    also: the temperature that a `C`, an `F` or a `degree` may be besides.
    """

    dims: tuple[tuple[str, int], ...]
    factor: Fraction = Fraction(1)
    noun: str = ""
    also: tuple[str, ...] = ()

    def __str__(self) -> str:
        dims = "*".join(name if power == 1 else f"{name}^{power}" for name, power in self.dims)
        return self.noun or (dims if self.factor == 1 else f"[{self.factor} {dims}]")


_SCALED = """
m meter meters metre metres: 1 m: k c m d u n
g gram grams gramme grammes: 1 g: k m u
s second seconds: 1 s: m u n
L liter liters litre litres: 1/1000 m^3: m c d
A ampere amperes amp amps: 1 A: m u k
V volt volts: 1000 g m^2 s^-3 A^-1: m k
Ω ohm ohms: 1000 g m^2 s^-3 A^-2: k
W watt watts: 1000 g m^2 s^-3: m k M G
J joule joules: 1000 g m^2 s^-2: m k M
eV electronvolt electronvolts: 1 eV: k M G
N newton newtons: 1000 g m s^-2: k m M
Pa pascal pascals: 1000 g m^-1 s^-2: h k M G
Hz hertz: 1 s^-1: k M G
C coulomb coulombs: 1 A s: m u n
F farad farads: 1/1000 A^2 s^4 g^-1 m^-2: u n m
mol mole moles: 1 mol: m k
"""
"""`symbol and words: size dimensions: the prefixes they take`."""

_UNSCALED = """
μm µm micron microns micrometer micrometers: 1/1000000 m
Å angstrom angstroms: 1/10000000000 m
in inch inches in.: 127/5000 m
ft ft. foot feet: 381/1250 m
yd yds yard yards: 1143/1250 m
mi mile miles: 201168/125 m
nmi: 1852 m
kilo kilos kgs: 1000 g
t ton tons tonne tonnes: 1000000 g
lb lbs lb. lbs. pound pounds: 45359237/100000 g
oz ounce ounces: 45359237/1600000 g
sec secs sec.: 1 s
min mins min. minute minutes: 60 s
h hr hrs hr. hour hours: 3600 s
day days: 86400 s
week weeks wk wks: 604800 s
month months: 1 month
year years yr yrs yr.: 12 month
decade decades: 120 month
century centuries: 1200 month
l: 1/1000 m^3
ml cc: 1/1000000 m^3
cl: 1/100000 m^3
dl: 1/10000 m^3
gal gallon gallons: 473176473/125000000000 m^3
qt quart quarts: 473176473/500000000000 m^3
pt pint pints: 473176473/1000000000000 m^3
cup cups: 473176473/2000000000000 m^3
ha hectare hectares: 10000 m^2
acre acres: 40468564224/10000000 m^2
° deg degs degree degrees: 1 angle
arcmin arcminute arcminutes: 1/60 angle
arcsec arcsecond arcseconds: 1/3600 angle
rad radian radians: 1 radian
rev revolution revolutions: 360 angle
°C celsius centigrade: 1 celsius
°F fahrenheit: 1 fahrenheit
K kelvin kelvins: 1 kelvin
hp horsepower: 1 horsepower
Wh: 3600000 g m^2 s^-2
kWh: 3600000000 g m^2 s^-2
cal calorie calories: 4184 g m^2 s^-2
kcal: 4184000 g m^2 s^-2
bar: 100000000 g m^-1 s^-2
atm atmosphere atmospheres: 101325000 g m^-1 s^-2
psi: 1 psi
T tesla teslas: 1000 g s^-2 A^-1
M molar: 1000 mol m^-3
mph: 1397/3125 m s^-1
kph kmh km/hr: 5/18 m s^-1
knot knots: 463/900 m s^-1
rpm: 1 rpm
bit bits: 1 bit
byte bytes B: 8 bit
KB kB: 8000 bit
MB: 8000000 bit
GB: 8000000000 bit
TB: 8000000000000 bit
$ dollar dollars USD usd US$ buck bucks: 1 dollar
cent cents ¢: 1/100 dollar
€ euro euros EUR: 1 euro
£ GBP sterling: 1 sterling
¥ 元 yuan RMB CNY: 1 yuan
yen JPY: 1 yen
₹ rupee rupees Rs Rs. INR: 1 rupee
₩ won KRW: 1 won
米: 1 m
厘米: 1/100 m
千米 公里: 1000 m
千克 公斤: 1000 g
克: 1 g
度: 1 angle
小时: 3600 s
分钟: 60 s
秒: 1 s
unit units: 1
"""
"""`names: size dimensions`."""

_PREFIXES = {
    "k": ("k", "kilo", Fraction(1000)),
    "h": ("h", "hecto", Fraction(100)),
    "d": ("d", "deci", Fraction(1, 10)),
    "c": ("c", "centi", Fraction(1, 100)),
    "m": ("m", "milli", Fraction(1, 1000)),
    "u": ("μ", "micro", Fraction(1, 10**6)),
    "n": ("n", "nano", Fraction(1, 10**9)),
    "M": ("M", "mega", Fraction(10**6)),
    "G": ("G", "giga", Fraction(10**9)),
}


Measure = tuple[dict[str, int], Fraction]
"""Dimensions with their powers, and the size in base units."""


def _read_table() -> dict[str, Measure]:
    units: dict[str, Measure] = {}
    for line in filter(None, (_SCALED + _UNSCALED).splitlines()):
        names, _, measure = line.partition(":")
        measure, _, prefixes = measure.partition(":")
        size, *dimensions = measure.split()
        powers = (dimension.partition("^") for dimension in dimensions)
        dims: dict[str, int] = {name: int(power or 1) for name, _, power in powers}
        for name in names.split():
            units[name] = (dims, Fraction(size))
        for prefix in prefixes.split():
            letter, word, scale = _PREFIXES[prefix]
            for place, name in enumerate(names.split()):
                units[(word if place else letter) + name] = (dims, Fraction(size) * scale)
    return units


_UNITS = _read_table()
_ANY_CASE = {name.lower(): value for name, value in _UNITS.items() if len(name) > 2} | {
    name: _UNITS[name]
    for name in ("cm", "mm", "km", "kg", "mg", "ml", "in", "ft", "yd", "mi", "lb", "oz", "hr")
    if name in _UNITS
}
_AREA_WORDS = re.compile(r"\b(?:square|sq\.?)\s*([^\W\d]+\.?)", re.IGNORECASE)
_VOLUME_WORDS = re.compile(r"\b(?:cubic|cu\.?)\s*([^\W\d]+\.?)", re.IGNORECASE)
_POWER_WORDS = re.compile(r"(?<![^\W\d])([^\W\d]++)\s++(squared|cubed)\b", re.IGNORECASE)
_TEMPERATURE = re.compile(r"(?:°|degrees?|deg\.?)\s*(C|F|K|celsius|fahrenheit|kelvin|centigrade)\b", re.IGNORECASE)
_FACTOR = re.compile(
    r"\s*([^\W\d_]+\.?|°[CF]?|[$€£¥¢₹₩]|US\$)\s*(?:\^?\s*(?:\{\s*(-?\d)\s*\}|\(\s*(-?\d)\s*\)|(-?\d)))?\s*"
)
_MAY_BE_TEMPERATURE = {"C": ("celsius",), "F": ("fahrenheit",)} | dict.fromkeys(
    ("°", "degree", "degrees", "deg"), ("celsius", "fahrenheit")
)
_IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman", "feet": "foot", "mice": "mouse"}
_PLURALS = (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"))
_NOUN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_BOUND_CHINESE = re.compile("[以多余或到至和不]")
_SCALES_CHINESE = "百千万萬亿億兆"
_GREEK = re.compile("[α-ωΑ-Ω]")
_FUNCTION_WORDS = (
    "and or nor neither either maybe to than if not no plus minus is was are were be been this that these those it its "
    "because since so thus but below which who what where when solves proves wrong incorrect correct right answer here "
    "there have has had i you we they"
)
_QUALIFIERS = (
    "long tall wide high deep old away apart total altogether left remaining more each approximately thick heavy "
    "longer taller older faster ago later"
)
_NOT_COUNTED = (
    "and or to of out plus minus times over by from half halves third thirds quarters fourth fifth more less fewer st "
    "nd rd th remainder r is are not if when for but percent times x equals through until versus vs tens "
    " hundreds thousands millions billions "
    "squared cubed factorial below under lakh lakhs crore crores mil score bc bce fourths fifths sixths sevenths "
    "eighths ninths tenths hundredths thousandths january february march april may june july august september october "
    "november december jan feb mar apr jun jul aug sep sept oct nov dec"
)
_NEVER_IN_NOUN = frozenset(_FUNCTION_WORDS.split())
_NEVER_FIRST = frozenset(_NOT_COUNTED.split())
_TRAILING = frozenset(_QUALIFIERS.split())


@lru_cache(maxsize=4096)
def read_unit(text: str) -> Unit | None:
    """The unit that a text is: a physical one, a counted noun, or None where it is neither."""
    text = text.strip().strip(".,; ").replace("\\", "")
    if not text or len(text) > 60:
        return None
    unit = _physical(text) or _physical(_without_qualifiers(text)) or _counted(text)
    return unit._replace(also=_MAY_BE_TEMPERATURE[text]) if unit and text in _MAY_BE_TEMPERATURE else unit


def _without_qualifiers(text: str) -> str:
    words = text.split()
    while len(words) > 1 and words[-1].lower() in _TRAILING:
        words.pop()
    if "of" in words[1:]:
        words = words[: words.index("of")]
    return " ".join(words)


def _physical(text: str) -> Unit | None:
    text = _TEMPERATURE.sub(lambda match: {"k": "K", "c": "°C", "f": "°F"}[match[1][0].lower()], text)
    text = _AREA_WORDS.sub(r"\1^2", text)
    text = _VOLUME_WORDS.sub(r"\1^3", text)
    text = _POWER_WORDS.sub(lambda match: f"{match[1]}^{2 if match[2].lower() == 'squared' else 3}", text)
    text = re.sub(r"\bper\b", "/", text)
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


def _product_of(text: str) -> tuple[dict[str, int], Fraction] | None:
    dims: dict[str, int] = {}
    factor = Fraction(1)
    position = 0
    text = text.strip().strip("()")
    while position < len(text):
        match = _FACTOR.match(text, position)
        known = match and (_UNITS.get(match[1]) or _ANY_CASE.get(match[1].lower()))
        if not match or not known:
            return None
        power = int(match[2] or match[3] or match[4] or 1)
        for name, exponent in known[0].items():
            dims[name] = dims.get(name, 0) + exponent * power
        factor *= known[1] ** power
        position = match.end()
        if text[position : position + 1] in ("*", "·", "-"):
            position += 1
    return (dims, factor) if position else None


def _counted(text: str) -> Unit | None:
    words = text.lower().split()
    while len(words) > 1 and words[-1] in _TRAILING:
        words.pop()
    if not 1 <= len(words) <= 4 or words[0] in _NEVER_FIRST or not all(_NOUN.fullmatch(word) for word in words):
        return None
    if not _NEVER_IN_NOUN.isdisjoint(words) or (len(words[-1]) < 2 and text.isascii()):
        return None
    if _BOUND_CHINESE.search(text) or text[0] in _SCALES_CHINESE or _GREEK.search(text):
        return None
    return Unit((("counted", 1),), Fraction(1), " ".join(map(_singular, words)))


def _singular(word: str) -> str:
    for ending, replacement in _PLURALS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            return word[: -len(ending)] + replacement
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        return word[:-1]
    return _IRREGULAR.get(word, word)


def convert(left: Unit | None, right: Unit | None) -> Fraction | None:
    """How many of `right` one of `left` is; 1 where either is unstated; None where they conflict."""
    if left is None or right is None or not left.dims or not right.dims:
        return Fraction(1)
    if left.dims != right.dims:
        return Fraction(1) if _is_also(left, right) or _is_also(right, left) else None
    if left.noun or right.noun:
        return Fraction(1) if _same_noun(left.noun, right.noun) else None
    return left.factor / right.factor


def _is_also(unit: Unit, temperature: Unit) -> bool:
    """Whether a unit may be read as a temperature that the other says outright: `20 C` for `20°C`."""
    return any(temperature.dims == ((name, 1),) for name in unit.also)


def times(left: Unit, right: Unit) -> Unit:
    """The product of two physical units: a dollar and "per pound" make dollars per pound."""
    dims = dict(left.dims)
    for name, power in right.dims:
        dims[name] = dims.get(name, 0) + power
    return Unit(tuple(sorted((name, power) for name, power in dims.items() if power)), left.factor * right.factor)


def _same_noun(left: str, right: str) -> bool:
    """One names what the other does, perhaps more closely: `apple` and `red apple`, `pair` and `pair of shoe`."""
    things, others = left.partition(" of "), right.partition(" of ")
    return _same_words(things[0], others[0]) and (not things[2] or not others[2] or _same_words(things[2], others[2]))


def _same_words(left: str, right: str) -> bool:
    a, b = left.split(), right.split()
    return a[-1] == b[-1] and (set(a) <= set(b) or set(b) <= set(a))
