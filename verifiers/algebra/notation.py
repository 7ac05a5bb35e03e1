r"""One notation for all mathematics: LaTeX, Unicode and plain text spellings become one source.

    math_source("$\left(x \leq \tfrac12\right)$") == "(x ≤ \frac12)"

All symbolic kinds use this source; `syntax.py` parses its tokens into trees.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ovt.verifiers.dressing import undress, unwrap


class Unreadable(ValueError):
    """The text is not mathematics that we can read."""


# (commands, other spellings, replacement)
_SIGNS = [
    ("cdot times ast bullet", r"[×·⋅∙]", "*"),
    ("", r"\*\*", "^"),
    ("div", "÷", "/"),
    ("percent", r"\\?%", "%"),
    ("leqslant leq le", "<=|=<|≦|⩽", "≤"),
    ("geqslant geq ge", ">=|≧|⩾", "≥"),
    ("neq ne", r"!=|=/=|\\not\s*=|<>", "≠"),
    ("lt", "&lt;", "<"),
    ("gt", "&gt;", ">"),
    ("approx simeq thickapprox doteq", "≃|≅", "≈"),
    ("pm", r"\+/-", "±"),
    ("mp", "", "∓"),
    ("infty", r"\b[Ii]nfinity\b|\binf\b|\boo\b", "∞"),
    ("cup", r"(?<=[)\]}])\s*U\s*(?=[(\[{\\])", "∪"),
    ("cap", "", "∩"),
    ("in", "", "∈"),
    ("setminus backslash", "", "∖"),
    ("emptyset varnothing O", "", "∅"),
    ("R Reals Real", r"\\mathbb\s*+(?:\{\s*+)?R(?:\s*+\})?", "ℝ"),
    ("mid vert lvert rvert Vert", r"\\\|", "|"),
    ("lbrace", "", r"\\{"),
    ("rbrace", "", r"\\}"),
    ("lbrack", "", "["),
    ("rbrack", "", "]"),
    ("colon", "", ":"),
]
_SIZES = "left right big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr displaystyle textstyle limits nolimits mathstrut"
_CIRCLE = r"\\circ(?![A-Za-z])|\{\s*\\circ\s*\}|°|o(?![A-Za-z])"


def _pattern(commands: str, others: str) -> re.Pattern[str]:
    ways = [rf"\\(?:{'|'.join(commands.split())})(?![A-Za-z])"] if commands else []
    return re.compile("|".join([*ways, others] if others else ways))


_REPLACEMENTS = [
    (re.compile(rf"\\(?:{'|'.join(_SIZES.split())})(?![A-Za-z])\.?"), ""),
    (re.compile(r"(?<=,)\s*\\!\s*(?=\d)|\\(?:!|hspace\*?\{[^{}]*\}|phantom\{[^{}]*\})"), ""),
    (re.compile(r"\\q?quad|\\[,;: ]|(?<!\\)~|\\enspace|\\thinspace"), " "),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[dtc]frac"), r"\\frac"),
    (re.compile(r"\\[dt]binom"), r"\\binom"),
    (re.compile(rf"(?<!\s)\s*+\^\s*+(?:{_CIRCLE})|\\(?:degrees?|circ)(?![A-Za-z])|\{{\s*degrees?\s*\}}"), "°"),
    *((_pattern(commands, others), written) for commands, others, written in _SIGNS),
    (re.compile(r"\$|\\[()]"), " "),
]
_NOTHING_TO_REPLACE = re.compile(r"(?!.*(?:inf|oo))[\w .,:;-]*$")


@lru_cache(maxsize=16384)
def math_source(text: str) -> str:
    """The canonical spelling of a text's mathematics, without wrappers and spacing."""
    source = unwrap(undress(text))
    if not _NOTHING_TO_REPLACE.match(source):
        for pattern, written in _REPLACEMENTS:
            source = pattern.sub(written, source)
    return " ".join(source.split())


_FUNCTION_NAMES = (
    "arcsin arccos arctan arccot arcsec arccsc arsinh arcosh artanh asinh acosh atanh asin acos atan sinh cosh tanh "
    "coth sin cos tan cot sec csc ln lg log exp sqrt cbrt abs Abs floor ceil gcd lcm max min"
)
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell"
)
_GREEK_LETTERS = "αβγδεζηθικλμνξρστυφχψωΓΔΘΛΞΠΣΦΨΩℓ"
# Greek letters that are also written out without a backslash; the shorter names would be products of letters.
_SPELT_OUT = "alpha beta gamma delta epsilon theta lambda sigma omega phi psi rho tau"
FUNCTIONS = tuple(_FUNCTION_NAMES.split())
GREEK = dict(zip(_GREEK_LETTERS, _GREEK_NAMES.split(), strict=True))
SYMBOL_COMMANDS = {name: name for name in _GREEK_NAMES.split()} | {
    "varepsilon": "epsilon",
    "vartheta": "theta",
    "varphi": "phi",
    "Upsilon": "Upsilon",
    "hbar": "hbar",
}

