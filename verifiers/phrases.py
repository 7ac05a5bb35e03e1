"""What words do to the answer beside them: the tables of phrases.toml, compiled.

STANCE finds what denies an answer or leaves it open, TURN where a clause ends and the next begins, COPULA what stands
before a value. Each row of phrases has a sentence in which it does so, and one in which it does not: the tests.
"""

import re
import tomllib
from collections import defaultdict
from pathlib import Path

TABLES = tomllib.loads(Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8"))
ADVERBS = frozenset(TABLES["words"]["adverbs"].split())
"""Words that say nothing about the value after them."""


def _spaced(phrase: str) -> str:
    """A phrase as a pattern: white space of any length, `…` for a few words."""
    gap = r"\s{1,9}(?:\S{1,30}\s{1,9}){0,8}?"
    return gap.join(r"\s{1,9}".join(map(re.escape, part.split())) for part in phrase.split("…"))


def _phrases(name: str) -> set[str]:
    return {phrase for row in TABLES[name] for phrase in row["phrases"].replace("\n", "").split("|")}


def _any(name: str) -> str:
    """A pattern of a table's phrases, longest first, by how they start; those in letters only match whole words."""
    by_start, others = defaultdict(list), []
    for phrase in sorted(_phrases(name), key=lambda phrase: (-len(phrase), phrase)):
        end = r"\b" if phrase[-1].isascii() and phrase[-1].isalpha() else ""
        if phrase[0].isalpha() and phrase[-1].isalpha() and phrase[0] < "\u0400" and phrase != "n't":
            by_start[phrase[0]].append(_spaced(phrase)[1:])
        elif phrase[0] == ",":
            by_start[","].append(_spaced(phrase)[1:] + end)
        elif phrase[0] == "(":
            others.append(rf"\(\s{{0,9}}{_spaced(phrase[1:])}(?=\s[^)])")
        else:
            others.append(_spaced(phrase) + end)
    behind_comma = by_start.pop(",", [])
    starts = [rf"{letter}(?:{'|'.join(rests)})" for letter, rests in by_start.items()]
    words = [rf"(?<![\w'])(?:{'|'.join(starts)})(?!\w)"] if starts else []
    return "|".join([*words, *([rf"\s{{0,9}},(?:{'|'.join(behind_comma)})"] if behind_comma else []), *others])


def _named(*names: str) -> str:
    return "|".join(f"(?P<{name}>{_any(name)})" for name in names)


def _begins(others: str, *names: str) -> str:
    """Tried first, as most places begin no phrase: one of the phrases' first characters, outside a word."""
    firsts = re.escape("".join(sorted({phrase[0] for name in names for phrase in _phrases(name)})))
    return rf"(?=[{firsts}]|{others})(?:(?<![\w'])|(?=[^A-Za-z])|(?=n't))"


_ANOTHER = (
    r"(?:,\s{0,9}|\s{1,9})(?:and|while)\s{1,9}(?=(?:the|its|their|his|her|it|they|this|that|there)\s{1,9}(?:[\w'-]{1,30}\s{1,9}){0,6}?"
    r"(?:is|are|was|were|has|have|equals)\b)|;\s|；"
)  # a clause about something else: `and the height is 5`
_COMMA, _COMMA_OR_AND = r"\s{1,9},", r"[,;；]|\s{1,9}(?:,|and|while)"
_STANCES, _TURNS = ("neutral", "given_up", "hedged", "denied"), ("none", "same", "so", "aside", "but")
STANCE = re.compile(rf"{_begins(_COMMA, *_STANCES)}(?:{_named(*_STANCES)})", re.IGNORECASE)
TURN = re.compile(rf"{_begins(_COMMA_OR_AND, *_TURNS)}(?:{_named(*_TURNS)}|(?P<and>{_ANOTHER}))", re.IGNORECASE)
COPULA = re.compile(
    rf"{_begins('[=:：]', 'copula')}(?:{_any('copula')}|(?<![<>=!≤≥])=(?!>)|(?<![\d:/])[:：](?![:/]))", re.IGNORECASE
)
_SHARP = rf"(?:{_any('either')}|[/|])"
EITHER_BEHIND = re.compile(rf"[\s,;，（($\\]{{0,9}}{_SHARP}", re.IGNORECASE)
EITHER_BEFORE = re.compile(rf"{_SHARP}[\s,$\\(]{{0,9}}$", re.IGNORECASE)
DENIED_BEHIND = re.compile(
    r"[\s$\\)]{0,9}(?:(?:is|are|was|were|can be|could be|seems)\s{1,3}(?:\w{1,20}ly\s{1,3})?"
    r"(?:wrong|incorrect|false|ruled out|excluded|eliminated|discarded|impossible|unlikely"
    r"|not\s{1,3}(?:correct|right|true|possible|the answer))\b"
    rf"|[\s,(]{{0,9}}(?:no|not|nope|wrong|incorrect|false)\W{{0,9}}$|~~|{_any('denied_behind')})",
    re.IGNORECASE,
)
BOUND = re.compile(rf"(?:{_any('bound')})[\s$\\(\[]{{0,9}}$", re.IGNORECASE)


def stances(text: str, start: int = 0) -> set[str | None]:
    """What a text does from `start` on to the answer in it: "denied", "hedged", "given_up"; "neutral" for none."""
    return {mark.lastgroup for mark in STANCE.finditer(text, start)}


def turns(text: str) -> set[str | None]:
    """The roles of the clauses that a text turns to: "so", "but", "aside" and so on."""
    return {turn.lastgroup for turn in TURN.finditer(text)}
