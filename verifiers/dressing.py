r"""Strips formatting from an answer: Unicode look, markdown, LaTeX wrappers, boxes, quotes, final full stop.

    undress("✅ **$\boxed{\text{(C)}}$**.") == "\text{(C)}"     plain(…) == "(C)"

Formatting never changes a verdict. Letters of other alphabets that look like Latin ones are left alone: they are not
formatting, and an answer spelt with them is a different answer.
"""

import re
import unicodedata
from functools import lru_cache


class _Looks(dict[int, str]):
    """How characters are written; unlisted ones are added as they are met, up to a limit."""

    def __missing__(self, code: int) -> str:
        char = look = chr(code)
        if not (char.isascii() or unicodedata.category(char) == "No"):  # `①` is a label, not a digit
            # Full-width and compatibility forms of ASCII only: never a letter of another alphabet.
            plain = str(unicodedata.decimal(char, unicodedata.normalize("NFKC", char)))
            look = plain if plain.isascii() else char
        if len(self) < 10_000:
            self[code] = look
        return look


_FOLD = _Looks(
    {
        **dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\ufe0f"), ""),
        **dict.fromkeys(
            map(ord, "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000"), " "
        ),
        **dict.fromkeys(map(ord, "−‒–—―‐‑﹣"), "-"),
        **dict.fromkeys(map(ord, "‘’‛′`´"), "'"),
        **dict.fromkeys(map(ord, "“”„‟″【】「」『』《》"), '"'),
        ord("￥"): "¥",
        **dict.fromkeys(map(ord, "∶："), ":"),
        **dict.fromkeys(map(ord, "⁄∕"), "/"),
        **dict.fromkeys(map(ord, "º˚"), "°"),
        ord("℃"): "°C",
        ord("℉"): "°F",
        0xB5: "μ",  # the micro, ohm and ångström signs, as the letters that look the same
        0x2126: "Ω",
        0x212B: "Å",
        ord("。"): ".",
        ord("、"): ",",
        ord("√"): "\\sqrt ",
        ord("△"): "\\triangle ",
        ord("،"): ",",
        ord("∠"): "\\angle ",
        ord("…"): "...",
    }
)
_HIGH, _HIGH_PLAIN = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ⁿ", "0123456789-+n"
_LOW, _LOW_PLAIN = "₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-"
_SCRIPTS = str.maketrans(_HIGH + _LOW, _HIGH_PLAIN + _LOW_PLAIN)
_SPELT = re.compile(
    rf"(?<=[0-9]) ?[¼½¾⅐-⅞]|[¼½¾⅐-⅞]|[{_HIGH}]+|[{_LOW}]+|√\s*+\d++(?:\.\d++)?|(?<![A-Za-z])m∠"
)  # characters that are more than another way to write one


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """One way to write each character: ASCII digits, signs, quotes and spaces; `²` as `^{2}`, `½` as `1/2`."""
    if text.isascii():
        return text
    return _SPELT.sub(_spell, text).translate(_FOLD)


def _spell(match: re.Match[str]) -> str:
    text = match[0]
    if text[0] in _HIGH:
        return "^{" + text.translate(_SCRIPTS) + "}"
    if text[0] in _LOW:
        return "_{" + text.translate(_SCRIPTS) + "}"
    if text[0] == "√":
        return f"\\sqrt{{{text[1:].strip()}}}"
    if text[0] == "m":
        return "\\angle "
    spelt = unicodedata.normalize("NFKC", text.strip()).replace("\u2044", "/")
    whole = match.start() and match.string[match.start() - 1].isdecimal()
    return (" " if whole else "") + spelt


_TEXT_COMMANDS = (
    "text textbf textit textrm textnormal textsf texttt mathrm mathit mathsf mathtt mathnormal mbox hbox "
    "operatorname ce bf rm underline emph displaystyle boxed fbox beginboxed"
)
_WRAPPER_OR_BRACE = re.compile(
    rf"\\(?:{'|'.join(_TEXT_COMMANDS.split())})\s*\{{|\\(?:text)?color\s*\{{[^{{}}]{{0,30}}\}}\s*\{{?|\\[{{}}]|[{{}}]"
)
_BOXES = ("\\boxed", "\\fbox", "\\framebox", "\\beginboxed")
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
)
_PAIR_STARTS = frozenset(left[0] for left, _ in _PAIRS)
# A dash or a `>` before anything but a word is a sign: `- \sqrt2`, `> 5`.
_BULLET = re.compile(r"#{1,6}\s*|(?:[*•]\s+|[->]\s+(?=(?:\*\*)?[A-Z](?:[a-z]|\*|$)|\*\*))+")
_INLINE_MATH = re.compile(r"(?<!\\)\$(?!\s)([^$]+)(?<!\\)\$(?!\d)")
_SPACING = re.compile(
    r"\\(?:[,;: ~]|q?quad|displaystyle|hspace\{[^{}]*\}|hfill|limits|nolimits)|(?<!\\)(?<!\S )~|~(?! \S)|\\$|\\[()]"
)
_BOLD = re.compile(r"(?:(?<![0-9)}])(?<!(?<![A-Za-z])[a-z])\*\*|\*\*(?![0-9a-z({-])|__)|\*(?=\()|(?<=\))\*(?=\s)")
_END_MARKS = " \t\r\n.,;!?:"
_TAIL = re.compile(
    r"(?<=[^\sぁ-ん])(?:です|である|だ|でした|になる|となります|となる)$|(?<=\S)(?:입니다|이다|이에요|예요)$"
)
"""What closes a sentence after its answer, in Korean and Japanese."""


