"""Which kind a gold is, and the check that goes with it. The order of `_READERS` is the order in which kinds are tried."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

from ovt.verifiers.choice import check_letter, lone_letter
from ovt.verifiers.dressing import undress
from ovt.verifiers.number import check_number, read_number
from ovt.verifiers.text import check_text
from ovt.verifiers.verdict import Finding
from ovt.verifiers.yes_no import check_yes_no, read_yes_no


class Gold(NamedTuple):
    """A gold as its kind reads it; `parsed` is what that kind's check wants."""

    kind: str
    text: str
    parsed: Any


_READERS: dict[str, tuple[Callable[[str], Any], Callable[[str, Any], Finding | None]]] = {
    "choice": (lone_letter, check_letter),
    "yes_no": (read_yes_no, check_yes_no),
    "number": (read_number, check_number),
    "text": (lambda text: text, check_text),
}


@lru_cache(maxsize=8192)
def read_gold(gold: str, kind: str = "auto") -> Gold:
    """The gold's kind and what that kind reads in it; free text where no other kind can read it."""
    for name in _READERS if kind == "auto" else (kind, "text"):
        parsed = _READERS[name][0](gold) if name in _READERS else None
        if parsed is not None:
            return Gold(name, gold, parsed)
    return Gold("text", gold, gold)


def check_gold(prediction: str, gold: Gold) -> Finding:
    """Compare a bare answer with a gold that was read."""
    if not prediction.strip():
        return Finding("wrong", "no_answer", "", gold.text)
    if undress(prediction) == undress(gold.text):
        return Finding("correct", "identical", undress(prediction), undress(gold.text))
    finding = _READERS[gold.kind][1](prediction, gold.parsed)
    return finding or Finding("wrong", "unparseable", undress(prediction), undress(gold.text))
