"""Options and golds, in the formats that sources use.

    ["3", "4"]   "['3', '4']"   {"A": "3", "B": "4"}   "A. 3\\nB. 4"   "How many? (A) 3 (B) 4"   ->  ("3", "4")
    gold 1 (index)   "B"   "(B)"   "4"   "B. 4"   ["A", "C"]                                    ->  one, or several

Data set texts are untrusted: they are parsed as literals, never evaluated.
"""

import ast
import json
import re
import unicodedata
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

from PIL import Image

from ovt.core.images import names_image
from ovt.curate.sources.cells import plain_text, squeeze
from ovt.curate.sources.faults import Unfit
from ovt.verifiers.kinds.letter import lone_letter
from ovt.verifiers.options import gold_index, pick, read_options

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_LITERAL = 20_000  # characters; longer texts are not parsed as a list

_PARENTHESISED = re.compile(r"\(([A-Za-z])\)")
_LINE_START = re.compile(r"^[ \t]*([A-Za-z])[.):](?=\s)", re.MULTILINE)
_INLINE = re.compile(r"(?<![^\s:?;,])([A-Z])[.)](?=\s)")
_HEADER = re.compile(r"\s*\b(?:answer )?(?:choices|options)\s*(?:are)?\s*:?\s*$", re.IGNORECASE)
_LABEL = re.compile(r"[A-Z]|\d{1,2}")
_LETTER_AND_TEXT = re.compile(r"\(?([A-Za-z])(?:\)|[.:])\s*(\S.*)", re.DOTALL)


def read_choices(cell: Any) -> tuple[str, ...] | None:
    """The option texts of a cell, None for an empty one. Raises Unfit("unparseable_choices")."""
    found = _options(cell)
    if found is None:
        return None
    while found and _is_blank(found[-1]):  # a fixed number of options, not all in use
        found = found[:-1]
    if not found:
        return None
    if all(map(_is_picture, found)):
        raise Unfit("picture_choices", f"{len(found)} options are pictures, which no answer in words can name")
    texts = [plain_text(option) for option in found]
    if len(texts) < 2 or len(texts) > len(LETTERS) or not all(texts):
        raise Unfit("unparseable_choices", f"{len(texts)} options in {str(cell)[:80]!r}")
    return strip_letters([text for text in texts if text])


def labels_of(cell: Any) -> tuple[str, ...]:
    """The labels of the options of a cell, {"1": "70", "2": "80"} -> ("1", "2"), unless they are letters."""
    cell = parse_literal(cell.strip()) if isinstance(cell, str) and cell.lstrip().startswith(("{", "[{")) else cell
    cell = _by_column(cell)
    if not isinstance(cell, dict):
        return ()
    told = cell.get("label") if isinstance(cell.get("text"), list) else _keys(cell)
    labels = tuple(label_key(str(label)) for label in told) if isinstance(told, list) else ()
    usual = (tuple(LETTERS[: len(labels)]), tuple(map(str, range(len(labels)))))  # read as letters, and as indexes
    return () if labels in usual or len(set(labels)) < len(labels) else labels


_TOLD = ("text", "content", "value", "option")
_LABELLED = ("label", "key", "letter", "id")


def _by_column(cell: Any) -> Any:
    """[{"label": "A", "text": "cat"}, …] as {"label": ["A", …], "text": ["cat", …]}; any other cell as it is."""
    for label, text in product(_LABELLED, _TOLD) if isinstance(cell, list | tuple) and cell else ():
        if all(isinstance(one, dict) and one.keys() >= {label, text} for one in cell):
            return {"label": [one[label] for one in cell], "text": [one[text] for one in cell]}
    return cell


def _keys(cell: dict) -> list[Any]:
    return sorted(cell, key=lambda key: (len(str(key)), str(key)))


_PLACEHOLDER = re.compile(r"(?:[(（]image[)）] ?)?\[([^\[\]\n]{1,200})\]")  # (image)[image-2.png]


def _is_picture(option: Any) -> bool:
    if isinstance(option, dict):
        return bool(option.get("bytes")) or ("path" in option and "bytes" in option)
    if isinstance(option, str):
        placeholder = _PLACEHOLDER.fullmatch(option.strip())
        return names_image(placeholder[1] if placeholder else option)
    return isinstance(option, bytes | Image.Image)


