"""What a text says, read once for all golds: its span, its claim, and the options that it names.

    read_text("So it is 7 cm.", None)  ->  a reading of 7 cm;   judge(reading, gold's)  ->  correct, or why not

An answer and a gold are read by the same functions, neither with a look at the other; only `judge` sees both.
"""

import re
from typing import NamedTuple

from ovt.verifiers.claims import MAX_SENTENCES, read_claim, unanswered
from ovt.verifiers.clauses import MAX_SHORT_CHARS, Claim, clauses_of
from ovt.verifiers.compare import compare
from ovt.verifiers.dressing import plain, prose, undress, words
from ovt.verifiers.guard import MAX_ANSWER_CHARS
from ovt.verifiers.options import Options, Pick, judged, others_beside, pick, settle
from ovt.verifiers.phrases import STANCE, stances
from ovt.verifiers.response import Span, find_span, find_untagged
from ovt.verifiers.sentences import labelled_lines, telling
from ovt.verifiers.values import CHOICE, LIST, TEXT, Value, is_exact, read_value
from ovt.verifiers.verdict import Finding

_STRUCK = re.compile(r"~~[^~]{1,200}~~")
_PROBLEMS = {"hedged": "hedged", "given_up": "hedged", "denied": "hedged", "several": "several_answers"}


_NO_WORDS = Value(TEXT, "", "")


class Reading(NamedTuple):
    """value: what is asserted, None where nothing is (`problem` says why). words: all of it as free text.

    picked: the options it names, where the question has some.
    """

    text: str
    value: Value | None
    words: Value
    problem: str = ""
    picked: Pick | None = None


def read_text(text: str, options: Options | None, kind: str = "auto") -> Reading:
    """The reading of a whole response, of a bare answer, or of a gold."""
    span = find_span(text)
    if span.problem:
        return Reading("", None, _NO_WORDS, span.problem)
    reading = _read_span(span, options, kind)
    if any(_contradict(reading, _read_span(Span(rival), options, kind)) for rival in span.rivals):
        return Reading("", None, _NO_WORDS, "several_answers")
    if span.behind and _takes_back(reading, span.behind, options, kind):
        return Reading("", None, _NO_WORDS, "answer_withdrawn")
    return reading


def _read_span(span: Span, options: Options | None, kind: str) -> Reading:
    answer = _STRUCK.sub(" ", span.answer) if "~~" in span.answer else span.answer
    answer = answer if span.found_by == "text" else _inner(answer)
    words = Value(TEXT, answer, answer) if len(answer) <= MAX_ANSWER_CHARS else _NO_WORDS
    picked = _pick_whole(answer, options) if options else None
    if picked and _is_settled(picked) and not span.behind:
        return Reading(answer, None, words, "", picked)  # its value is not needed
    claim = read_claim(answer, kind)
    if options and picked and not _is_settled(picked):
        picked = _pick_part(answer, claim, options) or picked
    if claim.stance == "":
        value: Value | None = read_value(answer, kind) if len(answer) <= MAX_ANSWER_CHARS else words
    else:
        value = claim.value if claim.stance == "asserted" else None
    return Reading(answer, value, words, _PROBLEMS.get(claim.stance, ""), picked)


def _inner(answer: str) -> str:
    """What a tag or a box holds: perhaps a box, or a statement."""
    for _ in range(3):
        inner = find_untagged(answer)
        if inner.found_by not in ("box", "statement") or inner.problem or not inner.answer or inner.answer == answer:
            break
        answer = inner.answer
    return answer


def _pick_whole(answer: str, options: Options) -> Pick:
    """The options that the whole of an answer names."""
    whole = len(answer) <= MAX_ANSWER_CHARS and not ("\n" in answer and labelled_lines(answer.split("\n")))
    return pick(answer, options) if whole else (None, "no_choice")


def _is_settled(picked: Pick) -> bool:
    """Whether no part of an answer can name an option that the whole does not."""
    return picked[0] is not None or picked[1] in ("several_choices", "letter_and_text_differ", "ambiguous_option")


def _pick_part(answer: str, claim: Claim, options: Options) -> Pick | None:
    """The options that an answer names in its last sentence with a letter, or by the value that it claims."""
    if claim.stance == "given_up":
        return None, "hedged"
    by_letter = judged(answer, options) or _pick_by_letter(answer, options)
    if by_letter is not None:
        return by_letter
    if claim.stance in _PROBLEMS:
        return None, _PROBLEMS[claim.stance]
    if claim.stance == "asserted" and claim.value and claim.value.text != answer:
        return pick(claim.value.text, options)
    return None