_ANY_NAME = "|".join([*FUNCTIONS, *_SPELT_OUT.split(), "pi"])
_TOKEN = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3})+(?![\d,])(?:\.\d+)?|\d+\.?\d*|\.\d+)"
    r"|(?P<command>\\[A-Za-z]+|\\[{}|&])"
    rf"|(?P<word>(?:{_ANY_NAME})(?=$|[^a-z]|[a-z](?![a-z])))"
    r"|(?P<letter>[A-Za-zα-ωΑ-Ωπℓ])"
    r"|(?P<sign>[-+*/^_!()\[\]{}|=%°',<≤≥>≠∞ℝ])"
    r"|(?P<space>\s+)"
)
_WORD = re.compile(
    rf"(?:^|(?<=\s))(?!(?:{_ANY_NAME})[a-z]?(?![A-Za-z]))[A-Za-z]{{3,}}"
    r"|(?<![A-Za-z\\])[A-Za-z]{12,}"
    r"|(?:^|(?<=\s))(?:is|of|or|it|in|to|at|an|be|we|if|so|no|as|by|on|my|up)(?=\s|$)"
)


def has_words(source: str) -> bool:
    """Whether a source contains plain words: text with a number in it is not a formula."""
    return bool(_WORD.search(source))


class Token(NamedTuple):
    """A lexeme: `kind` is number, command, word, letter or sign; `spaced` means that white space preceded it."""

    kind: str
    text: str
    spaced: bool


def tokenize(source: str) -> list[Token]:
    """The tokens of a source; `Unreadable` on an invalid character."""
    tokens, position, spaced = [], 0, False
    while position < len(source):
        match = _TOKEN.match(source, position)
        if not match:
            raise Unreadable(f"cannot read {source[position : position + 12]!r}")
        position = match.end()
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, match[0], spaced))
        spaced = kind == "space"
    return tokens


_OPENERS = ("\\{", "(", "[", "{")
_CLOSERS = ("\\}", ")", "]", "}")
_CONJUNCTION = re.compile(r"(?<!\s)\s*+(?:(?:[,;，；]\s*+)?(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|[;；&])\s*+")
_COMMA = re.compile(r"(?<!\s)\s*+[,，、]\s*+")
_RELATION = re.compile(r"[<>≤≥≠=∈≈]")
_GROUPED = re.compile(r"(?<!\d)(\d{1,3}(?:,\d{3})+)(?!\d)")

_LETTER = r"(?:[A-Za-z]|\\(?!sin|cos|tan|sec|csc|cot|ln|log|frac|sqrt|pi|exp)[A-Za-z]+)"
_SYMBOL = rf"{_LETTER}(?:'|_\{{[^{{}}]*\}}|_\w)*"
_ANY_SYMBOL = re.compile(_SYMBOL)
_SIMPLE_NAME = re.compile(
    rf"{_SYMBOL}(?:\s*\(\s*{_SYMBOL}(?:\s*,\s*{_SYMBOL})*\s*\))?"
    r"|(?:\\(?:angle|triangle|overline|widehat|vec|overrightarrow)\s*\{?\s*)?[A-Z]{1,4}\}?|m\s*\\angle\s*[A-Z]{1,3}"
)
_FRACTION_OF_NAMES = re.compile(r"\\frac\s*\{([^{}]*(?:\{[^{}]*\})?)\}\s*\{([^{}]*(?:\{[^{}]*\})?)\}")
_NO_PHRASE = re.compile(r"\b(?:not|nor|or|and|neither|either|maybe|if|than|isn't|never)\b")
_PHRASE = re.compile(r"[A-Za-z][A-Za-z' ]{2,40}")


def split_top(source: str, separator: re.Pattern[str]) -> list[str]:
    """The parts between separators outside all brackets."""
    if not separator.search(source):
        return [source.strip()]
    parts, start, position = [], 0, 0
    depth = 0
    while position < len(source):
        pair = source[position : position + 2]
        step = 2 if pair in ("\\{", "\\}") else 1
        char = source[position : position + step]
        if char in _OPENERS:
            depth += 1
        elif char in _CLOSERS:
            depth = max(0, depth - 1)
        elif not depth and (match := separator.match(source, position)) and match.end() > position:
            parts.append(source[start:position])
            start = position = match.end()
            continue
        position += step
    return [part.strip() for part in [*parts, source[start:]]]