def _is_blank(option: Any) -> bool:
    return option is None or (isinstance(option, str | float) and plain_text(option) is None)


def _options(cell: Any) -> list[Any] | None:
    if isinstance(cell, str):
        return _options_in_text(cell.strip())
    cell = _by_column(cell)
    if isinstance(cell, dict):
        if isinstance(cell.get("text"), list):  # {"label": ["A", …], "text": […]}
            return cell["text"]
        return [cell[key] for key in _keys(cell)]
    if isinstance(cell, list | tuple):
        return list(cell)
    if cell is None:
        return None
    raise Unfit("unparseable_choices", f"found {str(cell)[:80]!r}")


def _options_in_text(text: str) -> list[Any] | None:
    if not text:
        return None
    if text[0] in "[({" and text[-1] in "])}":
        literal = parse_literal(text)
        if isinstance(literal, list | tuple | dict):
            return _options(literal)
        if len(text) <= MAX_LITERAL and _NUMPY.fullmatch(text):
            return [one[1:-1] for one in _QUOTED.findall(text)]
    if split := _first_split(text, new=False):
        return list(split.choices or ())
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        return lines
    if (split := _first_split(text, new=True)) and not split.question:
        return list(split.choices or ())
    for separator in ("|||", "||", "|", ";"):
        if len(parts := text.split(separator)) > 1 and all(map(str.strip, parts)):
            return parts
    raise Unfit("unparseable_choices", f"found {text[:80]!r}")


_QUOTED = re.compile(r"""'[^'\\]*'|"[^"\\]*\"""")
_NUMPY = re.compile(rf"\[\s*(?:{_QUOTED.pattern})(?:\s+(?:{_QUOTED.pattern}))*\s*\]")  # ['cat' 'dog'], as numpy prints


def _first_split(text: str, new: bool) -> "Split | None":
    splits = (_split(text, dressing, need_head=False) for dressing in _DRESSINGS if dressing.new == new)
    return next((split for split in splits if split), None)


def parse_literal(text: str) -> Any:
    """A JSON or Python literal, else None. Adjacent strings ("['a' 'b']", as numpy prints) are not one literal."""
    if len(text) > MAX_LITERAL:
        return None
    for parse in (json.loads, _python_literal):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
    return None


def _python_literal(text: str) -> Any:
    return None if re.search(r"""(['"])\s+\1""", text) else ast.literal_eval(text)


def strip_letters(texts: Sequence[str]) -> tuple[str, ...]:
    """Option texts without their own letters ("A. 3", "B. 4" -> "3", "4"), if all of them have one."""
    stripped = []
    for letter, text in zip(LETTERS, texts, strict=False):
        match = _LETTER_AND_TEXT.fullmatch(text)
        if not match or match[1].upper() != letter:
            return tuple(texts)
        stripped.append(match[2].strip())
    return tuple(stripped)


class Split(NamedTuple):
    """A question and the options that were inside it, None if there are none.

    labels: theirs, unless they are A, B, …. new: whether older versions of ovt did not see them.
    """

    question: str
    choices: tuple[str, ...] | None = None
    labels: tuple[str, ...] = ()
    new: bool = False


class _Dressing(NamedTuple):
    """How options are marked: the pattern's group holds the label; `accepts` says whether options can begin there, from
    the text before them and whether they begin a line."""

    pattern: re.Pattern[str]
    accepts: Callable[[str, bool], bool]
    new: bool = False


def split_question(question: str, gold: str | None) -> Split:
    """A text that may hold labelled options, and these, given its gold.

    It is split only if the gold is a letter or one of the options (in rarer dressings: a label); text after the last
    option stays with the question.
    """
    if gold is None or (question.isascii() and not _SECOND.search(question)):
        return Split(question)
    label = _LABEL.fullmatch(label_key(gold[:20]))
    for dressing in _DRESSINGS if label else _DRESSINGS[:OLD]:
        split = _split(question, dressing, need_head=True)
        if split and split.choices and _fits(gold, split):
            return split
        if split and not dressing.new:
            return Split(question)
    return Split(question)


