"""Options and golds, in the formats that sources use.

    ["3", "4"]   "['3', '4']"   {"A": "3", "B": "4"}   "A. 3\\nB. 4"   "How many? (A) 3 (B) 4"   ->  ("3", "4")
    gold 1 (index)   "B"   "(B)"   "4"   "B. 4"                                                 ->  the second

Data set texts are untrusted: they are parsed as literals, never evaluated.
"""

import ast
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ovt.curate.sources.cells import plain_text, squeeze
from ovt.curate.sources.faults import Unfit
from ovt.verifiers.kinds.letter import lone_letter
from ovt.verifiers.options import gold_index, read_options

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_LITERAL = 20_000  # characters; longer texts are not parsed as a list

_PARENTHESISED = re.compile(r"\(([A-Za-z])\)")
_LINE_START = re.compile(r"^[ \t]*([A-Za-z])[.):](?=\s)", re.MULTILINE)
_INLINE = re.compile(r"(?<![^\s:?;,])([A-Z])[.)](?=\s)")
_HEADER = re.compile(r"\s*\b(?:answer )?(?:choices|options)\s*(?:are)?\s*:?\s*$", re.IGNORECASE)
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
    texts = [plain_text(option) for option in found]
    if len(texts) < 2 or len(texts) > len(LETTERS) or not all(texts):
        raise Unfit("unparseable_choices", f"{len(texts)} options in {str(cell)[:80]!r}")
    return strip_letters([text for text in texts if text])


def _is_blank(option: Any) -> bool:
    return option is None or (isinstance(option, str | float) and plain_text(option) is None)


def _options(cell: Any) -> list[Any] | None:
    if isinstance(cell, str):
        return _options_in_text(cell.strip())
    if isinstance(cell, dict):
        if isinstance(cell.get("text"), list):  # {"label": ["A", …], "text": […]}
            return cell["text"]
        return [cell[key] for key in sorted(cell, key=lambda key: (len(str(key)), str(key)))]
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
    if split := _split(text, need_head=False):
        return list(split[1])
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) > 1:
        return lines
    raise Unfit("unparseable_choices", f"found {text[:80]!r}")


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


def split_question(question: str, gold: str | None) -> tuple[str, tuple[str, ...] | None]:
    """(question, choices) of a text that may hold lettered options, given its gold.

    It is split only if the gold is a letter or one of the options; text after the last option stays with the
    question. Otherwise the text is returned unchanged, with None.
    """
    split = _split(question, need_head=True)
    if not split or gold is None:
        return question, None
    head, choices = split
    if lone_letter(gold) or find_text(gold, choices) is not None:
        return head, choices
    return question, None


def _split(text: str, need_head: bool) -> tuple[str, tuple[str, ...]] | None:
    for pattern, accepts in (
        (_PARENTHESISED, _follows_a_stop),
        (_LINE_START, lambda head, line_start: True),
        (_INLINE, _follows_a_stop),
    ):
        markers = _lettered(text, pattern)
        if len(markers) < 2:
            continue
        head, at = text[: markers[0].start()], markers[0].start()
        if not accepts(head.rstrip(), at == 0 or text[:at].rstrip(" \t").endswith("\n")):
            continue
        head = _without_header(head.strip())
        options, tail = _between(text, markers)
        if all(options) and not {"and", "or"} & {option.casefold() for option in options} and (head or not need_head):
            return "\n".join(part for part in (head, tail) if part), options
    return None


def _without_header(head: str) -> str:
    return head[:-60] + _HEADER.sub("", head[-60:])


def _follows_a_stop(head: str, line_start: bool) -> bool:
    """Options on one line begin after a sentence; "points (A) and (B)" does not."""
    return line_start or not head or head[-1] in "?:.!;" or head != _without_header(head)


def _lettered(text: str, pattern: re.Pattern[str]) -> list[re.Match[str]]:
    """The last run of markers A, B, C, … in `text`."""
    run: list[re.Match[str]] = []
    best: list[re.Match[str]] = []
    for match in pattern.finditer(text):
        letter = match[1].upper()
        if len(run) < len(LETTERS) and letter == LETTERS[len(run)]:
            run.append(match)
        elif letter == "A":
            run = [match]
        if len(run) > 1:
            best = run
    return best


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


def read_gold(gold: str, choices: Sequence[str] | None, gold_is: str) -> Gold:
    """A gold's meaning among its choices. Raises Unfit: gold_not_in_choices, ambiguous_gold."""
    if not choices or not gold:
        return Gold(gold)
    if gold_is != "auto":
        return _named(gold, _READINGS[gold_is](gold, choices), choices, None)
    named = {find(gold, choices) for find in (find_text, find_letter)} - {None}
    if len(named) > 1:
        raise Unfit("ambiguous_gold", f"gold {gold[:80]!r} is the letter of one choice and the text of another")
    position, index = next(iter(named), None), find_index(gold, choices)
    if position is not None:
        return _named(gold, position, choices, "text" if index is None else "either" if index != position else None)
    if index is None and gold == str(len(choices)):
        return Gold(gold, None, "beyond")
    return _named(gold, index, choices, "index")


def _named(gold: str, position: int | None, choices: Sequence[str], read_as: str | None) -> Gold:
    if position is None:
        raise Unfit("gold_not_in_choices", f"gold {gold[:80]!r}, choices {' | '.join(choices)[:160]}")
    understood = gold_index(gold, read_options(tuple(choices))) == position
    return Gold(gold if understood else LETTERS[position], position, read_as)
