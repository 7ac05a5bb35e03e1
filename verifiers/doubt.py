"""Whether a correct answer takes itself back: `It cannot be 7`, `8, but it could also be 7`, `21 cm | 21 m`.

Only answers found correct are checked, so nothing here can make a wrong answer right. Words that occur in
the gold or in the options raise no doubt, nor does a right answer in two forms (`1/4, or 25%`).
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

from ovt.verifiers.dressing import fold, plain
from ovt.verifiers.extract import sentences, untagged_answer
from ovt.verifiers.kinds.choice import lone_letter
from ovt.verifiers.kinds.number import read_number
from ovt.verifiers.kinds.text import read_polarity
from ovt.verifiers.table import TABLE, find, read_gold
from ovt.verifiers.verdict import Verdict

_MAY_FOLLOW_A = (
    "then with plus followed over besides unless next as is are was has and or not nor because to too also "
    "instead rather if but else wins comes before after precedes maybe perhaps versus vs cannot can does would could "
    "might may"
)
# An `A` before another word is the article.
_LETTER = re.compile(rf"(?<![\w'\\-])([A-H])(?![\w'-])(?!(?<=A)\s+(?!(?:{'|'.join(_MAY_FOLLOW_A.split())})\b)[a-z])")
_RULED_OUT = re.compile(
    r"(?:\b(?:not|nor|neither|than|instead of|except|unlike|between|from|of|like|compared? (?:to|with)"
    r"|(?:exclud|eliminat|reject|discard)\w{1,4}|rul(?:e[sd]?|ing) out)|n't)\s++"
    r"(?:(?:be|option|choice|answer|both)s?\s++)?\(?$",
    re.IGNORECASE,
)
_SAID_OF = re.compile(
    r"\)?(?:(?:\s*+,)?\s*+(?:,|\band|\bor|\bnor)\s++\(?[A-H]\)?){0,6}+\s++"
    r"(?:is|are|was|were|has|have|shows?|does|do|did|can(?:no|')t|can not|would|looks?|gives?|says?)\b"
    r"(?!\s+(?:also|correct|right|possible|equally|plausible|likely|true|the)\b)"
)
_CONCLUDED = re.compile(
    r"(?:\b(?:so|therefore|thus|hence|answer|choose|chose|pick|select|go with|be|it's|is|leaves?|leaving)|[=⇒]>?|∴)"
    r"[\s:,]*+(?:(?:it is|it's|the answer is|the|option|choice|answer)\s++){0,3}+\(?$",
    re.IGNORECASE,
)


def offers_another(answer: str, letter: str) -> bool:
    """Whether a short answer that names `letter` also offers another letter."""
    found = list(_LETTER.finditer(answer))
    picks = [match for match in found if match[1] == letter]
    if not picks:
        return False
    start = picks[-1].start()
    if _CONCLUDED.search(answer[:start]):
        found = [match for match in found if match.start() > start]
    return any(match[1] != letter and not _is_mentioned(answer, match) for match in found)


def _is_mentioned(answer: str, match: re.Match[str]) -> bool:
    """Whether a letter is only mentioned: ruled out, or described."""
    return bool(_RULED_OUT.search(answer[: match.start()]) or _SAID_OF.match(answer, match.end()))


MAX_BARE_CHARS = 200
"""A longer text is a solution, which may weigh other answers before it settles on one."""

MAX_PARTS = 12

Judge = Callable[[str], Verdict]

_DENIED = re.compile(
    r"^\W*(?:never|all (?:but|except))\s++(?=\S)|\b(?:anything|everything) (?:but|except)\s++(?=\S)"
    r"|\b(?:cannot|can not|can't|could not|couldn't|won't|will not|mustn't|must not|shouldn't|should not)\s++"
    r"(?:possibly\s++)?be\b(?!.*\b(?:so|therefore|thus|hence|but|must|is)\b)"
    r"|\b(?:not true|untrue|false|impossible|unlikely|doubtful|wrong|incorrect)\s++(?:that|to be)\b"
    r"(?!.*\b(?:so|therefore|thus|hence|but)\b)"
    r"|(?<!no )(?<!any )(?<!a )\bdoubt\b(?!.*\b(?:so|but)\b)|\bsome\s++(?:say|think|claim)\b"
    r"|\b(?:instead of|rather than)\s++(?=\S)"
    r"|\b(?:double|twice|triple|(?:half|opposite|inverse|reciprocal) of)\s++(?=\S)"
    r"(?!.*(?:\b(?:is|are|equals?|so|gives?|makes?|becomes?|get|yields?)\b|[=:]))"
    r"|\b(?:wrong|incorrect|false)\s++(?:answer|option|choice|value|result|one)\s++(?:is|was|would be)\s++(?=\S)"
    r"(?!.*\b(?:so|therefore|thus|hence|but)\b)"
    r"|\bnon-(?=\S)"
    r"|\b(?:is|are|was)\s++(?:\w+ly\s++)?"
    r"(?:wrong|incorrect|ruled out|impossible|unlikely|not (?:correct|right|the answer))\W*$"
    r"|\bcan be (?:ruled out|excluded|eliminated|discarded)\W*$"
    r"|\(\s*(?:no|not|nope|wrong|incorrect|false)\W*$|~~(?=\s*[.!]?$)",
    re.IGNORECASE | re.DOTALL,
)
_HEDGED = re.compile(
    r"^\W*(?:is|was|could|can|might|may|would)\s+(?:it|this|that|the answer)\b|\basks? whether\b(?!.*[,;:])|"
    r"\b(?:could|might|may|can)\s+(?:also|equally|just as well|as well)\s+be\b"
    r"|\bor\s+(?:maybe|perhaps|possibly|else)\b|[,;]\s*(?:possibly|maybe|perhaps)\b(?P<aside>.*)|\bif\b.+\belse\b"
    r"|\b(?:cannot|can't|can not|couldn't|could not)\s+(?:tell|say|decide)\W*$"
    r"|\b(?:not sure|unsure)\s+(?:whether|if)\b"
    r"|\bbut\b[^.]*\b(?:is|are|seems?)\s+(?:also\s+|equally\s+)?(?:possible|plausible|conceivable|likely)\b",
    re.IGNORECASE | re.DOTALL,
)
_GIVEN_UP = re.compile(
    r"(?:\b(?:cannot|can not|could not|unable to|(?:impossible|not possible) to)|\b(?:can|could)n?'t)\s++(?:\w+ly\s++)?"
    r"(?:be\s++)?(?:tell|say|decided?|determined?|answer(?:ed)?|know|judged?|seen?|read|identif(?:y|ied)|solved?|find)\b"
    r"|\b(?:do not|don't) (?:really )?know\b|\b(?:not enough|insufficient) (?:info|information|data|context)\b"
    r"|\bno idea\b",
    re.IGNORECASE,
)
_WHY = re.compile(r"\b(?:because|since|as|due to|given|so|which|where|when|while)\b", re.IGNORECASE)
_MAY_BE = re.compile(r"\b(?:may|might|could)\s++(?:\w+\s++)?be\s++[$\\(]*(?:\d|[A-H]\b)")
_ANYWAY = re.compile(r"\b(?:but|so|however|therefore|thus|hence|still|yet|others?|otherwise)\b", re.IGNORECASE)
_REFERS = re.compile(
    r"\W*(?:above|as|at|based|clear|correct|found|given|in|from|right|shown|that|the same|the one|what)\b", re.I
)
_REASON = re.compile(
    r"(?<![\s,;(])[\s,;(]++(?:because|since|as(?! well)(?<!well as)|due to|given|so|which|where|when|while|instead of"
    r"|rather than|not|for|(?:it )?can(?:not|'t))\b.*",
    re.IGNORECASE | re.DOTALL,
)
_JOINT = re.compile(
    r"(?<!\s)\s*+\(\s*+or\s++|(?:,|(?<!\s))\s++(?:and/or|or|and|versus|vs\.?)\s++|[,;](?:\s+|(?=\d{4}))|(?<!\s)\s*+\|\s*+|\n+|(?<=[a-z]{3})/(?=\d)|/(?=\s*[A-Za-z]\s*=)"
    r"|(?<=\})\s*(?=\\boxed)",
    re.IGNORECASE,
)
_MORE_THAN_A_SUBJECT = re.compile(r"[,;:]\s+[A-Za-z]|\b(?:since|because|as|so|that)\b", re.IGNORECASE)
_NOT = re.compile(r"\bnot\b|n't\b|\bcannot\b", re.IGNORECASE)
_ITEM = re.compile(r"^(?:[-*•]|\d+[.)])\s+")
_ASKED_AND_DENIED = re.compile(r"\?\s*(?:no|nope|not|wrong)\b[^?]*$", re.IGNORECASE)
_ALONE = frozenset(["or", "and/or", "versus", "vs", "vs.", "|"])
_LABEL = re.compile(r"(?<!\w)\(?([A-H])[.)]\s*(?=[^\s.)])")
_GLUED = re.compile(r"\d\s?[A-Za-z]{4,}_?\d")
_OFFERED = re.compile(
    r"(?i:\b(?:and/or|either|neither|nor|or|not|never|versus|vs|anything but|except|cannot be|isn't|wasn't)\b)|[|/;\n]"
)


def doubt(prediction: str, verdict: Verdict, golds: Sequence[str], judge: Judge) -> str:
    """Why a prediction found correct should not count after all (a reason code), or "".

    golds: the gold and the options. judge: the verdict on a part of the prediction, without any doubts.
    """
    text = _spell_unseen(prediction)
    answer, found_by, _ = untagged_answer(text)
    if found_by == "box" and "\\boxed" in answer:
        answer = untagged_answer(answer)[0] or answer
    if _second_thoughts(text, verdict.kind, golds, judge, found_by == "text"):
        return "hedged"
    if found_by == "text":
        if len(text) > MAX_BARE_CHARS:
            return ""
        if verdict.kind != "yes_no" and _gives_up(text, golds):
            return "hedged"
        if _says_both(text) if verdict.kind == "yes_no" else _asks_and_denies(text, judge):
            return "hedged"
        if verdict.kind == "quantity" and _GLUED.search(fold(prediction)) and not _GLUED.search(golds[0]):
            return "unparseable"
    return _more_answers(answer, verdict, golds, judge)


def contradicts(said: str, kind: str, golds: Sequence[str], judge: Judge) -> bool:
    """Whether the text after a response's answer tag gives another answer: `</answer> So the answer is 8.`"""
    reopened = re.split(r"<\s*+answer\s*+>", said, flags=re.IGNORECASE)
    if len(reopened) > 1 and (rest := reopened[-1].partition("<")[0].strip()):
        return not judge(rest)
    answer, found_by, problem = untagged_answer(said)
    if problem in ("several_answers", "answer_withdrawn") or _HEDGED.search(said) or _MAY_BE.search(said):
        return True
    if found_by == "text":
        bare = answer.strip(" .$#*")
        return len(bare) <= MAX_BARE_CHARS and _is_of_kind(bare, kind, golds) and not judge(bare)
    return bool(answer) and not judge(answer.rstrip("!")) and not _REFERS.match(answer)


