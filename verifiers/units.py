"""Units: names and symbols, their dimensions and their size in base units, and how two of them compare.

read_unit("km/h") -> dims (("m", 1), ("s", -1)), factor 5/18;   read_unit("apples") -> a noun that is counted
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple


class Unit(NamedTuple):
    """dims: base dimensions and powers, sorted. factor: size in base units. noun: the words of what is counted."""

    dims: tuple[tuple[str, int], ...]
    factor: Fraction = Fraction(1)
    noun: str = ""

    def __str__(self) -> str:
        return self.noun or "*".join(f"{name}^{power}" for name, power in self.dims)


def _table() -> dict[str, tuple[dict[str, int], Fraction]]:
    units: dict[str, tuple[dict[str, int], Fraction]] = {}

    def add(names: str, factor: str, **dims: int) -> None:
        for name in names.split():
            units[name] = (dims, Fraction(factor))

    def add_scaled(symbol: str, words: str, factor: str, prefixes: str, **dims: int) -> None:
        add(f"{symbol} {words}", factor, **dims)
        for prefix in prefixes.split():
            letter, word, size = _PREFIXES[prefix]
            scaled = str(Fraction(factor) * size)
            add(letter + symbol, scaled, **dims)
            add(" ".join(word + stem for stem in words.split()), scaled, **dims)

    add_scaled("m", "meter meters metre metres", "1", "k c m d u n", m=1)
    add("μm µm micron microns micrometer micrometers", "1/1000000", m=1)
    add("Å angstrom angstroms", "1/10000000000", m=1)
    add("in inch inches in.", "127/5000", m=1)
    add("ft ft. foot feet", "381/1250", m=1)
    add("yd yds yard yards", "1143/1250", m=1)
    add("mi mile miles", "201168/125", m=1)
    add("nmi", "1852", m=1)
    add_scaled("g", "gram grams gramme grammes", "1", "k m u", g=1)
    add("kilo kilos kgs", "1000", g=1)
    add("t ton tons tonne tonnes", "1000000", g=1)
    add("lb lbs lb. lbs. pound pounds", "45359237/100000", g=1)
    add("oz ounce ounces", "45359237/1600000", g=1)
    add_scaled("s", "second seconds", "1", "m u n", s=1)
    add("sec secs sec.", "1", s=1)
    add("min mins min. minute minutes", "60", s=1)
    add("h hr hrs hr. hour hours", "3600", s=1)
    add("day days", "86400", s=1)
    add("week weeks wk wks", "604800", s=1)
    add("month months", "1", month=1)
    add("year years yr yrs yr.", "12", month=1)
    add("decade decades", "120", month=1)
    add("century centuries", "1200", month=1)
    add_scaled("L", "liter liters litre litres", "1/1000", "m c d", m=3)
    add("l", "1/1000", m=3)
    add("ml cc", "1/1000000", m=3)
    add("cl", "1/100000", m=3)
    add("dl", "1/10000", m=3)
    add("gal gallon gallons", "473176473/125000000000", m=3)
    add("qt quart quarts", "473176473/500000000000", m=3)
    add("pt pint pints", "473176473/1000000000000", m=3)
    add("cup cups", "473176473/2000000000000", m=3)
    add("ha hectare hectares", "10000", m=2)
    add("acre acres", "40468564224/10000000", m=2)
    add("° deg degs degree degrees", "1", angle=1)
    add("arcmin arcminute arcminutes", "1/60", angle=1)
    add("arcsec arcsecond arcseconds", "1/3600", angle=1)
    add("rad radian radians", "1", radian=1)
    add("rev revolution revolutions", "360", angle=1)
    add("°C celsius centigrade", "1", celsius=1)
    add("°F fahrenheit", "1", fahrenheit=1)
    add("K kelvin kelvins", "1", kelvin=1)
    add_scaled("A", "ampere amperes amp amps", "1", "m u k", A=1)
    add_scaled("V", "volt volts", "1000", "m k", g=1, m=2, s=-3, A=-1)
    add_scaled("Ω", "ohm ohms", "1000", "k", g=1, m=2, s=-3, A=-2)
    add_scaled("W", "watt watts", "1000", "m k M G", g=1, m=2, s=-3)
    add("hp horsepower", "1", horsepower=1)
    add_scaled("J", "joule joules", "1000", "m k M", g=1, m=2, s=-2)
    add("Wh", "3600000", g=1, m=2, s=-2)
    add("kWh", "3600000000", g=1, m=2, s=-2)
    add("cal calorie calories", "4184", g=1, m=2, s=-2)
    add("kcal", "4184000", g=1, m=2, s=-2)
    add_scaled("eV", "electronvolt electronvolts", "1", "k M G", eV=1)
    add_scaled("N", "newton newtons", "1000", "k m M", g=1, m=1, s=-2)
    add_scaled("Pa", "pascal pascals", "1000", "h k M G", g=1, m=-1, s=-2)
    add("bar", "100000000", g=1, m=-1, s=-2)
    add("atm atmosphere atmospheres", "101325000", g=1, m=-1, s=-2)
    add("psi", "1", psi=1)
    add_scaled("Hz", "hertz", "1", "k M G", s=-1)
    add_scaled("C", "coulomb coulombs", "1", "m u n", A=1, s=1)
    add("T tesla teslas", "1000", g=1, s=-2, A=-1)
    add_scaled("F", "farad farads", "1/1000", "u n m", A=2, s=4, g=-1, m=-2)
    add_scaled("mol", "mole moles", "1", "m k", mol=1)
    add("M molar", "1000", mol=1, m=-3)
    add("mph", "1397/3125", m=1, s=-1)
    add("kph kmh km/hr", "5/18", m=1, s=-1)
    add("knot knots", "463/900", m=1, s=-1)
    add("rpm", "1", rpm=1)
    add("bit bits", "1", bit=1)
    add("byte bytes B", "8", bit=1)
    add("KB kB", "8000", bit=1)
    add("MB", "8000000", bit=1)
    add("GB", "8000000000", bit=1)
    add("TB", "8000000000000", bit=1)
    add("$ dollar dollars USD usd US$ buck bucks", "1", dollar=1)
    add("cent cents ¢", "1/100", dollar=1)
    add("€ euro euros EUR", "1", euro=1)
    add("£ GBP sterling", "1", sterling=1)
    add("¥ 元 yuan RMB CNY", "1", yuan=1)
    add("yen JPY", "1", yen=1)
    add("₹ rupee rupees Rs Rs. INR", "1", rupee=1)
    add("₩ won KRW", "1", won=1)
    add("米", "1", m=1)
    add("厘米", "1/100", m=1)
    add("千米 公里", "1000", m=1)
    add("千克 公斤", "1000", g=1)
    add("克", "1", g=1)
    add("度", "1", angle=1)
    add("小时", "3600", s=1)
    add("分钟", "60", s=1)
    add("秒", "1", s=1)
    add("unit units", "1")
    return units


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
_UNITS = _table()
_ANY_CASE = {name.lower(): value for name, value in _UNITS.items() if len(name) > 2} | {
    name: _UNITS[name]
    for name in ("cm", "mm", "km", "kg", "mg", "ml", "in", "ft", "yd", "mi", "lb", "oz", "hr")
    if name in _UNITS
}
_AREA_WORDS = re.compile(r"\b(?:square|sq\.?)\s*([^\W\d]+\.?)", re.IGNORECASE)
_VOLUME_WORDS = re.compile(r"\b(?:cubic|cu\.?)\s*([^\W\d]+\.?)", re.IGNORECASE)
_POWER_WORDS = re.compile(r"([^\W\d]+)\s+(squared|cubed)\b", re.IGNORECASE)
_TEMPERATURE = re.compile(r"(?:°|degrees?|deg\.?)\s*(C|F|K|celsius|fahrenheit|kelvin|centigrade)\b", re.IGNORECASE)
_FACTOR = re.compile(
    r"\s*([^\W\d_]+\.?|°[CF]?|[$€£¥¢₹₩]|US\$)\s*(?:\^?\s*(?:\{\s*(-?\d)\s*\}|\(\s*(-?\d)\s*\)|(-?\d)))?\s*"
)
_IRREGULAR = {"people": "person", "children": "child", "men": "man", "women": "woman", "feet": "foot", "mice": "mouse"}
_PLURALS = (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"))
_NOUN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_FUNCTION_WORDS = (
    "and or nor neither either maybe to than if not no plus minus is was are were be been this that these those it its "
    "because since so thus but which who what where when solves proves wrong incorrect correct right answer here there "
    "have has had i you we they"
)
_QUALIFIERS = (
    "long tall wide high deep old away apart total altogether left remaining more each approximately thick heavy "
    "longer taller older faster ago later"
)
_NOT_COUNTED = (
    "and or to of out plus minus times over by from half halves third thirds quarters fourth fifth more less fewer st "
    "nd rd th remainder r is are not if when for but percent times x equals through until versus vs"
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
    return _physical(text) or _physical(_without_qualifiers(text)) or _counted(text)


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
    if not 1 <= len(words) <= 4 or words[0] in _NEVER_FIRST or not all(_NOUN.fullmatch(word) for word in words):
        return None
    if not _NEVER_IN_NOUN.isdisjoint(words) or len(words[-1]) < 2:
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
        return None
    if left.noun or right.noun:
        return Fraction(1) if _same_noun(left.noun, right.noun) else None
    return left.factor / right.factor


def times(left: Unit, right: Unit) -> Unit:
    """The product of two physical units: a dollar and "per pound" make dollars per pound."""
    dims = dict(left.dims)
    for name, power in right.dims:
        dims[name] = dims.get(name, 0) + power
    return Unit(tuple(sorted((name, power) for name, power in dims.items() if power)), left.factor * right.factor)


def _same_noun(left: str, right: str) -> bool:
    """One names the same thing as the other, perhaps more closely: `apple` and `red apple`."""
    a, b = left.split(), right.split()
    return a[-1] == b[-1] and (set(a) <= set(b) or set(b) <= set(a))
