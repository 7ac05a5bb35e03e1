"""What an answer claims, read without knowing the gold: the value that it asserts, or why it asserts none.

    "It is 7, not 8."          asserts 7                     "It could be 7."            leaves it open: hedged
    "x = 2, so 3x = 6"         asserts x = 2                 "The slope is 2. It is 3."  several_answers

A sentence is cut into clauses where a phrase turns it (`phrases.py`): asides claim nothing, a conclusion replaces what
led to it. In a clause the value is what the grammar (`values.py`) reads as one, up to where an adjunct begins. Text
that keeps a value from being read is never skipped.
"""

from string import digits, punctuation

from ovt.verifiers.clauses import (
    MAX_SENTENCE_CHARS,
    MAX_SHORT_CHARS,
    PRONOUNS,
    Claim,
    agree,
    clauses_of,
    one_value,
    read_sentence,
)
from ovt.verifiers.dressing import plain, words
from ovt.verifiers.guard import MAX_ANSWER_CHARS
from ovt.verifiers.kinds.letter import Letter
from ovt.verifiers.kinds.text import POLARITY
from ovt.verifiers.options import settle
from ovt.verifiers.phrases import ADVERBS, COPULA, EITHER_BEHIND, STANCE, stances, turns
from ovt.verifiers.sentences import telling
from ovt.verifiers.values import CHOICE, TEXT, Value, is_exact, read_value

MAX_SENTENCES = 8
_NO_LETTERS = str.maketrans(dict.fromkeys(punctuation + digits, " "))
_AFTER_YES = words("because since as it they there the this that these those he she we you i both in on by")


def read_claim(text: str, kind: str = "auto") -> Claim:
    """The one value that an answer asserts; a claim without a value where it asserts none (or a free text)."""
    if len(text) <= MAX_SHORT_CHARS and (verdict := _as_a_whole(text)):
        return Claim(verdict, None)
    if len(text) <= MAX_ANSWER_CHARS and ("\n" not in text.strip() or "\\" in text) and is_exact(text, kind):
        return Claim("asserted", one_value(text, kind))
    pieces = telling(_visible(text[-4 * MAX_SENTENCE_CHARS :]))[-MAX_SENTENCES:]
    # The answer to its own question: `Is it 8? No, it is 7.`
    pieces = [
        unanswered(piece) if before.endswith("?") else piece
        for before, piece in zip(["", *pieces], pieces, strict=False)
    ]
    # A short text that says so anywhere gives no answer; a solution, only if it ends that way.
    if _gives_up(text if len(text) <= MAX_SHORT_CHARS else " ".join(pieces[-2:])):
        return Claim("given_up", None)
    leading = _leading_polarity(pieces, kind)
    if leading:
        return leading
    return _last_claim(pieces, kind) or _last_letter(pieces) or Claim("", None)


_DENIED_LAST = (
    *("不对", "不正确", "错误", "错了", "ではありません", "ではない", "じゃない", "間違いです", "正しくない"),
    *("아닙니다", "아니다", "아니에요", "틀렸습니다"),
)


def _as_a_whole(text: str) -> str:
    """What a short text says of any answer in it: denied at its end, left open, or one of two from its beginning."""
    bare = text.strip(" .。!！*\n")
    if bare.endswith(_DENIED_LAST) and bare not in POLARITY and bare not in _DENIED_LAST:
        return "given_up"
    # An English hedge has a clause of its own; elsewhere verbs end in one, and nothing else is read after the value.
    if not bare.isascii() and "hedged" in stances(bare):
        return "" if turns(bare) & {"so", "but"} else "given_up"
    return "several" if _is_offered(bare) or "还是" in bare else ""


def _is_offered(text: str) -> bool:
    """Whether a text begins with an "or"; not with a bar, which is an absolute value, nor with the letter O."""
    first = EITHER_BEHIND.match(text)
    if not first or first[0][-1] in "/|":
        return False
    said = text.lower().split()
    # In Portuguese it is also an article: `O raio é 5 e o diâmetro é 10`.
    is_word = "o" in said[1:] and {"é", "são"}.isdisjoint(said)
    return is_word or first[0].strip(" ,;，（($\\").lower() != "o"


def unanswered(sentence: str) -> str:
    """A sentence without the "no" in front of it: `No, it is 7`."""
    first, comma, rest = sentence.partition(",")
    return rest.strip() if comma and rest.strip() and POLARITY.get(first.strip().lower()) else sentence


def _visible(text: str) -> str:
    """Every kind of line break as a newline, and invisible characters as nothing."""
    return "\n".join(text.strip().splitlines())