def _gives_up(text: str, golds: Sequence[str]) -> bool:
    """Whether an answer first says that there is none and then gives one: `I cannot determine it. 7`"""
    given_up = _GIVEN_UP.search(text)
    if not given_up or _WHY.search(text[: given_up.start()]) or _ANYWAY.search(text, given_up.end()):
        return False
    return not any(map(_GIVEN_UP.search, golds))


def offers(prediction: str, judge: Judge) -> bool:
    """Whether a wrong text mentions the gold among alternatives, or negated: `Paris or London`, `not Paris`."""
    parts = [part for part in _OFFERED.split(fold(prediction)) if part.strip()]
    return len(parts) <= MAX_PARTS and parts != [prediction] and any(map(judge, parts))


def _spell_unseen(text: str) -> str:
    """Replaces invisible characters by a space, and every kind of line break by a newline."""
    text = "\n".join(text.strip().splitlines())
    return text if text.isascii() else "".join(" " if unicodedata.category(char) == "Cf" else char for char in text)


def _second_thoughts(text: str, kind: str, golds: Sequence[str], judge: Judge, hedges: bool) -> bool:
    """Whether a sentence that names the gold denies it or, with `hedges`, leaves it open."""
    for sentence in sentences(fold(text[-3 * MAX_BARE_CHARS :]))[-3:]:
        denied = _DENIED.search(sentence)
        if denied and not any(map(_DENIED.search, golds)):
            named = sentence[denied.end() :].strip(" .") or _subject(sentence[: denied.start()])
            if named and judge(named):
                return True
        hedge = _HEDGED.search(sentence) if hedges and not denied else None
        if hedge and not any(map(_HEDGED.search, golds)) and judge(sentence) and not _is_aside(hedge["aside"], kind):
            return True
    return False


