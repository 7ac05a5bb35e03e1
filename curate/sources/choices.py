"""The options of a cell, in the formats that sources use.

    ["3", "4"]   "['3', '4']"   {"A": "3", "B": "4"}   "A. 3\\nB. 4"   "3; 4"   ->  ("3", "4")

Data set texts are untrusted: they are parsed as literals, never evaluated.
"""

import ast
import json
import re
from collections.abc import Sequence
from itertools import product
from typing import Any

from PIL import Image

from ovt.core.images import names_image
from ovt.curate.sources.cells import plain_text
from ovt.curate.sources.dressings import first_split
from ovt.curate.sources.faults import Unfit
from ovt.curate.sources.named_choice import LETTERS, label_key

MAX_LITERAL = 20_000  # characters; longer texts are not parsed as a list
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
    if split := first_split(text, new=False):
        return list(split.choices or ())
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        return lines
    if (split := first_split(text, new=True)) and not split.question:
        return list(split.choices or ())
    for separator in ("|||", "||", "|", ";"):
        if len(parts := text.split(separator)) > 1 and all(map(str.strip, parts)):
            return parts
    raise Unfit("unparseable_choices", f"found {text[:80]!r}")


_QUOTED = re.compile(r"""'[^'\\]*'|"[^"\\]*\"""")
_NUMPY = re.compile(rf"\[\s*(?:{_QUOTED.pattern})(?:\s+(?:{_QUOTED.pattern}))*\s*\]")  # ['cat' 'dog'], as numpy prints


# Backslashes that neither JSON nor Python wrote: \q is no escape, and \beta would hardly be one. A tab may come before
# "an apple" or "external", so not every \tan and \text is a command.
_COMMAND = re.compile(
    r"(?<!\\)\\(?:[c-eg-mo-qswyzA-MO-TV-Z]|x(?![0-9A-Fa-f]{2})|u(?![0-9A-Fa-f]{4})|(?:a(?:lpha|ngle|pprox|rc[a-z]+|st)"
    r"|b(?:eta|ar|ecause|egin|ig[a-z]*|inom|old[a-z]+|ot|oxed|ullet)|f(?:box|lat|orall|rac)|n(?:abla|eq|ot|otin)"
    r"|r(?:ho|ight[a-z]*|oot)|t(?:frac|herefore|heta|ilde|imes|riangle[a-z]*|(?:an|au|op)(?!\s*[a-z]{2}))"
    r"|text[a-z]{0,6}(?=\s*\{)|v(?:arphi|artheta|dots|ec|ee|ert))(?![a-z]))"
)
_BACKSLASH = re.compile(r"(?<!\\)\\(?=[A-Za-z])")
_ESCAPE = re.compile(r"(?<!\\)\\[abfnrtuvxNU]")


def _with_backslashes(text: str) -> str:
    r"""A list whose writer left backslashes as they are ("['\frac{1}{2}', '\theta']"), with each of them doubled."""
    return _BACKSLASH.sub(r"\\\\", text) if "\\" in text and _COMMAND.search(text) else text


def lost_backslashes(cell: Any) -> bool:
    """Whether older versions of ovt took backslashes in a cell for escapes."""
    if not isinstance(cell, str) or len(cell) > MAX_LITERAL or not _ESCAPE.search(cell):
        return False
    text = cell.strip()
    return _with_backslashes(text) != text and parse_literal(text) is not None


def parse_literal(text: str) -> Any:
    """A JSON or Python literal, else None. Adjacent strings ("['a' 'b']", as numpy prints) are not one literal."""
    return None if len(text) > MAX_LITERAL else _parse(_with_backslashes(text))


def _parse(text: str) -> Any:
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
