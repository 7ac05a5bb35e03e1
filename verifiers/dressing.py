r"""Strips formatting from an answer: Unicode look, markdown, LaTeX wrappers, boxes, quotes, lead-ins, final full stop.

    undress("**The answer is $\boxed{\text{(C)}}$.**") == "(C)"

Formatting never changes a verdict. Letters of other alphabets that look like Latin ones are left alone: they are not
formatting, and an answer spelt with them is another answer.
"""

import re
import unicodedata
from functools import lru_cache

_FOLD = {
    **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f"), ""),
    **dict.fromkeys(
        map(ord, "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000"), " "
    ),
    **dict.fromkeys(map(ord, "−‒–—―‐‑﹣"), "-"),
    **dict.fromkeys(map(ord, "‘’‛′`´"), "'"),
    **dict.fromkeys(map(ord, "“”„‟″"), '"'),
    **dict.fromkeys(map(ord, "∶："), ":"),
    **dict.fromkeys(map(ord, "⁄∕"), "/"),
    **dict.fromkeys(map(ord, "º˚"), "°"),
    ord("℃"): "°C",
    ord("℉"): "°F",
    ord("。"): ".",
    ord("、"): ",",
    ord("√"): "\\sqrt ",
    ord("△"): "\\triangle ",
    ord("…"): "...",
}
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n")
_SUPERSCRIPT_RUN = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ]+")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUBSCRIPT_RUN = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")
_ROOT_OF_DIGITS = re.compile(r"√\s*(\d+(?:\.\d+)?)")
_ANGLE = re.compile("(?<![A-Za-z])m?∠")
_VULGAR = re.compile("(?<=[0-9]) ?([¼½¾⅐-⅞])|([¼½¾⅐-⅞])")


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """One way to write each character: ASCII digits, signs, quotes and spaces; `²` as `^{2}`, `½` as `1/2`."""
    if text.isascii():
        return text
    text = _VULGAR.sub(_spell_fraction, text)
    text = _SUPERSCRIPT_RUN.sub(lambda run: "^{" + run[0].translate(_SUPERSCRIPTS) + "}", text)
    text = _SUBSCRIPT_RUN.sub(lambda run: "_{" + run[0].translate(_SUBSCRIPTS) + "}", text)
    text = _ANGLE.sub(r"\\angle ", _ROOT_OF_DIGITS.sub(r"\\sqrt{\1}", text)).translate(_FOLD)
    return "".join(_fold_char(char) for char in text)


def _spell_fraction(match: re.Match[str]) -> str:
    spelt = unicodedata.normalize("NFKC", match[1] or match[2]).replace("\u2044", "/")
    return (" " if match[1] else "") + spelt


def _fold_char(char: str) -> str:
    if char.isascii():
        return char
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    # Full-width and compatibility forms of ASCII only: never a letter of another alphabet.
    plain = unicodedata.normalize("NFKC", char)
    return plain if plain.isascii() else char


_TEXT_COMMANDS = (
    "text textbf textit textrm textnormal textsf texttt mathrm mathbf mathit mathsf mathtt mathnormal mbox hbox "
    "operatorname bf rm underline emph bm boldsymbol displaystyle boxed fbox beginboxed"
)
_BOX = re.compile(r"\\(?:boxed|fbox|framebox|beginboxed)\s*\{")
_WRAPPER_OR_BRACE = re.compile(rf"\\(?:{'|'.join(_TEXT_COMMANDS.split())})\s*\{{|\\[{{}}]|[{{}}]")
_COMMAND_LAST = re.compile(r"\\[A-Za-z]{1,20}$")
_SPACING = re.compile(r"\\(?:[,;:! ~]|q?quad|displaystyle|hspace\{[^{}]*\}|hfill|limits|nolimits)|(?<!\\)~|\\$")
_NEGATIVE_SPACE = re.compile(r"(?<=,)\s*\\!\s*(?=\d)|\\!")
_INLINE_MATH = re.compile(r"(?<!\\)\$(?!\s)([^$]+)(?<!\\)\$(?!\d)")
_PAIRS = (
    ("$$", "$$"),
    ("$", "$"),
    ("\\(", "\\)"),
    ("\\[", "\\]"),
    ("***", "***"),
    ("**", "**"),
    ("__", "__"),
    ("*", "*"),
    ('"', '"'),
    ("'", "'"),
    ("```", "```"),
    ("`", "`"),
    ("<b>", "</b>"),
    ("<i>", "</i>"),
    ("<strong>", "</strong>"),
    ("<answer>", "</answer>"),
)
_PAIR_STARTS = frozenset(left[0] for left, _ in _PAIRS)
# A dash or a `>` before anything but a word is a sign: `- \sqrt2`, `> 5`.
_BULLET = re.compile(r"^#{1,6}\s*|^(?:[*•]\s+|[->]\s+(?=(?:\*\*)?[A-Z][a-z]))+")
_BOLD_LABEL = re.compile(r"^(?:\*\*|__)([^*_\n]{1,40}:)(?:\*\*|__)")
_LEAD_IN = re.compile(
    r"^(?:so|thus|hence|therefore|then|and so|in conclusion|finally|ok|okay|well)?[,:]?\s*"
    r"(?:i (?:think|believe)(?: that)?\s+)?"
    r"(?:(?:my|the|our|your)\s+)?(?:(?:final|correct|right|best|exact|numerical|overall)\s+)*"
    r"(?:answer|result|solution)(?:\s+(?:to|of|for)\s+(?:the|this)\s+(?:question|problem))?\s*"
    r"(?:(?:is|are|would be|should be|must be|equals)\b(?:\s*:)?|[:=：])\s*(?:that\s+)?"
    r"(?:(?:simply|just|therefore|thus|clearly|for sure|definitely|approximately|about|given by|exactly)\s+)?",
    re.IGNORECASE,
)
_SO_CHINESE = r"(?:(?:所以|因此|故|综上所述|综上|那么)[,，]?\s*+)?"
_LEAD_IN_CHINESE = re.compile(
    rf"^{_SO_CHINESE}(?:(?:最终|正确)的?)?(?:答案|答え)(?:应该是|应为|是|为|は)?\s*+:?\s*+"
    rf"|^{_SO_CHINESE}(?:应该|应)?(?:选项|选择|选)\s*+:?\s*+(?=\(?[A-H]\b)"
)
_ABOUT = re.compile(r"^(?:=|≈|~|\\approx|approximately|about|roughly|around)\s*(?=[\d$.\\-])", re.IGNORECASE)
_CLAIM = re.compile(
    r"^(?:i(?:\s+would|'d|'ll)?\s+(?:choose|pick|select|say|go\s+with)|it\s+(?:must|should|has\s+to)\s+be|"
    r"(?:the\s+)?(?:correct|right|best)\s+(?:option|choice|one)\s+is)(?:\s*+:)?\s++(?=\S)",
    re.IGNORECASE,
)
_CLAIM_END = re.compile(
    r"(?<=\S)\s+(?:is|would\s+be|seems)\s+(?:(?:the\s+)?(?:correct|right|best)(?:\s+(?:answer|option|choice|one))?"
    r"|(?:the|my|our)\s+(?:final\s+)?answer)$",
    re.IGNORECASE,
)
_BOLD = re.compile(r"(?:(?<![0-9)}])(?<!(?<![A-Za-z])[a-z])\*\*|\*\*(?![0-9a-z({-]))|__")  # `2**3` is a power
_ENDS_A_VALUE = re.compile(r"[0-9)}]$|(?:^|[0-9+*/^({-])[a-z]$")