def _is_aside(text: str | None, kind: str) -> bool:
    """Whether a hedge offers no other answer: `21 cm; perhaps surprising`."""
    return text is not None and find(kind).has_digits and not re.search(r"\d|\\", text) and not read_number(text)


def _subject(text: str) -> str:
    """The part called wrong, if it is the whole statement: `7`, not `No, that` or `B, since A`."""
    return "" if _MORE_THAN_A_SUBJECT.search(text) else text


def _asks_and_denies(text: str, judge: Judge) -> bool:
    """`7? No.`"""
    denied = _ASKED_AND_DENIED.search(text)
    return bool(denied and judge(text[: denied.start()]))


def _says_both(text: str) -> bool:
    clauses = [clause for sentence in sentences(text) for clause in re.split(r",\s+", sentence)]
    polarities = {read_polarity(clause)[0] for clause in clauses if not _NOT.search(clause)}
    return {"yes", "no"} <= polarities or {"true", "false"} <= polarities


def _more_answers(answer: str, verdict: Verdict, golds: Sequence[str], judge: Judge) -> str:
    """The reason if a bare answer offers something else of the gold's kind besides the gold."""
    kind = verdict.kind
    if len(answer) > MAX_BARE_CHARS:
        return ""
    letter = verdict.normalized_prediction
    if kind == "choice" and len(letter) == 1 and offers_another(_REASON.sub("", plain(answer)), letter):
        return "several_choices"
    lines = [line.strip() for line in answer.splitlines()]
    if _lists_options(answer) and _LABEL.search(lines[-1]) and not any(map(_lists_options, golds)):
        return "several_choices"
    if any(line in _ALONE for line in lines):
        return "" if all(map(judge, (line for line in lines if line and line not in _ALONE))) else "several_answers"
    if kind == "text" and len(lines) > 1 and all(map(_ITEM.match, lines)):
        return "several_answers"
    return "several_answers" if _rivals(_REASON.sub("", fold(answer)), kind, golds, judge) else ""


