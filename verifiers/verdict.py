"""What every check returns, a frozen verdict that explains itself, and what a kind of answer is made of.

    Verdict(wrong, quantity, unit_conflict: '21 m' against '21 cm')

`outcome` is `correct`, `wrong` or `abstain`. A check abstains only where no rule can decide, such as a symbolic
comparison that ran out of time; an abstention is never worth a reward.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

VERSION = "3"
"""Changes with any change in behaviour; stamped on data, runs and reports."""

Outcome = Literal["correct", "wrong", "abstain"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision about one prediction.

    kind: the kind of gold that was compared (one of `kind_names()`, never "auto").
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

    def __repr__(self) -> str:
        left, right = (shorten(text) for text in (self.normalized_prediction, self.normalized_gold))
        return f"Verdict({self.outcome}, {self.kind}, {self.reason}: {left!r} against {right!r})"


class Finding(NamedTuple):
    """What the comparison of one kind says about two texts; `check.py` turns it into a `Verdict`.

    prediction, gold: the two forms that were compared, as people should see them.
    """

    outcome: Outcome
    reason: str
    prediction: str = ""
    gold: str = ""


def equal_or_not(equal: bool, prediction: str, gold: str, reason: str = "") -> Finding:
    """The finding of a comparison that could be decided."""
    if equal:
        return Finding("correct", reason or "equal", prediction, gold)
    return Finding("wrong", reason or "different", prediction, gold)


def _as_it_stands(prediction: str) -> str:
    return prediction


@dataclass(frozen=True)
class Kind:
    """A kind of answer: one row of the table (`table.py`), or of a package that adds one.

        ROMAN = Kind("roman", read_roman)          # read_roman("XIV") == 14, read_roman("ten") is None

    A package names the row in its entry points, group `ovt.kinds`; a module that can be imported adds it with
    `ovt.kind(ROMAN)`, or with `@ovt.kind` on the reader alone. `kind = "roman"` in a recipe reads every gold as one;
    `kind = "auto+roman"` tries it on golds that no kind of ours but text can read (so `I`, a letter, and `MIX`, a text,
    are a choice and a roman number there). Without its name it changes nothing: no verdict, no version, no identity.

    read      text -> what it says, None where the text is not of this kind. Gets any text, at most 2,000 characters
              and 60 brackets deep; says the same whenever and wherever it is asked.
    compare   (an answer, what `read` made of the gold) -> Finding, None where the answer is not of this kind. Left
              out, the answer is read, too, and the two are equal as Python has it. A gold is to be found equal to
              itself: `ovt curate lint` and imports refuse one that is not (`gold_not_accepted`), and one that `read`
              cannot read (`unparseable_gold`).
    respell   an answer -> how it is written for `compare`.
    settle    (a text, whether it is a statement of the answer) -> the one answer in it, "" where there is none. Left
              out, the statement, the last line, or what one sentence says of one thing.
    family    kinds of one family are one value each, and answers to one another (`1/2` to `0.5`); "" for the others.
    has_digits, takes_value   whether it is written with digits; whether `x = 5` is worth 5.

    Both run in worker processes under the limits of a verdict (0.7 s of CPU time, 4 GB), which import the row by name:
    nothing that a notebook or `__main__` defines. Where they raise, the verdict is an abstention, reason `error`.
    """

    name: str
    read: Callable[[str], Any]
    compare: Callable[[str, Any], Finding | None] | None = None
    respell: Callable[[str], str] = _as_it_stands
    settle: Callable[[str, bool], str] | None = None
    family: str = ""
    has_digits: bool = False
    takes_value: bool = True

    def check(self, prediction: str, value: Any) -> Finding | None:
        """`compare`, or the comparison that stands for it where it was left out."""
        if self.compare:
            return self.compare(prediction, value)
        read = self.read(prediction)
        return None if read is None else equal_or_not(read == value, str(read), str(value))


_UNDECIDED = {
    "timeout": "it takes longer than a verdict may",
    "worker_lost": "every process that was to judge it was lost",
    "error": "the rules failed on it",
    "too_long": "no response is that long",
}


def undecided(reason: str, kind: str, text: str, gold: str, detail: str = "") -> Verdict:
    """An abstention over a text on which no rule finished. kind: as asked for, where the gold's could not be told."""
    kind = "text" if kind.startswith("auto") else kind
    why = _UNDECIDED[reason] + (f" ({shorten(detail, 200)})" if detail else "")
    explained = f"{kind}: {shorten(text)!r} against {shorten(gold)!r}: {why}"
    return Verdict("abstain", kind, reason, shorten(text, 500), shorten(text, 500), shorten(gold, 500), explained)


def shorten(text: str, limit: int = 80) -> str:
    """The text, or its beginning and its length."""
    return text if len(text) <= limit else f"{text[: limit - 20]}… ({len(text)} characters)"
