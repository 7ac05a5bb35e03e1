"""Golds that no answer can match, found before a model is asked: one note for a source, one finding per question.

gold_is_number   "Is the bar red?", gold 1      -> gold_map = {0 = "No", 1 = "Yes"}
gold_is_boolean  "Is the bar red?", gold true   -> gold_map = {true = "Yes", false = "No"}
gold_is_letter   gold B of a question without options
gold_is_chain    <REASONING> … </REASONING> <CONCLUSION> B </CONCLUSION>, as it is
"""

import re
from collections.abc import Callable
from typing import Any

import polars as pl

from ovt.core.section import to_toml
from ovt.verifiers import split_golds

LONG = 60  # words; the longest golds of real data sets that answers match have about forty

_YES_NO = re.compile(
    r"(?:[^.?!]*[,.:]\s+)?(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|am)(?:n't)?\s[^?]*\?",
    re.IGNORECASE,
)
_OFFERS = re.compile(r"\bor\b", re.IGNORECASE)
_TAGGED = re.compile(r"<([A-Za-z_]{3,20})>[^<]*</\1>")
_LEADS = (
    (re.compile(r"####\s*\S+\s*$"), r"####\s*(.+)"),
    (re.compile(r"(?i)\bfinal answer\W+\S[^\n]{0,80}$"), r"(?i)final answer\W+([^\n]+)"),
    (re.compile(r"(?i)\b(?:the )?answer (?:is|:)\s*\S[^\n]{0,80}$"), r"(?i)answer is:?\s*([^\n]+?)\.?$"),
    (re.compile(r"(?i)\banswer:\s*\S[^\n]{0,80}$"), r"(?i)answer:\s*([^\n]+)"),
)


def suspects(questions: pl.DataFrame) -> pl.DataFrame:
    """question_id, rule and detail of each question whose gold cannot be meant literally."""
    rows = [
        (question_id, rule, f"gold {gold[:60]!r}; {advice(rule, gold)}")
        for question_id, question, gold in questions.filter(_MAY_BREAK).select(_COLUMNS).iter_rows()
        if (rule := rule_of(question, gold, options=False))
    ]
    return pl.DataFrame(rows, {"question_id": pl.String, "rule": pl.String, "detail": pl.String}, orient="row")


_COLUMNS = ("question_id", "question", "gold")
# True of every gold that breaks a rule; nearly all others are skipped in bulk.
_MAY_BREAK = (pl.col("choices").list.len().fill_null(0) == 0) & (
    pl.col("gold").str.contains(r"(?i)^(0|1|true|false|\(?[a-h]\)?[.:]?)$")
    | pl.col("gold").str.contains("[<|]")
    | (pl.col("gold").str.len_chars() > 2 * LONG)
)


def rule_of(question: str, gold: str, options: bool) -> str | None:
    """The first rule that a question's gold breaks."""
    if options:
        return None
    golds = split_golds(gold)
    return next((name for name, breaks in RULES.items() if all(breaks(question, one) for one in golds)), None)


def _asks_yes_no(question: str) -> bool:
    last = question.strip().splitlines()[-1] if question.strip() else ""
    return len(question) < 2_000 and _YES_NO.fullmatch(last.strip()) is not None and not _OFFERS.search(last)


def _is_number(question: str, gold: str) -> bool:
    return gold in ("0", "1") and _asks_yes_no(question)


def _is_boolean(question: str, gold: str) -> bool:
    return gold.casefold() in ("true", "false") and _asks_yes_no(question)


def _is_letter(question: str, gold: str) -> bool:
    return re.fullmatch(r"\(?[A-H]\)?[.:]?", gold) is not None and "letter" not in question.casefold()


def _is_chain(question: str, gold: str) -> bool:
    thought = "</think>" in gold.casefold()
    return thought or len(gold.split()) > LONG or len(_TAGGED.findall(gold[:20_000])) > 1


_MEANT = {"gold_is_number": {"0": "No", "1": "Yes"}, "gold_is_boolean": {"true": "Yes", "false": "No"}}
RULES: dict[str, Callable[[str, str], bool]] = {
    "gold_is_number": _is_number,
    "gold_is_boolean": _is_boolean,
    "gold_is_letter": _is_letter,
    "gold_is_chain": _is_chain,
}


def advice(rule: str, gold: str) -> str:
    """What to write in the recipe."""
    lines = [f"{key} = {to_toml(value)}" for key, value in settings_for(rule, gold).items()]
    return lines[0] if lines else "name the columns of its options in columns.choices"


def settings_for(rule: str, gold: str) -> dict[str, Any]:
    """The setting of [[sources]] that helps golds such as this one; none where options are missing."""
    if rule in _MEANT:
        return {"gold_map": _MEANT[rule]}
    return {"gold_pattern": pattern_for(gold)} if rule == "gold_is_chain" else {}


def pattern_for(gold: str) -> str:
    """A gold_pattern for the answer at the end of a chain."""
    if tags := [tag for tag in _TAGGED.findall(gold[-20_000:]) if tag.casefold() != "think"]:
        return f"<{tags[-1]}>(?s:(.*?))</{tags[-1]}>"
    return next((pattern for seen, pattern in _LEADS if seen.search(gold[-2_000:])), "The answer is ([^.]+)")


def notes_on_golds(rows: pl.DataFrame, source: str) -> tuple[str, ...]:
    """A line for each rule that the fit ROWS of a source break."""
    fit = rows.filter(pl.col("reason").is_null())
    found = suspects(fit).group_by("rule", maintain_order=True).agg(pl.len(), pl.col("detail").first())
    return tuple(
        f"source {source}: {count:,} of {len(fit):,} golds can hardly be matched ({rule}): {detail}"
        for rule, count, detail in found.iter_rows()
    )