def _lists_options(text: str) -> bool:
    labels = set(_LABEL.findall(text))
    return len(labels) > 1 and "A" in labels


def _rivals(answer: str, kind: str, golds: Sequence[str], judge: Judge) -> bool:
    """Whether an answer lists several answers, one of them the gold and another something else of its kind."""
    parts = [part.strip(" .$()") if kind == "choice" else part.strip(" .$") for part in _JOINT.split(answer)]
    parts = list(dict.fromkeys(_ITEM.sub("", part) for part in parts if part))
    if not 2 <= len(parts) <= MAX_PARTS:
        return False
    outcomes = {part: judge(part).outcome for part in parts}
    bare = {part for part in parts if _is_of_kind(part, kind, golds)}
    # Beside a letter anything may stand; beside a value words make it a sentence, which was read as one.
    if kind != "choice" and len(bare) < len(parts):
        return False
    return "correct" in outcomes.values() and any(outcomes[part] == "wrong" for part in bare)


def _is_of_kind(part: str, kind: str, golds: Sequence[str]) -> bool:
    if kind == "choice":
        return bool(lone_letter(part)) or plain(part).lower() in {plain(gold).lower() for gold in golds[1:]}
    row, other = find(kind), read_gold(part)
    if row not in TABLE:
        return row.read(part) is not None
    return other.name == kind != "text" or bool(row.family and row.family == other.kind.family)