def words(text: str) -> frozenset[str]:
    """The words of a text, to look them up."""
    return frozenset(text.split())


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
    r"""Replace `\text{…}`, `\mathrm{…}`, `\boxed{…}` and the like with their content, wherever it is. Linear time."""
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
        elif mark[-1] == "}":
            continue  # `\\color{red}`
        else:
            closers.append("")
            if _ends_in_command(parts[-1]):
                parts.append(" ")  # `\circ\text{C}` is not a command `\circC`
    return "".join(parts) + text[position:]


def _ends_in_command(text: str) -> bool:
    tail = text[-21:]
    word = tail.rpartition("\\")[2]
    return word != tail and word.isascii() and word.isalpha()


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
    opener, brace, _ = text.partition("{")
    if brace and opener.rstrip() in _BOXES and text[-1] == "}" and balanced(text, len(opener) + 1) == len(text):
        return text[len(opener) + 1 : -1].strip()
    return text


def _strip_end(text: str) -> str:
    stripped = text.rstrip(_END_MARKS)
    rest = text[len(stripped) :]
    following = rest[: len(rest) - len(rest.lstrip("!"))] or rest[:1]
    # `\;` is one LaTeX command, and `5!`, `n!` are factorials: neither ends with punctuation.
    if stripped.endswith("\\") or (following[:1] == "!" and _ends_a_value(stripped)):
        stripped += following
    return stripped


def _ends_a_value(text: str) -> bool:
    last, before = text[-1:], text[-2:-1]
    return (last.isascii() and last.isdecimal()) or last == ")" or (last.islower() and before in "0123456789+*/^({-")


def strip_symbols(text: str) -> str:
    """Without pictographs, ticks and arrows at either end, unless there is nothing else."""
    if text.isascii():
        return text
    start, end = 0, len(text)
    while start < end and _is_symbol(text[start]):
        start += 1
    while start < end and _is_symbol(text[end - 1]):
        end -= 1
    return text[start:end] or text


def _is_symbol(char: str) -> bool:
    return char.isspace() or (not char.isascii() and unicodedata.category(char) in ("So", "Cf", "Sk") and char != "°")


@lru_cache(maxsize=16384)
def undress(text: str) -> str:
    """The bare answer: folded, without enclosing marks, boxes, bullets and final punctuation."""
    text = strip_symbols(fold(text)).strip()
    for _ in range(12):
        before = text
        bullet = _BULLET.match(text)
        text = text[bullet.end() :] if bullet else text
        text = _unbox_whole(strip_pairs(_strip_end(text.strip())))
        text = text if text.isascii() else _TAIL.sub("", text)
        if text == before:
            break
    return text


@lru_cache(maxsize=4096)
def prose(text: str) -> str:
    """A sentence without the marks around its formulas and bold words; what is inside them stays as it is."""
    text = undress(text)
    if _MARKED.isdisjoint(text):
        return undress(" ".join(text.split()))
    text = _INLINE_MATH.sub(r"\1", text)
    for mark in ("\\(", "\\)", "\\[", "\\]"):
        text = text.replace("\\" + mark, "\\\\ " + mark[1:]).replace(mark, " ") if mark in text else text
    return undress(" ".join(_BOLD.sub("", text).split()))


@lru_cache(maxsize=16384)
def plain(text: str) -> str:
    """`undress`, plus removal of LaTeX wrappers, math delimiters and spacing inside: for words, letters, numbers."""
    text = undress(text)
    if not _MARKED.isdisjoint(text):
        for command, meaning in _TIGHT:
            text = text.replace(command, meaning)
        text = _INLINE_MATH.sub(r"\1", unwrap(text))
        text = _SPACING.sub(" ", text).replace("\\%", "%").replace("\\$", "$")
        text = _BOLD.sub("", text)
    return undress(" ".join(text.split()))


_MARKED = frozenset("\\$~{}_*")
_TIGHT = (("\\mathbf{", "\\text{"), ("\\boldsymbol{", "\\text{"), ("\\! ", ""), ("\\!", ""))
