"""The rules: turn one prediction and one gold into a verdict. Runs in a worker process; `ask.py` is the entry point.

The gold is read first: its kind decides what counts as the same answer. Then the prediction is tried as is and,
if it is a sentence rather than a bare answer, through the one answer that the sentence settles on.
"""

import re

from ovt.verifiers.doubt import contradicts, doubt, offers
from ovt.verifiers.dressing import plain, undress
from ovt.verifiers.extract import afterwards, split_response, untagged_answer
from ovt.verifiers.guard import MAX_ANSWER_CHARS, MAX_GOLD_CHARS, refuse
from ovt.verifiers.kinds.choice import (
    Options,
    check_choice,
    check_several,
    gold_index,
    gold_letters,
    read_options,
)
from ovt.verifiers.kinds.text import normalize_text
from ovt.verifiers.sentence import settle
from ovt.verifiers.table import CHOICE, TABLE, Gold, check_gold, compare_texts, read_gold
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
    "not_yes_or_no": "the prediction is neither yes nor no",
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

_LABEL = re.compile(r"\s*A:\s+(\S.*)$")
_FORMS = re.compile(r",? or | \(|\)$")


def check_answer(
    prediction: str, gold: str, choices: tuple[str, ...] | None, kind: str, presume_wrong: bool = True
) -> Verdict:
    """Judge a bare answer, or a sentence that gives one; `ask.verify` documents the arguments."""

    def check(part: str) -> Verdict:
        return _check(part, gold, choices, kind)

    verdict = check(prediction)
    if verdict and not _is_same(prediction, gold):
        reason = doubt(prediction, verdict, (gold, *(choices or ())), check)
        if reason:
            return _verdict(verdict.extracted, gold, verdict.kind, Finding("wrong", reason))
    if (verdict.kind, verdict.reason) == ("text", "different") and not presume_wrong and not offers(prediction, check):
        normal = Finding("abstain", "texts_differ", verdict.normalized_prediction, verdict.normalized_gold)
        return _verdict(verdict.extracted, gold, "text", normal)
    return verdict


def _is_same(prediction: str, gold: str) -> bool:
    """Whether the prediction is the gold except for formatting."""
    short = len(prediction) <= MAX_ANSWER_CHARS
    return prediction.strip() == gold.strip() or (short and undress(prediction) == undress(gold))


def check_response(
    response: str, gold: str, choices: tuple[str, ...] | None, kind: str, presume_wrong: bool = True
) -> Verdict:
    """Judge a whole response: extract its answer (`extract.py`), then judge it. Nothing inside `<think>` counts."""
    parts = split_response(response)
    verdict = check_answer(parts.answer, gold, choices, kind, presume_wrong)
    if parts.answer:
        said = afterwards(response) if verdict else ""
        if said and contradicts(
            said, verdict.kind, (gold, *(choices or ())), lambda part: _check(part, gold, choices, kind)
        ):
            return _verdict(verdict.extracted, gold, verdict.kind, Finding("wrong", "answer_withdrawn"))
        return verdict
    return _verdict("", gold, verdict.kind, Finding("wrong", parts.problem or "no_answer"))


def _check(prediction: str, gold: str, choices: tuple[str, ...] | None, kind: str) -> Verdict:
    if not gold.strip():
        return _verdict(prediction, gold, "text", Finding("wrong", "empty_gold"))
    if max(len(gold), len(prediction)) > MAX_ANSWER_CHARS and prediction.strip() == gold.strip():
        return _verdict(prediction, gold, "text", Finding("correct", "identical"))
    if len(gold) > MAX_GOLD_CHARS:
        return _verdict(prediction, gold, "text", Finding("wrong", "different"))
    if choices and (kind == "choice" or kind.startswith("auto")):
        options = read_options(choices)
        index = gold_index(gold, options)
        if index is not None:
            return _check_choice(prediction, gold, index, options)
        if letters := gold_letters(gold, options):
            return _check_letters(prediction, gold, letters, options)
    return _check_kind(prediction, read_gold(gold, kind))


def _check_choice(prediction: str, gold: str, index: int, options: Options) -> Verdict:
    if not prediction.strip():
        return _verdict("", gold, "choice", Finding("wrong", "no_answer"))
    finding = check_choice(_whole(prediction), index, options, compare_texts)
    if finding.outcome != "correct" and finding.reason in ("no_such_option", "no_choice"):
        answer = settle(prediction, CHOICE.settle)
        if answer and answer != prediction:
            finding = check_choice(answer, index, options, compare_texts)
            return _verdict(answer, gold, "choice", finding)
    return _verdict(prediction, gold, "choice", finding)


def _check_letters(prediction: str, gold: str, letters: frozenset[int], options: Options) -> Verdict:
    answer = untagged_answer(_whole(prediction))[0]
    if not answer.strip():
        return _verdict("", gold, "choice", Finding("wrong", "no_answer"))
    return _verdict(answer, gold, "choice", check_several(answer, letters, options, compare_texts))


def _whole(prediction: str) -> str:
    """Skips the bare-answer attempt for a prediction that is too long to be one."""
    return prediction if len(prediction) <= MAX_ANSWER_CHARS else ""


def _check_kind(prediction: str, gold: Gold) -> Verdict:
    finding = check_gold(_whole(prediction), gold)
    if finding.outcome == "correct":
        return _verdict(prediction, gold.text, gold.name, finding)
    answer = _settled(prediction, gold)
    if answer != prediction:
        finding = check_gold(_whole(answer), gold)
    if finding.outcome == "wrong" and _says_it_twice(_statement(prediction), gold):
        finding = Finding("correct", "equal", finding.prediction, finding.gold)
    return _verdict(answer, gold.text, gold.name, finding)


def _settled(prediction: str, gold: Gold) -> str:
    """The one answer that a prediction settles on; for `A: 7`, what follows the A of "answer"."""
    label = _LABEL.match(prediction) if gold.kind.family else None
    if label and check_gold(_whole(label[1]), gold).outcome == "correct":
        return label[1]
    return settle(prediction, gold.kind.settle) or prediction


def _statement(prediction: str) -> str:
    return plain(untagged_answer(prediction)[0]) if len(prediction) <= MAX_ANSWER_CHARS else ""


def _says_it_twice(answer: str, gold: Gold) -> bool:
    """Whether an answer is the gold in two forms: `1/4, or 25%`, `0.25 (25%)`. Every form must be correct."""
    if not gold.kind.family:
        return False
    forms = [form for form in _FORMS.split(answer) if form.strip()]
    return len(forms) == 2 and all(check_gold(form, gold).outcome == "correct" for form in forms)


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
    if choices and (kind == "choice" or kind.startswith("auto")):
        options = read_options(choices)
        index = gold_index(gold, options)
        text = normalize_text(gold) if index is None else options.normal[index]
        if text and options.normal.count(text) > 1:
            return "duplicate_choices"
        if index is None and not gold_letters(gold, options):
            return "gold_not_in_choices"
    verdict = check_answer(gold, gold, choices, kind)
    if not kind.startswith("auto") and kind != verdict.kind:
        return "unparseable_gold"
    return None if verdict and _equals_itself(read_gold(gold, kind)) else "gold_not_accepted"


def _equals_itself(gold: Gold) -> bool:
    """Whether a plugin's kind finds a gold equal to itself; identical text is correct before the kind is asked."""
    finding = None if gold.kind in TABLE else gold.kind.check(gold.text, gold.value)
    return gold.kind in TABLE or (finding is not None and finding.outcome == "correct")
