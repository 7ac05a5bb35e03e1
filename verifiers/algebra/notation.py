r"""One notation for all mathematics: what LaTeX, Unicode and plain text write differently becomes one source.

    math_source("$\left(x \leq \tfrac12\right)$") == "(x ≤ \frac12)"

All symbolic kinds stand on this source; `syntax.py` reads its tokens into trees.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ovt.verifiers.dressing import undress, unwrap


class Unreadable(ValueError):
    """The text is not mathematics that we know."""


# (commands that mean it, other spellings, what is written instead)
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
    """The one spelling of a text's mathematics, without wrappers and spacing."""
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
    """Whether a source holds plain words: text with a number in it is no formula."""
    return bool(_WORD.search(source))


class Token(NamedTuple):
    """A lexeme: `kind` is number, command, word, letter or sign; `spaced` says that white space stood before it."""

    kind: str
    text: str
    spaced: bool


def tokenize(source: str) -> list[Token]:
    """The tokens of a source; `Unreadable` on any character that is none."""
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
