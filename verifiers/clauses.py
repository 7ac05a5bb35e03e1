"""What one sentence claims: in each of its clauses what the grammar reads as a value, up to where an adjunct begins.

"The radius is 5, so the diameter is 10"     claims 10: a conclusion replaces what led to it, asides claim nothing
"There are 6 more than 4"                    claims nothing: text that keeps a value from being read is never skipped
"""

import re
from functools import lru_cache
from typing import NamedTuple

from ovt.verifiers.compare import compare
from ovt.verifiers.dressing import fold, prose, words
from ovt.verifiers.phrases import BOUND, COPULA, DENIED_BEHIND, EITHER_BEFORE, EITHER_BEHIND, STANCE, TURN, stances
from ovt.verifiers.places import Found, behind_object, find
from ovt.verifiers.values import (
    CHOICE,
    EQUATION,
    LIST,
    TEXT,
    YES_NO,
    Value,
    is_exact,
    read_value,
)

MAX_SENTENCE_CHARS = 600
MAX_SHORT_CHARS = 200
"""A longer text is a solution, which may weigh other answers before it settles on one."""

_AND_IS = re.compile(r"\b(?:and|but)\s+(?:is|are|was|were|has|have|weighs|costs|measures)\b", re.IGNORECASE)
_IS_NUMBER = re.compile(r"(?:\b(?:is|are|was|were)|=)\s{1,3}[$\\]{0,3}[-+]?[\d.,/]{1,12}$")
_AND_NUMBER = re.compile(r"(?:(?!\band\b)[^\d,;.])*+\band\s+[$\\]{0,2}\d")
_WHILE = ("when ", "if ", "for ", "with ", "at ", "as ", "given ")
PRONOUNS = frozenset(["it", "they", "this", "that", "these", "those", "he", "she", "here", "which", ""])
_NO_SUBJECT = words(
    "not no nor neither never cannot or and if than but except besides without other another opposite least wrong "
    "incorrect false worst guess question prompt asked alternative distractor rather instead excluded first second "
    "last half double rest answer"
)


class Claim(NamedTuple):
    """stance: asserted, denied, hedged, several or given_up; "" without a claim. subject: what the value is said of."""

    stance: str
    value: Value | None
    subject: str = ""


def agree(left: Value, right: Value) -> bool:
    """Whether two values are equal."""
    return compare(left, right).outcome == "correct"


def one_value(text: str, kind: str) -> Value:
    """The value of a text; the first of alternatives that are all equal (`1/4, or 25%`)."""
    value = read_value(text, kind)
    if value.kind is not LIST or value.data.brackets:
        return value
    members = [read_value(member, kind) for member in value.data.members]
    again = value.data.alternatives or all(member.kind is YES_NO for member in members)
    return members[0] if members and again and all(agree(member, members[0]) for member in members) else value


def clauses_of(text: str) -> list[tuple[str, str]]:
    """(role, clause) in order; the first is "main", the others are named for the phrase that turns to them."""
    clauses, role, start = [], "main", 0
    for turn in TURN.finditer(text):
        if role == "aside" and turn.lastgroup in ("and", "same"):
            continue
        if turn.lastgroup == "none":
            continue
        if text[start : turn.start()].strip(" ,;:（("):
            clauses.append((role, text[start : turn.start()]))
        role, start = turn.lastgroup or "", turn.end()
    if role == "aside" and not clauses:
        # A leading reason ends at its comma: `Because of that, it is 7`.
        reason, comma, rest = text[start:].replace("，", ",").partition(",")
        return [("aside", reason), ("main", rest)] if comma else [(role, text[start:])]
    return [*clauses, (role, text[start:])]


@lru_cache(maxsize=4096)
def read_sentence(sentence: str, kind: str) -> Claim | None:
    """The claim of one sentence: its conclusion, else its main clause."""
    if sentence.endswith("?") or len(sentence) > 2 * MAX_SENTENCE_CHARS:
        return None
    text = prose(sentence[-MAX_SENTENCE_CHARS:])
    if text[:1] in ("(", "[") and text.count(text[0]) > text.count(")" if text[0] == "(" else "]"):
        return None  # cut off at its start
    if is_exact(text, kind):
        return Claim("asserted", one_value(text, kind))
    best: Claim | None = None
    predicate: Claim | None = None
    for role, clause in clauses_of(text):
        if role == "aside":
            continue
        claim = _read_clause(clause, kind)
        if claim is None and role == "so" and (made := behind_object(clause, 0, kind)) and not made.tail:
            claim = Claim("asserted", made.value, "made")  # `…, which makes the reading 3.6`
        if claim is None:
            if best is None and (role in ("so", "but") or predicate is None):
                predicate = _predicate(clause, kind) or predicate
            continue
        best = _next(best, role, claim)
        if best.stance == "several":
            break
    return best or _formula(sentence, kind) or predicate or _bold(sentence, kind) or _remark(text, kind)


