r"""One notation for all mathematics: LaTeX, Unicode and plain text spellings become one source.

    math_source("$\left(x \leq \tfrac12\right)$") == "(x ≤ \frac12)"

All symbolic kinds use this source; `syntax.py` parses its tokens into trees.
"""

import re
from functools import lru_cache
from string import ascii_letters, digits
from typing import NamedTuple

from ovt.verifiers.dressing import undress, unwrap


class Unreadable(ValueError):
    """The text is not mathematics that we can read."""


# Each sign → its commands, and its other spellings.
_SIGNS = {
    "*": ("cdot times ast bullet", "× · ⋅ ∙"),
    "^": ("", "**"),
    "/": ("div", "÷"),
    "%": ("percent", "\\%"),
    "≤": ("leqslant leq le", "<= =< ≦ ⩽"),
    "≥": ("geqslant geq ge", ">= ≧ ⩾"),
    "≠": ("neq ne", "!= =/= <>"),
    "<": ("lt", "&lt;"),
    ">": ("gt", "&gt;"),
    "≈": ("approx simeq thickapprox doteq", "≃"),
    "≅": ("cong", ""),
    "Ω": ("Omega", ""),
    "∥": ("parallel", "‖"),
    "⊥": ("perp", ""),
    "∼": ("sim", ""),
    "→": ("to rightarrow longrightarrow", "-> ⟶"),
    "±": ("pm", "+/-"),
    "∓": ("mp", ""),
    "∞": ("infty", ""),
    "∪": ("cup", ""),
    "∩": ("cap", ""),
    "∈": ("in", ""),
    "∖": ("setminus backslash", ""),
    "∅": ("emptyset varnothing O", ""),
    "ℝ": ("R Reals Real", ""),
    "|": ("mid vert lvert rvert Vert", "\\|"),
    "(": ("langle", "⟨ 〈"),
    ")": ("rangle", "⟩ 〉"),
    "¬": ("neg lnot", ""),
    "∨": ("lor vee", ""),
    "∧": ("land wedge", ""),
    "\\{": ("lbrace", ""),
    "\\}": ("rbrace", ""),
    "[": ("lbrack", ""),
    "]": ("rbrack", ""),
    ":": ("colon", ""),
    "°": ("circ degree degrees", ""),
    "\\frac": ("dfrac tfrac cfrac", ""),
    "\\binom": ("dbinom tbinom", ""),
    ",": ("", "{,}"),
    " ": ("quad qquad enspace thinspace", "\\, \\; \\: \\( \\) $ ~ \\$"),
    "": ("displaystyle textstyle limits nolimits mathstrut", ""),
}
COMMANDS = {"\\" + name: sign for sign, (names, _) in _SIGNS.items() for name in names.split()}
_SPELLINGS = {text: sign for sign, (_, texts) in _SIGNS.items() for text in texts.split()} | {"\\ ": " "}
_SPELLING = re.compile(
    rf"(?=[\s^\\rIioU{re.escape(''.join(sorted({text[0] for text in _SPELLINGS})))}])(?:"
    r"(?<!\s)\s*+\^\s*+(?:\{\s*)?(?:\\circ(?![A-Za-z])|°|o(?![A-Za-z]))(?:\s*\})?(?P<degree>)"
    r"|\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])\.?(?P<size>)|\\(?:hspace\*?|phantom)\{[^{}]*\}(?P<space>)"
    r"|\\mathbb\s*+(?:\{\s*+)?R(?:\s*+\})?(?P<line>)|\\not\s*=(?P<unequal>)|(?<=\d)\s?root\s?(?=\d)(?P<root>)|(?<=\d)\sfactorial\b(?P<factorial>)|\\!\s*(?P<tight>)"
    r"|(?P<infinity>\b[Ii]nfinity\b|\binf\b|\boo\b)|(?<=[)\]}])\s*U\s*(?=[(\[{\\])(?P<union>)"
    rf"|(?P<command>\\[A-Za-z]+)|\\\\(?P<row>)|{'|'.join(map(re.escape, sorted(_SPELLINGS, key=len, reverse=True)))})"
)
_OF_GROUP = {
    "degree": "°",
    "size": "",
    "tight": "",
    "space": "",
    "line": "ℝ",
    "unequal": "≠",
    "root": "\\sqrt ",
    "factorial": "!",
    "infinity": "∞",
    "union": "∪",
}
_AS_IT_IS = frozenset(ascii_letters + digits + "_ .,:;-\n")


@lru_cache(maxsize=16384)
def math_source(text: str) -> str:
    """The canonical spelling of a text's mathematics, without wrappers and spacing."""
    source = unwrap(undress(text))
    if not _AS_IT_IS.issuperset(source) or any(word in source for word in ("inf", "oo", "factorial")):
        source = _SPELLING.sub(_respell, source)
        if source.startswith("<") and source.endswith(">") and "," in source:
            source = f"({source[1:-1]})"  # a vector
    return " ".join(source.split())


def _respell(match: re.Match[str]) -> str:
    kind, text = match.lastgroup or "", match[0]
    if kind == "command":
        return COMMANDS.get(text, text)
    return _OF_GROUP[kind] if kind in _OF_GROUP else _SPELLINGS.get(text, text)


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
    rf"(?:^|(?<=[\s(]))(?!(?:{_ANY_NAME})[a-z]?(?![A-Za-z]))[A-Za-z]{{3,}}"
    r"|(?<![A-Za-z\\])[A-Za-z]{12,}"
    r"|(?:^|(?<=\s))(?i:is|of|or|it|in|to|at|an|be|we|if|so|no|as|by|on|my|up)(?=\s|$)"
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
    for match in _TOKEN.finditer(source):
        if match.start() != position:
            break
        position = match.end()
        kind = match.lastgroup or ""
        if kind != "space":
            tokens.append(Token(kind, match[0], spaced))
        spaced = kind == "space"
    if position != len(source):
        raise Unreadable(f"cannot read {source[position : position + 12]!r}")
    return tokens
