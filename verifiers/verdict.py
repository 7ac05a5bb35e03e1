"""The result of every check: a frozen verdict that explains itself; and the definition of a kind of answer.

    Verdict(wrong, quantity, unit_conflict: '21 m' against '21 cm')

`outcome` is `correct`, `wrong` or `abstain`. A check abstains only if no rule can decide, such as a symbolic
comparison that ran out of time; an abstention never earns a reward.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

VERSION = "5"
"""Changes with any change in behaviour; stamped on data, runs and reports."""

Outcome = Literal["correct", "wrong", "abstain"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision about one prediction.

    kind: the kind of gold that was compared (one of `kind_names()`, never "auto").
    reason: a short snake_case code, such as `equal`, `different`, `unit_conflict`, `no_answer`, `timeout`.
    extracted: the part of the prediction that was judged ("" if there was none).
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

    def __repr__(self) -> str:
        left, right = (shorten(text) for text in (self.normalized_prediction, self.normalized_gold))
        return f"Verdict({self.outcome}, {self.kind}, {self.reason}: {left!r} against {right!r})"


class Finding(NamedTuple):
    """The result of comparing two values; `check.py` turns it into a `Verdict`.

    prediction, gold: the two forms that were compared, for display.
    """

    outcome: Outcome
    reason: str
    prediction: str = ""
    gold: str = ""


def equal_or_not(equal: bool, prediction: str, gold: str, reason: str = "") -> Finding:
    """The finding of a comparison with a definite result."""
    if equal:
        return Finding("correct", reason or "equal", prediction, gold)
    return Finding("wrong", reason or "different", prediction, gold)


@dataclass(frozen=True, eq=False)
class Kind:
    """A kind of answer: one row of the table (`values.py`), or a plugin's: a recogniser and a comparison.

        ROMAN = Kind("roman", read_roman)          # read_roman("XIV") == 14, read_roman("ten") is None

    A package lists it in its entry points, group `ovt.kinds`; an importable module adds it with
    `ovt.kind(ROMAN)`, or with `@ovt.kind` on the reader alone. `kind = "roman"` in a recipe tries it before every
    other kind, on answers and golds alike; `kind = "auto+roman"` tries it on what only our text kind can read (so `I`,
    a letter, and `MIX`, a text, are a choice and a roman number there). Without its name it changes nothing: no
    verdict, no version, no identity.

    read      text -> the parsed value, None if the text is not of this kind. Gets whole answers and parts of sentences,
              at most 2,000 characters and 60 brackets deep; must be deterministic, and must not find its answers in
              prose: what surrounds an answer is stripped beforehand.
    compare   (the answer's value, the gold's value) -> Finding. If omitted, the two are compared with Python's ==. A
              gold must equal itself: `ovt data lint` reports one that does not (`gold_not_accepted`), and one that
              `read` cannot read (`unparseable_gold`), which a build compares as text.

    Both run in worker processes under a verdict's limits (0.7 s of CPU time, 4 GB), which import it by name,
    so it cannot be defined in a notebook or `__main__`. If they raise, the verdict is an abstention, reason `error`;
    the lint reports such a gold as `gold_not_accepted`.
    """

    name: str
    read: Callable[[str], Any]
    compare: Callable[[Any, Any], Finding] | None = None

    def judge(self, answer: Any, gold: Any) -> Finding:
        """`compare`, or the default comparison if it was omitted."""
        return self.compare(answer, gold) if self.compare else equal_or_not(answer == gold, str(answer), str(gold))


_UNDECIDED = {
    "timeout": "it takes longer than a verdict may",
    "worker_lost": "every process that was to judge it was lost",
    "error": "the rules failed on it",
    "too_long": "no response is that long",
}


def undecided(reason: str, kind: str, text: str, gold: str, detail: str = "") -> Verdict:
    """An abstention on a text for which no rule finished. kind: as requested, if the gold's could not be determined."""
    kind = "text" if kind.startswith("auto") else kind
    why = _UNDECIDED[reason] + (f" ({shorten(detail, 200)})" if detail else "")
    explained = f"{kind}: {shorten(text)!r} against {shorten(gold)!r}: {why}"
    return Verdict("abstain", kind, reason, shorten(text, 500), shorten(text, 500), shorten(gold, 500), explained)


def shorten(text: str, limit: int = 80) -> str:
    """The text, or its beginning and its length."""
    return text if len(text) <= limit else f"{text[: limit - 20]}… ({len(text)} characters)"