def _next(best: Claim | None, role: str, claim: Claim) -> Claim:
    """What a sentence claims after one more of its clauses."""
    if best is None or best.value is None or claim.value is None:
        return claim
    if role == "same" or (role == "and" and claim.subject.lower() in PRONOUNS):
        return best if agree(best.value, claim.value) else Claim("several", None)
    if role not in ("so", "but") or (claim.stance == "denied" and best.stance == "asserted"):
        return best
    if claim.value.kind is EQUATION and not claim.value.data.name and best.stance == "asserted":
        return best  # `x = 2, so 3x = 6`
    return claim


def _read_clause(clause: str, kind: str) -> Claim | None:
    clause = clause.strip(" ,;:（(")
    found = find(clause, kind)
    if found is None:
        return None
    before = clause[: found.start]
    if EITHER_BEHIND.match(found.tail) or EITHER_BEFORE.search(before[-60:]) or _adds_another(found, kind):
        return Claim("several", None)
    if BOUND.search(before[-60:]) or _is_operand(found.tail):
        return None
    if _says_more(before):
        return Claim("several", None)
    # A denial belongs to the first number after it: `not 10, it's 12`.
    marks = {mark.lastgroup for mark in STANCE.finditer(before) if not any(map(str.isdecimal, before[mark.end() :]))}
    subject = fold(before).strip(" ,;:*$(").lower()
    if "denied" in marks or DENIED_BEHIND.match(found.tail):
        return Claim("denied", found.value, subject)
    if "hedged" in marks or "hedged" in stances(found.tail):
        return Claim("hedged", found.value, subject)
    return Claim("asserted", found.value, subject)


def _is_operand(tail: str) -> bool:
    """Whether a value is calculated with, after a remark on it: `5 (bonds) + 1 (new one) = 6`."""
    remark, closed, rest = tail.lstrip().partition(")")
    return remark[:1] == "(" and bool(closed) and rest.lstrip()[:1] in _OPERATORS


_OPERATORS = frozenset("+*/=×÷")


def _says_more(before: str) -> bool:
    """Whether something else was said before a value: `The tower leans by 4 degrees and is 56 m high`."""
    last = max((place for place, char in enumerate(before) if char.isdecimal()), default=-1)
    between = before[last + 1 :]
    if last < 0 or not between:
        return False
    other = (
        "," in between
        and not before.lower().startswith(_WHILE)
        and _IS_NUMBER.search(before[max(0, last - 20) : last + 1])
    )
    return bool(_AND_IS.search(between) or other)


def _adds_another(found: Found, kind: str) -> bool:
    """Whether what follows a value is just another one: `x > 5, x < 5`, `15 (12)`."""
    if found.tail[:1] in "([" and found.tail and found.value.text.rstrip()[-1:] in ")]":
        return True  # `[0, 1)(0, 1]`
    if _AND_NUMBER.match(found.tail):
        return True  # `35 pages on Friday and 42 on Saturday`
    rest = found.tail.strip(" ,;()（）|/.")
    if found.value.kind is CHOICE or not rest or not is_exact(rest, kind):
        return False
    other = read_value(rest, kind)
    return other.kind is not CHOICE and not agree(found.value, other)


def _remark(text: str, kind: str) -> Claim | None:
    """A few words with a remark on them: `Paris, not London`, `Paris (because of the tower)`."""
    (_, said), *others = clauses_of(text)
    said = said.strip(" ,;:(")
    if not others or any(role != "aside" for role, _ in others) or not said or "hedged" in stances(text):
        return None
    if len(said.split()) > 6 or COPULA.search(said) or STANCE.search(said):
        return None
    return Claim("asserted", Value(TEXT, said, said), said)


def _predicate(clause: str, kind: str) -> Claim | None:
    """What a clause says of one thing in words: `The capital shown is Paris`."""
    cue = next((cue for cue in COPULA.finditer(clause) if cue[0].lower() in _BE), None)
    if cue is None or STANCE.search(clause):
        return None
    subject, said = clause[: cue.start()].strip(), clause[cue.end() :].strip(" ,.;:!*")
    words = subject.lower().split()
    if (
        not said
        or len(said) > MAX_SHORT_CHARS
        or len(words) > 14
        or not _NO_SUBJECT.isdisjoint(words)
        or any(word.startswith(("un", "im")) for word in words)
    ):
        return None
    return Claim("asserted", Value(TEXT, said, said), subject) if words else None


_BE = frozenset(["is", "are", "was", "were", "it's", "that's", "是", "为"])


def _formula(sentence: str, kind: str) -> Claim | None:
    """The last formula between math delimiters."""
    found = list(_MATH.finditer(sentence))
    text = next((part for part in found[-1].groups() if part), "").strip() if found else ""
    if not text or not is_exact(text, kind) or BOUND.search(sentence[: found[-1].start()]) or STANCE.search(sentence):
        return None
    return Claim("asserted", read_value(text, kind), fold(sentence[: found[-1].start()]))


_MATH = re.compile(r"\$\$(.+?)\$\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|(?<![\\$])\$([^$]+)\$", re.DOTALL)


def _bold(sentence: str, kind: str) -> Claim | None:
    """The only bold part of a sentence."""
    parts = sentence.split("**")
    if len(parts) != 3 or not parts[1].strip() or parts[1].rstrip().endswith(":") or STANCE.search(sentence):
        return None
    text = parts[1].strip()
    return Claim("asserted", read_value(text, kind), parts[0].strip() or "**")