def _pick_by_letter(answer: str, options: Options) -> Pick | None:
    found: Pick | None = None
    letter_found = ""
    for piece in reversed(telling(answer)[-MAX_SENTENCES:]):
        if piece.endswith("?"):
            continue
        bare = pick(piece, options) if len(piece) <= MAX_SHORT_CHARS else (None, "")
        if bare[0] is None and len(piece) <= MAX_SHORT_CHARS and (rest := unanswered(piece)) != piece:
            bare = pick(rest, options)
        claims = _conclusion(piece)
        letter, concluded = settle(claims)
        if bare[0] is not None:
            letter, concluded = "/".join(sorted(chr(65 + index) for index in bare[0])), True
        elif bare[1] == "letter_and_text_differ":
            return found or bare
        if letter is None:
            return found or (None, "several_choices")
        if not letter:
            continue
        if bare[0] is None and _is_doubted(claims, letter):
            return found or (None, "hedged")
        if found is None:
            index = ord(letter[0]) - 65
            found = (
                bare
                if bare[0]
                else (frozenset([index]), "")
                if index < len(options.texts)
                else (None, "no_such_option")
            )
            letter_found = letter
        elif letter != letter_found and concluded and len(answer) <= MAX_SHORT_CHARS:
            return None, "several_choices"
    return found


def _conclusion(piece: str) -> str:
    """A sentence without its asides; only from the clause that takes back the others, if that names a letter."""
    clauses = [(role, clause) for role, clause in clauses_of(prose(piece)) if role != "aside"]
    for place in range(len(clauses) - 1, 0, -1):
        if clauses[place][0] in ("but", "so") and settle(clauses[place][1])[0]:
            return clauses[place][1]
    return " ".join(clause for _, clause in clauses)


def _is_doubted(claims: str, letter: str) -> bool:
    """Whether the clause that names a letter denies it, or leaves it open."""
    if "hedged" in stances(claims, claims.rfind(letter)):
        return True
    clause = next((part for part in reversed(claims.replace(";", ",").split(",")) if letter in part), claims)
    before = clause.rpartition(letter)[0]
    return any(mark.lastgroup == "hedged" or mark.end() <= len(before) for mark in STANCE.finditer(clause))


def _contradict(reading: Reading, other: Reading) -> bool:
    if reading.picked and other.picked:
        return bool(reading.picked[0] and other.picked[0]) and reading.picked[0] != other.picked[0]
    if other.value is None or (other.value.kind in (TEXT, LIST) and not (reading.value and reading.value.kind is TEXT)):
        return other.problem != ""
    if reading.value is None:
        return True
    return compare(other.value, reading.value).outcome != "correct"


def _takes_back(reading: Reading, behind: str, options: Options | None, kind: str) -> bool:
    """Whether the text after a response's answer tag gives another answer: `</answer> So the answer is 8.`"""
    reopened = behind.rpartition("<answer>")[2].partition("<")[0] if "<answer>" in behind else behind
    span = find_untagged(reopened.strip().rstrip("!"))
    if span.problem in ("several_answers", "answer_withdrawn"):
        return True
    other = _read_span(span, None, kind)
    if other.problem:
        return True
    if span.found_by == "text" and (len(span.answer) > MAX_SHORT_CHARS or not is_exact(undress(span.answer))):
        return False
    if other.value is None or (other.value.kind in (TEXT, LIST) and not (reading.value and reading.value.kind is TEXT)):
        return False
    refers = (
        other.value.kind is TEXT
        and other.value.text.lower().split()[:1]
        and other.value.text.lower().split()[0] in _REFERS
    )
    return not refers and _contradict(reading, _read_span(span, options, kind) if options else other)


_REFERS = words("above as at based clear correct found given in from right shown that the what obtained here")


def judge(answer: Reading, gold: Reading, kind: str = "auto") -> Finding:
    """Judge an answer's reading by a gold's."""
    if gold.picked and gold.picked[0]:
        return _judge_options(answer, gold.picked[0])
    wanted = gold.value or gold.words
    bare = undress(answer.text) if len(answer.text) <= MAX_ANSWER_CHARS else ""
    if bare and bare == undress(gold.text) and not (answer.value is None and wanted.kind is not TEXT):
        return Finding("correct", "identical", bare, bare)
    if wanted.kind is TEXT:
        for value, other in ((answer.words, gold.words), (answer.words, wanted), (answer.value, gold.words)):
            finding = compare(value, other, kind) if value and value.text else None
            if finding and finding.outcome == "correct":
                return finding
    if answer.value is None:
        shown = plain(answer.text) if len(answer.text) <= MAX_ANSWER_CHARS else ""
        return Finding("wrong", answer.problem or "no_answer", shown, plain(gold.text))
    if wanted.kind is CHOICE is answer.value.kind and answer.value.data.text and others_beside(*answer.value.data):
        return Finding("wrong", "several_choices", plain(answer.text), wanted.data.letter)
    return compare(answer.value, wanted, kind)


def _judge_options(answer: Reading, gold: frozenset[int]) -> Finding:
    shown = _letters(gold)
    if answer.picked is None:
        return Finding("wrong", answer.problem or "no_answer", "", shown)
    picked, reason = answer.picked
    if picked is None:
        return Finding("wrong", reason, plain(answer.text[:MAX_ANSWER_CHARS]), shown)
    if picked == gold:
        return Finding("correct", "same_choice", shown, shown)
    return Finding("wrong", "several_choices" if len(picked) > len(gold) else "other_choice", _letters(picked), shown)


def _letters(indices: frozenset[int]) -> str:
    return ", ".join(chr(65 + index) for index in sorted(indices))
