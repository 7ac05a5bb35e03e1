"""A verdict on one prediction and one gold. Runs in a worker process; `ask.py` is the entry point.

response -> span (`response.py`) -> claims (`claims.py`) -> value (`values.py`) -> compared (`compare.py`)
"""

from functools import lru_cache

from ovt.verifiers.guard import MAX_ANSWER_CHARS, MAX_GOLD_CHARS, refuse
from ovt.verifiers.kinds.text import normalize_text
from ovt.verifiers.options import Options, pick, read_options
from ovt.verifiers.phrases import stances
from ovt.verifiers.reading import Reading, judge, read_text
from ovt.verifiers.response import find_untagged
from ovt.verifiers.values import LIST, NUMBER, QUANTITY, RATIO, TABLE, TEXT, Value, find, read_value
from ovt.verifiers.verdict import Finding, Verdict, shorten

_REASONS = {
    "equal": "the prediction and the gold are equal",
    "identical": "the prediction is the gold, letter for letter",
    "same_choice": "both name the same option",
    "different": "the prediction and the gold differ",
    "other_choice": "the prediction names another option",
    "no_answer": "there is no answer to judge",
    "no_choice": "the prediction names no option",
    "no_such_option": "the prediction is none of the options",
    "several_choices": "the prediction names more than one option",
    "several_answers": "the prediction gives more than one answer",
    "answer_withdrawn": "the prediction takes its answer back and gives no other",
    "ambiguous_option": "the prediction fits more than one option",
    "letter_and_text_differ": "the prediction's letter and text are different options",
    "hedged": "the prediction has it both ways",
    "unit_conflict": "the units differ",
    "other_name": "the same value is given to another name",
    "different_length": "one has more members than the other",
    "other_brackets": "the brackets mean something else",
    "other_ends": "an end is open in one and closed in the other",
    "unclosed_answer": "the answer tag is never closed: the response was cut off",
    "unclosed_thinking": "the thinking is never closed: the response was cut off",
    "empty_gold": "the gold is empty",
    "too_long": "the text is longer than any answer",
    "too_nested": "the text is nested deeper than any answer",
    "unparseable": "the prediction cannot be read as this kind of answer",
    "undecided": "no rule could decide",
    "texts_differ": "the texts differ, and no rule can say whether they mean the same",
}


def check(
    prediction: str, gold: str, choices: tuple[str, ...] | None, kind: str, presume_wrong: bool = True
) -> Verdict:
    """Judge a response or a bare answer; `ask.verify` documents the arguments."""
    if not gold.strip():
        return _verdict(prediction, gold, "text", Finding("wrong", "empty_gold"))
    if max(len(gold), len(prediction)) > MAX_ANSWER_CHARS and prediction.strip() == gold.strip():
        return _verdict(prediction, gold, "text", Finding("correct", "identical"))
    if len(gold) > MAX_GOLD_CHARS:
        return _verdict(prediction, gold, "text", Finding("wrong", "different"))
    options = _options(choices, kind)
    wanted = read_gold(gold, options, kind)
    reading = read_text(prediction, options if wanted.picked else None, kind)
    finding = judge(reading, wanted, kind)
    name = name_of(wanted)
    if not presume_wrong and name == "text" and finding.reason == "different" and not _is_settled(reading):
        finding = Finding("abstain", "texts_differ", finding.prediction, finding.gold)
    return _verdict(reading.text, gold, name, finding)


def _options(choices: tuple[str, ...] | None, kind: str) -> Options | None:
    """The options, if the requested kind leaves it to the gold whether it is one of them."""
    return read_options(choices) if choices and kind.partition("+")[0] in ("auto", "choice") else None


def _is_settled(reading: Reading) -> bool:
    """Whether an answer is wrong however its words are meant: it asserts nothing, denies, or has it both ways."""
    value = reading.value
    denied = "denied" in stances(reading.text[:200])
    return bool(reading.problem) or denied or (value is not None and value.kind is LIST and value.data.alternatives)


@lru_cache(maxsize=8192)
def read_gold(gold: str, options: Options | None, kind: str) -> Reading:
    """A gold's reading; a gold asserts what it says, however it is worded."""
    inner = find_untagged(gold).answer or gold if "\\boxed" in gold else gold
    picked = pick(inner, options, by_value=False) if options else None
    reading = read_text(gold, None, kind)
    if reading.value is None:
        value = read_value(inner, kind)
        reading = Reading(inner, value, Value(TEXT, inner, inner))
    return reading._replace(picked=picked if picked and picked[0] else None)


def name_of(reading: Reading) -> str:
    """The kind of a gold, as verdicts name it."""
    return "choice" if reading.picked else (reading.value or reading.words).name


def _verdict(extracted: str, gold: str, kind: str, finding: Finding) -> Verdict:
    left, right = finding.prediction or extracted, finding.gold or gold
    why = _REASONS.get(finding.reason, finding.reason.replace("_", " "))
    explained = f"{kind}: {shorten(left)!r} against {shorten(right)!r}: {why}"
    return Verdict(
        outcome=finding.outcome,
        kind=kind,
        reason=finding.reason,
        extracted=shorten(extracted, 500),
        normalized_prediction=shorten(left, 500),
        normalized_gold=shorten(right, 500),
        explanation=explained,
    )


def lint(gold: str, choices: tuple[str, ...] | None, kind: str) -> str | None:
    """Why a gold cannot be used (a reason code), or None if it can."""
    gold = gold.strip()
    if not gold:
        return "empty_gold"
    if len(gold) > MAX_GOLD_CHARS:
        return "gold_too_long"
    if refuse(gold):
        return "gold_too_nested"
    options = _options(choices, kind)
    reading = read_gold(gold, options, kind)
    if options:
        index = next(iter(reading.picked[0])) if reading.picked and reading.picked[0] else None
        text = normalize_text(gold) if index is None else options.normal[index]
        if text and options.normal.count(text) > 1:
            return "duplicate_choices"
        if index is None:
            return "gold_not_in_choices"
    asked = kind.partition("+")[0]
    if not (options or asked == "auto" or _is_of(asked, reading)):
        return "unparseable_gold"
    return None if check(gold, gold, choices, kind) and _equals_itself(reading.value) else "gold_not_accepted"


_HOLDS = {QUANTITY: NUMBER, RATIO: NUMBER}
"""A number is a quantity without a unit, and a fraction or a whole number a ratio."""


def _is_of(asked: str, gold: Reading) -> bool:
    """Whether a gold is of the requested kind; a list, a set and a tuple are one kind."""
    kind, found = find(asked), (gold.value or gold.words).kind
    return found in (kind, _HOLDS.get(kind))


def _equals_itself(value: Value | None) -> bool:
    """Whether a plugin's kind finds a gold equal to itself; identical text is correct before the kind is asked."""
    return value is None or value.kind in TABLE or value.kind.judge(value.data, value.data).outcome == "correct"