def _gives_up(text: str) -> bool:
    """Whether an answer first says that there is none and then gives one: `I cannot determine it. 7`"""
    for mark in STANCE.finditer(text):
        if (
            mark.lastgroup == "given_up"
            and "aside" not in turns(text[: mark.start()])
            and not turns(text[mark.end() :]) & {"so", "but"}
        ):
            return True
    return False


def _last_claim(pieces: list[str], kind: str) -> Claim | None:
    """The claim of the last sentence that makes one; no other may deny it, or say something else of the same thing."""
    last: Claim | None = None
    denied: list[Value] = []
    fallback: Claim | None = None
    for place in range(len(pieces) - 1, -1, -1):
        claim = read_sentence(pieces[place], kind)
        if claim is None or (claim.value is None and claim.stance != "several"):
            continue
        if claim.stance == "denied" and claim.value:
            denied.append(claim.value)
        elif claim.stance in ("hedged", "several"):
            if last is None:
                return claim
            break
        elif claim.value and claim.value.kind is TEXT and last is None:
            if claim.subject.lower() not in PRONOUNS:
                before = read_sentence(pieces[place - 1], kind) if place else None
                same = before and before.value and before.subject == claim.subject
                return claim if not same or agree(before.value, claim.value) else Claim("several", None)
            fallback = fallback or claim
        elif claim.value and claim.value.kind is not TEXT:
            if last is None:
                last = claim
                continue
            if claim.subject == last.subject and last.value and not agree(claim.value, last.value):
                return Claim("several", None)
            break
    if last and last.value and any(agree(value, last.value) for value in denied):
        return Claim("hedged", None)
    return last or fallback or (Claim("denied", None) if denied else None)


def _leading_polarity(pieces: list[str], kind: str) -> Claim | None:
    """Yes or no in front of a reason; both, in different clauses, are several answers."""
    said = [polarity for piece in pieces for polarity in _polarities(piece)]
    if not said:
        return None
    if "hedged" in said:
        return Claim("hedged", None)
    if {"yes", "no"} <= set(said) or {"true", "false"} <= set(said):
        return Claim("several", None)
    if not _polarities(pieces[0]) and not _polarities(pieces[-1]):
        return None
    return Claim("asserted", read_value(said[-1], kind))


def _polarities(sentence: str) -> list[str]:
    """The polarity of each clause of a sentence that begins with yes or no, or ends in it."""
    found = []
    text = plain(sentence).removeprefix("~~")
    if text.isascii() and POLARITY.keys().isdisjoint(text.lower().translate(_NO_LETTERS).split()):
        return []
    for role, clause in clauses_of(text):
        if role == "aside" or sentence.endswith("?") or sentence[:1] in "[({" or _is_numero(sentence):
            continue
        if "hedged" in stances(clause) and not POLARITY.keys().isdisjoint(clause.lower().split()):
            found.append("hedged")
        for part in clause.replace("，", ",").replace("。", ",").split(","):
            polarity = _polarity(part.strip(" .!:;-\"'"))
            if polarity:
                found.append(polarity)
    return found


def _is_numero(sentence: str) -> bool:
    return sentence[:3].lower() == "no." and sentence[3:].lstrip()[:1].isdecimal()


def _polarity(part: str) -> str | None:
    words = part.lower().split()
    while words and words[0].strip(",:") in ADVERBS | {"and", "correct", "well", "ok", "so", "absolutely", "answer"}:
        words.pop(0)
    if not words:
        return None
    first = POLARITY.get(words[0].strip(",.:;!-"))
    if first and (len(words) == 1 or words[1] in _AFTER_YES or words[0][-1] in ",.:;!-" or words[1] == "-"):
        return first
    last = POLARITY.get(words[-1]) if len(words) > 1 else None
    if last and COPULA.search(part) and not STANCE.search(part) and words[-2] in _BEFORE_POLARITY:
        return last
    return None


_BEFORE_POLARITY = words("is be say answer was are said therefore thus hence so definitely clearly a")


def _last_letter(pieces: list[str]) -> Claim | None:
    """The letter that the last sentence with one settles on."""
    claim: Claim | None = None
    for piece in reversed(pieces):
        letter, concluded = settle(plain(piece)) if not piece.endswith("?") else ("", False)
        if letter is None:
            return claim or Claim("several", None)
        if not letter:
            continue
        if claim is None:
            stance = "hedged" if "hedged" in stances(piece) else "asserted"
            claim = Claim(stance, Value(CHOICE, Letter(letter), letter), letter)
        elif letter != claim.subject and concluded:
            return Claim("several", None)
    return claim
