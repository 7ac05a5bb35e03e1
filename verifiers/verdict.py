"""What every check returns: a frozen verdict that explains itself.

    Verdict(outcome="wrong", kind="quantity", reason="unit_conflict", extracted="21 m", ...)

`outcome` is `correct`, `wrong` or `abstain`. A check abstains only where no rule can decide, such as a symbolic
comparison that ran out of time; an abstention is never worth a reward.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

VERSION = "3"
"""Changes with any change in behaviour; stamped on data, runs and reports."""

Outcome = Literal["correct", "wrong", "abstain"]

KINDS = (
    "auto",
    "choice",
    "yes_no",
    "number",
    "quantity",
    "ratio",
    "time",
    "date",
    "range",
    "list",
    "set",
    "tuple",
    "interval",
    "matrix",
    "inequality",
    "equation",
    "expression",
    "text",
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision about one prediction.

    kind: the kind of gold that was compared (one of `KINDS`, never "auto").
    reason: a short snake_case code, such as `equal`, `different`, `unit_conflict`, `no_answer`, `timeout`.
    extracted: the part of the prediction that was judged ("" where there was none).
    normalized_prediction, normalized_gold: the two forms that were compared.
    """

    outcome: Outcome
    kind: str
    reason: str
    extracted: str = ""
    normalized_prediction: str = ""
    normalized_gold: str = ""
    explanation: str = ""

    def __bool__(self) -> bool:
        """True only for a correct answer: an abstention earns nothing."""
        return self.outcome == "correct"


class Finding(NamedTuple):
    """What the check of one kind says about two texts; `check.py` turns it into a `Verdict`."""

    outcome: Outcome
    reason: str
    prediction: str = ""
    gold: str = ""


def equal_or_not(equal: bool, prediction: str, gold: str, reason: str = "") -> Finding:
    """The finding of a comparison that could be decided."""
    if equal:
        return Finding("correct", reason or "equal", prediction, gold)
    return Finding("wrong", reason or "different", prediction, gold)


_UNDECIDED = {
    "timeout": "it takes longer than a verdict may",
    "worker_lost": "every process that was to judge it was lost",
    "error": "the rules failed on it",
    "too_long": "no response is that long",
}


def undecided(reason: str, kind: str, text: str, gold: str, detail: str = "") -> Verdict:
    """An abstention over a text on which no rule came to an end. kind: "auto" where the gold's could not be told."""
    kind = "text" if kind == "auto" else kind
    why = _UNDECIDED[reason] + (f" ({shorten(detail, 200)})" if detail else "")
    explained = f"{kind}: {shorten(text)!r} against {shorten(gold)!r}: {why}"
    return Verdict("abstain", kind, reason, shorten(text, 500), shorten(text, 500), shorten(gold, 500), explained)


def shorten(text: str, limit: int = 80) -> str:
    """The text, or its beginning and its length."""
    return text if len(text) <= limit else f"{text[: limit - 20]}… ({len(text)} characters)"