def _fits(gold: str, split: Split) -> bool:
    choices = split.choices or ()
    if split.new:
        labels = split.labels or LETTERS[: len(choices)]
        return label_key(gold) in labels and (not split.labels or find_text(gold, choices) is None)
    return bool(lone_letter(gold)) or find_text(gold, choices) is not None


def _split(text: str, dressing: _Dressing, need_head: bool) -> Split | None:
    markers = _lettered(text, dressing.pattern)
    if len(markers) < 2:
        return None
    head, at = text[: markers[0].start()], markers[0].start()
    if not dressing.accepts(head.rstrip(), at == 0 or text[:at].rstrip(" \t").endswith("\n")):
        return None
    head = _without_header(head.strip())
    options, tail = _between(text, markers)
    if all(options) and not {"and", "or"} & {option.casefold() for option in options} and (head or not need_head):
        labels = tuple(map(label_key, (marker[1] for marker in markers))) if dressing.new else ()
        whole = "\n".join(part for part in (head, tail) if part)
        return Split(whole, options, () if labels[:1] == ("A",) else labels, dressing.new)
    return None


def label_key(text: str) -> str:
    """A label without its dressing: "①", "(1)", "1." and "１" are "1"; "（b）" is "B"."""
    return unicodedata.normalize("NFKC", text).strip(" \t\n()[]{}.:、。").upper()


def _without_header(head: str) -> str:
    return head[:-60] + _HEADER.sub("", head[-60:])


def _follows_a_stop(head: str, line_start: bool) -> bool:
    """Options on one line begin after a sentence; "points (A) and (B)" does not."""
    return line_start or not head or head[-1] in "?:.!;？：。！；" or head != _without_header(head)


def _anywhere(head: str, line_start: bool) -> bool:
    return True


_SECOND = re.compile(r"(?<![A-Za-z0-9])[Bb2](?![A-Za-z0-9])")  # what every list of options has in ASCII
_DRESSINGS = (
    _Dressing(_PARENTHESISED, _follows_a_stop),
    _Dressing(_LINE_START, _anywhere),
    _Dressing(_INLINE, _follows_a_stop),
    _Dressing(re.compile(r"([①-⑳⑴-⒇⒈-⒛Ⓐ-Ⓩ⒜-⒵])"), _anywhere, new=True),
    _Dressing(re.compile(r"(?<![A-Za-z0-9])(（[A-Za-zＡ-Ｚ]）|[A-ZＡ-Ｚ](?=[、．：]))[、．：]?"), _anywhere, new=True),
    _Dressing(re.compile(r"(?<![^\s,;?:.])([A-Z])[:,](?=\s)"), _follows_a_stop, new=True),
    _Dressing(re.compile(r"\[([A-Za-z])\](?=\s)"), _follows_a_stop, new=True),
    _Dressing(re.compile(r"(?:^|(?<=\s))\(([A-Z0-9]{1,2})\)"), _follows_a_stop, new=True),
    _Dressing(re.compile(r"^[ \t]*([A-Z]|\d{1,2})[.):、-](?=\s*\S)", re.MULTILINE), _anywhere, new=True),
)
OLD = sum(not dressing.new for dressing in _DRESSINGS)