def balanced(text: str, start: int) -> int:
    """The index just after the `}` that closes the `{` at `start - 1`; len(text) if it is never closed."""
    depth = 1
    for index in range(start, len(text)):
        char = text[index]
        if char == "{" and text[index - 1] != "\\":
            depth += 1
        elif char == "}" and text[index - 1] != "\\":
            depth -= 1
            if not depth:
                return index + 1
    return len(text)


def unwrap(text: str) -> str:
    r"""Replace `\text{…}`, `\mathrm{…}`, `\boxed{…}` and the like by their content, wherever they are. Linear time."""
    parts: list[str] = []
    closers: list[str] = []
    position = 0
    for match in _WRAPPER_OR_BRACE.finditer(text):
        parts.append(text[position : match.start()])
        position = match.end()
        mark = match[0]
        if mark == "{":
            closers.append("}")
            parts.append(mark)
        elif mark == "}":
            parts.append(closers.pop() if closers else mark)
        elif mark in ("\\{", "\\}"):
            parts.append(mark)
        else:
            closers.append("")
            if _COMMAND_LAST.search(parts[-1][-21:]):
                parts.append(" ")  # `\circ\text{C}` is no command `\circC`
    return "".join(parts) + text[position:]


def strip_pairs(text: str) -> str:
    """Strip one pair of quotes, markdown marks or math delimiters around the whole text."""
    if text[:1] not in _PAIR_STARTS:
        return text
    for left, right in _PAIRS:
        inner = text[len(left) : len(text) - len(right)]
        if len(text) > len(left) + len(right) and text.startswith(left) and text.endswith(right) and left not in inner:
            return inner.strip()
    return text


def _unbox_whole(text: str) -> str:
    match = _BOX.match(text)
    if match and balanced(text, match.end()) == len(text) and text.endswith("}"):
        return text[match.end() : -1].strip()
    return text


def _strip_end(text: str) -> str:
    stripped = text.rstrip(" \t\r\n.,;!?:")
    following = text[len(stripped) : len(stripped) + 1]
    # `\;` is one LaTeX command, and `5!`, `n!` are factorials: neither ends with punctuation.
    if stripped.endswith("\\") or (following == "!" and _ENDS_A_VALUE.search(stripped)):
        stripped += following
    return stripped


@lru_cache(maxsize=16384)
def undress(text: str) -> str:
    """The bare answer: folded, without enclosing marks, boxes, lead-in ("The answer is") and final punctuation."""
    text = fold(text).strip()
    for _ in range(12):
        before = text
        text = _BOLD_LABEL.sub(r"\1", _BULLET.sub("", text))
        text = _CLAIM_END.sub("", _CLAIM.sub("", text))
        text = _ABOUT.sub("", text)
        text = _LEAD_IN_CHINESE.sub("", _LEAD_IN.sub("", text, count=1))
        text = _unbox_whole(strip_pairs(_strip_end(text.strip())))
        if text == before:
            break
    return text


@lru_cache(maxsize=16384)
def plain(text: str) -> str:
    """`undress`, plus removal of LaTeX wrappers, math delimiters and spacing inside: for words, letters, numbers."""
    text = _INLINE_MATH.sub(r"\1", _NEGATIVE_SPACE.sub("", unwrap(undress(text))))
    text = _SPACING.sub(" ", text).replace("\\(", " ").replace("\\)", " ").replace("\\%", "%").replace("\\$", "$")
    text = _BOLD.sub("", text)
    return undress(" ".join(text.split()))
