"""Which of a question's choices a gold names: by letter, by text, by index, by a label of its own; or several.

"B", "(b)", "4", "the second" of ("3", "4")   ->   position 1
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ovt.curate.sources.cells import squeeze
from ovt.curate.sources.faults import Unfit
from ovt.verifiers import join_golds
from ovt.verifiers.kinds.letter import lone_letter
from ovt.verifiers.options import gold_index, pick, read_options

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SEPARATOR = ", "  # of the letters of choices that are right together


def label_key(text: str) -> str:
    """A label without its dressing: "①", "(1)", "1." and "１" are "1"; "（b）" is "B"."""
    return unicodedata.normalize("NFKC", text).strip(" \t\n()[]{}.:、。").upper()


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
    new       whether older versions of ovt read it otherwise
    """

    text: str
    position: int | None = None
    read_as: str | None = None
    new: bool = False


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


def _together(positions: Iterable[int]) -> Gold:
    return Gold(_SEPARATOR.join(LETTERS[at] for at in sorted(positions)))


def read_all(golds: Sequence[str], choices: Sequence[str], gold_is: str, labels: Sequence[str]) -> Gold:
    """The gold of a question with several right choices, each named by its own gold, or several by one."""
    found = [read_gold(gold, choices, gold_is, labels) for gold in golds]
    read_as = _read_as(found)
    if read_as == "beyond":
        return Gold(_SEPARATOR.join(golds), None, read_as, new=True)
    alone = [one.position for one in found if one.position is not None]
    combined = [LETTERS.index(one) for gold in found if gold.position is None for one in gold.text.split(_SEPARATOR)]
    positions = {*alone, *combined}
    return _together(positions)._replace(read_as=read_as, new=len(positions) != len(alone))


def read_any(golds: Sequence[str], choices: Sequence[str] | None, gold_is: str, labels: Sequence[str]) -> Gold:
    """The gold of a question with several golds, each of which is right."""
    found = [read_gold(gold, choices, gold_is, labels) for gold in golds]
    read_as = _read_as(found)
    return Gold(join_golds(one.text for one in found), None, read_as, new=read_as == "beyond")


def _read_as(golds: Sequence[Gold]) -> str | None:
    """How golds of one question were read: in the most doubtful way of any."""
    return next(
        (way for way in ("beyond", "index", "either", "text") if any(one.read_as == way for one in golds)), None
    )


def find_several(gold: str, choices: Sequence[str]) -> list[int]:
    """The positions of the choices that a gold names together ("A, C", "ACD"); none unless there are two or more."""
    picked = pick(gold, read_options(tuple(choices)), by_value=False)[0]
    return sorted(picked) if picked and len(picked) > 1 else []


def _named(gold: str, position: int | None, choices: Sequence[str], read_as: str | None) -> Gold:
    if position is None or position >= len(choices):
        raise Unfit("gold_not_in_choices", f"gold {gold[:80]!r}, choices {' | '.join(choices)[:160]}")
    understood = gold_index(gold, read_options(tuple(choices))) == position
    return Gold(gold if understood else LETTERS[position], position, read_as)