def _lettered(text: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """The last run of markers A, B, C, …, or 1, 2, 3, …, in `text`."""
    run: list[re.Match[str]] = []
    best: list[re.Match[str]] = []
    for match in pattern.finditer(text):
        label = label_key(match[1])
        first = label in ("A", "1")
        if run and len(run) < len(LETTERS) and label == _label(label_key(run[0][1]), len(run)):
            run.append(match)
        elif first:
            run = [match]
        if len(run) > 1:
            best = run
    return best


def _label(first: str, position: int) -> str:
    return str(position + 1) if first == "1" else LETTERS[position]


def _between(text: str, markers: list[re.Match[str]]) -> tuple[tuple[str, ...], str]:
    ends = [marker.start() for marker in markers[1:]]
    options = [text[marker.end() : end].strip(" \t\r\n,;") for marker, end in zip(markers, ends, strict=False)]
    last, _, tail = text[markers[-1].end() :].strip().partition("\n")
    return (*options, last.strip(" \t\r,;")), tail.strip()


def find_text(gold: str, choices: Sequence[str]) -> int | None:
    """The position of the choice that `gold` names by its text or its value ("60 degrees" for "60°"); else None."""
    texts = [squeeze(choice) for choice in choices]
    if squeeze(gold) in texts:
        return texts.index(squeeze(gold))
    return None if lone_letter(gold) else gold_index(gold, read_options(tuple(choices)))


def find_letter(gold: str, choices: Sequence[str]) -> int | None:
    """The position of the choice that `gold` names by its letter ("b", "(B)", "B."); else None."""
    letter = lone_letter(gold)
    position = LETTERS.find(letter) if letter else -1
    return position if 0 <= position < len(choices) else None


def _find_counting(start: int) -> Callable[[str, Sequence[str]], int | None]:
    def find(gold: str, choices: Sequence[str]) -> int | None:
        position = int(gold) - start if re.fullmatch(r"[0-9]{1,3}", gold) else -1
        return position if 0 <= position < len(choices) else None

    return find


find_index = _find_counting(0)
_READINGS = {"text": find_text, "letter": find_letter, "index": find_index, "number": _find_counting(1)}


class Gold(NamedTuple):
    """A gold and the choice it names.

    text      as the source gives it if the verifier accepts that as the right choice; else the choice's letter
    position  of the right choice; None without choices
    read_as   how `auto` read it, for `faults.mark_readings` to check against the other rows: "text" (or
              letter), "index", "either" (read as text, could be an index), "beyond" (an index off by one)
    """

    text: str
    position: int | None = None
    read_as: str | None = None


def read_gold(gold: str, choices: Sequence[str] | None, gold_is: str, labels: Sequence[str] = ()) -> Gold:
    """A gold's meaning among its choices, which may have labels other than A, B, ….

    Raises Unfit: gold_not_in_choices, ambiguous_gold.
    """
    if not choices or not gold:
        return Gold(gold)
    if gold_is != "auto":
        position = _READINGS[gold_is](gold, choices)
        several = find_several(gold, choices) if position is None and gold_is in ("letter", "text") else []
        return _together(several) if several else _named(gold, position, choices, None)
    named = {find(gold, choices) for find in (find_text, find_letter)} - {None}
    if (key := label_key(gold)) in labels:
        named.add(min(labels.index(key), len(choices)))
    if len(named) > 1:
        raise Unfit("ambiguous_gold", f"gold {gold[:80]!r} is the label of one choice and the text of another")
    position, index = next(iter(named), None), find_index(gold, choices)
    if position is not None:
        read_as = None if key in labels else "text" if index is None else "either" if index != position else None
        return _named(gold, position, choices, read_as)
    if index is None and gold == str(len(choices)):
        return Gold(gold, None, "beyond")
    if index is None and (several := find_several(gold, choices)):
        return _together(several)
    return _named(gold, index, choices, "index")


def _together(positions: Sequence[int]) -> Gold:
    return Gold(", ".join(LETTERS[at] for at in sorted(positions)))


def read_several(golds: Sequence[str], choices: Sequence[str], gold_is: str, labels: Sequence[str]) -> Gold:
    """The gold of a question of whose choices several are right, each named by a gold of its own."""
    found = [read_gold(gold, choices, gold_is, labels) for gold in golds]
    return _together([one.position for one in found if one.position is not None])


def find_several(gold: str, choices: Sequence[str]) -> list[int]:
    """The positions of the choices that a gold names together ("A, C", "ACD"); none unless there are two or more."""
    picked = pick(gold, read_options(tuple(choices)), by_value=False)[0]
    return sorted(picked) if picked and len(picked) > 1 else []


def _named(gold: str, position: int | None, choices: Sequence[str], read_as: str | None) -> Gold:
    if position is None or position >= len(choices):
        raise Unfit("gold_not_in_choices", f"gold {gold[:80]!r}, choices {' | '.join(choices)[:160]}")
    understood = gold_index(gold, read_options(tuple(choices))) == position
    return Gold(gold if understood else LETTERS[position], position, read_as)