def enclosing(source: str) -> str:
    r"""The pair of brackets around the whole source: "()", "[)", "\{\}" …; "" if there is none."""
    opener = next((mark for mark in _OPENERS if source.startswith(mark)), "")
    closer = next((mark for mark in _CLOSERS if source.endswith(mark)), "")
    if not opener or not closer or len(source) < len(opener) + len(closer):
        return ""
    depth = position = 0
    while position < len(source):
        pair = source[position : position + 2]
        step = 2 if pair in ("\\{", "\\}") else 1
        char = source[position : position + step]
        depth += (char in _OPENERS) - (char in _CLOSERS)
        position += step
        if not depth:
            break
    return opener + closer if position == len(source) else ""


def inside(source: str, brackets: str) -> str:
    """The content of the enclosing brackets."""
    half = len(brackets) // 2
    return source[half : len(source) - half].strip()


def members(source: str, bare: bool) -> list[str]:
    """The members of a list at the outermost level. A comma groups digits in `1,000, 2,000`, and splits `(1,234)`."""
    spaced = re.search(r",\s", source)
    if spaced or (bare and _GROUPED.search(source) and ";" in source):
        source = _GROUPED.sub(lambda match: match[1].replace(",", ""), source)
    parts: list[str] = []
    for part in split_top(source.strip(" ,;"), _CONJUNCTION):
        parts += split_top(part, _COMMA)
    return parts if all(parts) else []


def clauses(source: str) -> list[str]:
    """The parts between semicolons and conjunctions only: `p=5, q=2` and `p=7, q=2`."""
    return [part.strip(" ,") for part in split_top(source, _CONJUNCTION) if part.strip(" ,")]


class Relation(NamedTuple):
    """A chain of relations: `0 ≤ x < 1` has members (0, x, 1) and signs (≤, <)."""

    members: tuple[str, ...]
    signs: tuple[str, ...]

    def __str__(self) -> str:
        signs = (*self.signs, "")
        return "".join(f"{member} {sign} " for member, sign in zip(self.members, signs, strict=True)).strip()


def read_relation(source: str) -> Relation | None:
    """The chain of relations at a source's outermost level; None without one."""
    parts = split_top(source, _RELATION)
    if len(parts) < 2 or not all(parts):
        return None
    signs = []
    position = len(parts[0])
    for part in parts[1:]:
        match = _RELATION.search(source, position)
        if match is None:
            return None
        signs.append(match[0])
        position = source.index(part, match.end()) + len(part)
    return Relation(tuple(parts), tuple(signs))


_TURNED = {"<": ">", ">": "<", "≤": "≥", "≥": "≤"}


def flip(relation: Relation) -> Relation:
    """The same chain read from its other end."""
    return Relation(relation.members[::-1], tuple(_TURNED.get(sign, sign) for sign in reversed(relation.signs)))


def is_name(source: str) -> bool:
    r"""Whether it can be assigned a value: `x`, `x_1`, `f(x)`, `AB`, `|AB|`, `\angle ABC`, `A:B`, `(p,q)`, `area`."""
    source = source.strip()
    if _SIMPLE_NAME.fullmatch(source):
        return True
    if enclosing(source) == "()":
        symbols = [symbol.strip() for symbol in re.split("[,;]", inside(source, "()"))]
        return len(symbols) > 1 and all(map(_ANY_SYMBOL.fullmatch, symbols))
    fraction = _FRACTION_OF_NAMES.fullmatch(source)
    parts = fraction.groups() if fraction else source.split(":") if ":" in source else [source.strip("|")]
    if len(parts) <= 2 and parts != [source] and all(_SIMPLE_NAME.fullmatch(part.strip()) for part in parts):
        return True
    return bool(_PHRASE.fullmatch(source)) and not _NO_PHRASE.search(source)


def expand_signs(source: str) -> list[str]:
    """`1±2` as `(1+2)` and `(1-2)`, in brackets because a bare `1-2` is a range; any other source unchanged."""
    if "±" not in source:
        return [source]
    name, equals, value = source.rpartition("=")
    plus = value.replace("±", "+").replace("∓", "-").strip()
    minus = value.replace("±", "-").replace("∓", "+").strip()
    return [f"{name}{equals}({side.removeprefix('+').strip()})" for side in (plus, minus)]
