r"""Find the answer in a response: the span of text that gives it, and how it was found.

    "<think>…</think> It is 7 high. <answer>7</answer>"  ->  thinking "…", solution "It is 7 high.", answer "7"

The content of the last complete `<answer>…</answer>` decides; without tags the last `\boxed{…}` or the last statement
of the answer ("The answer is …"), whichever comes later; otherwise the text itself. A box holds the statement inside
it. Anything inside `<think>…</think>` and its like (`marks.py`) is ignored, and chat templates that prefill the opening
tag are supported: a response with only `</think>` starts with its thinking.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from ovt.verifiers.dressing import balanced, fold, unwrap
from ovt.verifiers.kinds.units import read_unit
from ovt.verifiers.marks import ANSWER, BOX, HEADING, HINTS, KEYS, STATEMENT
from ovt.verifiers.phrases import turns
from ovt.verifiers.sentences import SENTENCE_END
from ovt.verifiers.thinking import after_thinking, split_thinking

_UNIT_BEHIND = re.compile(
    r"(?:[\s$~]|\\[,;: ])*+((?!in\s+\w)[^\W\d_][^\W_]*+(?:[\s/^*·-]++[^\W_]++){0,3}?)"
    r"(?=[\s$*]*+(?:[.,;:!?)\n]|\\[)\]]|$))"
)
_BETWEEN_BOXES = re.compile(
    r"(?:\s|[,;$&.(/|]|\\[()\[\],;:! ]|\\q?quad|and\b|or\b|also\b|\\text\s*\{[^{}]{0,40}\}|for part \(?[a-z]\)?"
    r"|[A-Za-z](?:_\{?\w+\}?)?\s*=)*"
)
_BETWEEN_ANSWERS = re.compile(
    r"(?:[\s.,;:!?/|*#()$\\\]\[{}>-]|\b(?:so|and|or|but|also|maybe|perhaps|alternatively|thus|therefore|hence|then)\b)*",
    re.IGNORECASE,
)
_BEFORE_NO_ANSWER = re.compile(
    r"\b(?:not|isn't|(?:cannot|can't|couldn't|not)\s+(?:possibly\s+)?be|never|anything but|or|nor|neither|either"
    r"|rather than|instead of)"
    r"[\s$\\(\[]*$",
    re.IGNORECASE,
)
_AFTER_NO_ANSWER = re.compile(
    r"[\s$\\)\].]*\b(?:or|nor|versus|(?:is|was)\s+(?:\w+ly\s+)?(?:wrong|incorrect|impossible|not\s+(?:correct|right)))\b",
    re.IGNORECASE,
)
_CHANGE_OF_MIND = re.compile(
    r"(?!\B\w)(?:^|(?=[.!?\n—–\s,oscijma]))(?:(?:^|[.!?\n—–]|\s-(?=\s))[\s$\\)\]*}]{0,20}+"
    r"(?:(?:actually|wait|hold on|no|sorry|h?mm+|oops|nope|等等|不对)"
    r"(?:\s?(?=[,.!:，。！：])|\s+(?:wait|no|actually)\b)"
    r"|(?:actually|wait|no|sorry)[ \t]+(?:it(?:'s|\s+is)\s+)?[$\\(]*(?:\d|[A-H]\b)|i (?:meant|mean)\b)"
    r"|(?:^|[.!?\n—–]|(?<=\bwait),|(?<=[—–-] no),)\s{0,20}+(?:this|that|it)"
    r"(?:(?:'s| is| was) (?:wrong|incorrect|not (?:right|correct))"
    r"|(?: can't be| cannot be| isn't|(?: doesn't| does not) (?:look|seem)) (?:right|correct))\s?(?:[,.!;:]|$)"
    r"|[.!?\n]\s{0,20}+(?:or\s{1,9})?(?:maybe|perhaps|possibly)\s++(?:it(?:'s|\s+is)\s+)?[$\\(]*(?:\d|[A-H]\b)"
    r"|\b(?:on second thought|on reflection|scratch that|correction|i made a mistake|i was wrong|just kidding)\b"
    r"|\b(?:could|might|may)\s(?:also\s)?be\s(?:either|both|\(?[A-H]\b)|\balso\s(?:fits|works|possible|plausible)\b)",
    re.IGNORECASE,
)
_ENDS = frozenset(" .!?\n\t—–")
"""What a change of mind follows."""
_IF = re.compile(
    r"(?P<if>\b(?:if|unless|assuming|suppose|supposing|provided|in case|wenn|falls|si|se)\b)"
    r"|(?P<would>\b(?:would|could|might|wäre|serait|sería|seria)\b)"
    r"|(?P<supposed>如果|假如|假设|要是|倘若|만약|만일|もし|仮に|(?<!\w)(?:إذا|لو)(?!\w))",
    re.IGNORECASE,
)

MAX_STATED_CHARS = 1_000
"""Of what a statement says, and of the end of a response, where statements are searched for first."""

MAX_BOXES = 200
MAX_OBJECTS = 20
MAX_RIVALS = 10
"""Different answers stated in one breath that are read to see whether they agree; more are never one answer."""

MIN_STATEMENT = 8
"""Characters; no statement is shorter: `answer 7`."""


@dataclass(frozen=True, slots=True)
class ResponseParts:
    """A response split into its parts.

    thinking: the text inside `<think>` ("" without one). solution: what follows the thinking, without the answer tag.
    answer: the answer's text unchanged (a boxed number with the unit after it), "" if none was found.
    found_by: "tag", "box", "statement", "text" or "".
    problem: "" or what went wrong: `unclosed_thinking`, `unclosed_answer`, `no_answer`, `several_answers`,
    `answer_withdrawn`.
    """

    thinking: str
    solution: str
    answer: str
    found_by: str
    problem: str = ""


class Span(NamedTuple):
    """The text that gives the answer. found_by, problem: as in `ResponseParts`.

    rivals: other answers given in the same breath, which must say the same. behind: the text after an answer tag.
    """

    answer: str
    found_by: str = ""
    problem: str = ""
    rivals: tuple[str, ...] = ()
    behind: str = ""


def split_response(text: str) -> ResponseParts:
    """Take a response apart into its thinking, its solution and its answer."""
    thinking, visible, closed = split_thinking(text)
    span = find_span(text)
    problem = "unclosed_thinking" if not closed and not span.answer else span.problem
    return ResponseParts(thinking.strip(), _without_answer_tags(visible), span.answer, span.found_by, problem)


def _without_answer_tags(visible: str) -> str:
    found, _ = _answer_tags(visible)
    return (visible[: found[-1].start()] + visible[found[-1].end() :]).strip() if found else visible.strip()


def _answer_tags(text: str) -> tuple[list[re.Match[str]], bool]:
    """(the closed answer tags of a text, whether any is never closed)."""
    tags = list(ANSWER.finditer(text))
    closed = [tag for tag in tags if tag[1] is not None]
    return closed, len(closed) < len(tags)


def find_span(response: str) -> Span:
    """The span that gives the answer of a response."""
    visible = after_thinking(response)
    if not visible.strip() and not split_thinking(response)[2]:
        return Span("", "", "unclosed_thinking")
    if "<" in visible:
        tagged, is_open = _answer_tags(visible)
        if tagged:
            return _in_tags(visible, tagged)
        if is_open:
            return Span("", "", "unclosed_answer")
    return find_untagged(visible)


def _in_tags(visible: str, tagged: list[re.Match[str]]) -> Span:
    """The last tag's content, unless it is one of several different answers given in one breath."""
    tag = tagged[-1]
    answer = _unfenced(tag[1].strip())
    for before, after in zip(tagged[-2::-1], tagged[:0:-1], strict=False):
        if not _BETWEEN_ANSWERS.fullmatch(visible[before.end() : after.start()][:200]):
            break
        if fold(before[1].strip()) != fold(answer):
            return Span("", "", "several_answers")
    line = visible[max(0, tag.start() - 40) : tag.start()].rpartition("\n")[2]
    if _BEFORE_NO_ANSWER.search(line) or _AFTER_NO_ANSWER.match(visible, tag.end()):
        return Span("", "", "several_answers")
    behind = visible[tag.end() :].replace("```", "").strip()
    if _CHANGE_OF_MIND.search(behind):
        return Span("", "", "answer_withdrawn")
    return Span(answer, "tag", "" if answer else "no_answer", (), behind)


def find_untagged(text: str) -> Span:
    """The last box or the last statement of the answer, else the text."""
    if answers := _in_json(text):
        return Span(answers[0], "statement") if len(answers) == 1 else Span("", "", "several_answers")
    box, statement = _last_boxes(text), _last_statement(text)
    if box and (statement is None or statement[0] < box[1]):
        start, end, content = box
        if _BEFORE_NO_ANSWER.search(text[max(0, start - 40) : start]) or _AFTER_NO_ANSWER.match(text, end):
            return Span("", "", "several_answers")
        span = Span(content + _unit_behind(content, text[end : end + 60]), "box")
    elif statement:
        start, content, rivals = statement
        if len(rivals) > MAX_RIVALS:
            return Span("", "", "several_answers")
        if _is_supposed(SENTENCE_END.split(text[max(0, start - 300) : start])[-1]):
            return Span("", "", "hedged")
        end, span = start + len(content), Span(content, "statement", "", rivals)
    else:
        found = () if _ENDS.isdisjoint(text) else _CHANGE_OF_MIND.finditer(text)
        changes = [change.end() for change in found if text[: change.start()].strip()]
        closing = _unfenced(text[changes[-1] :].strip(" \n:,.!") if changes else text.strip())
        if changes and not closing.strip(" .!"):
            return Span("", "", "answer_withdrawn")
        return Span(closing, "text") if closing else Span("", "", "no_answer")
    return Span("", "", "answer_withdrawn") if _CHANGE_OF_MIND.search(text, end) else span


def _is_supposed(sentence: str) -> bool:
    """Whether a sentence says what the answer would be if something were the case."""
    said = [mark.lastgroup for mark in _IF.finditer(sentence)]
    return "supposed" in said or ("if" in said and "would" in said[said.index("if") :])


def _unfenced(text: str) -> str:
    """The content of a text that is one fenced block."""
    if not (text.startswith("```") and text.endswith("```") and text.count("```") == 2):
        return text
    first, line_end, rest = text[3:-3].partition("\n")
    return (rest if line_end and first.strip().isalnum() else text[3:-3]).strip()


def _in_json(text: str) -> list[str]:
    """The different answers of a text that is a JSON object, or several."""
    if '"' not in text:
        return []
    block = text.rfind("```json")
    bare = _unfenced(text[max(block, 0) :].strip())
    if not (bare.startswith("{") and bare.endswith("}")) or len(bare) > 100_000:
        return []
    answers, position = [], 0
    try:
        while position < len(bare) and len(answers) < MAX_OBJECTS:
            found, position = json.JSONDecoder().raw_decode(bare, position)
            answers.append(_json_answer(found))
            position += len(bare[position:]) - len(bare[position:].lstrip(" \n\t\r,"))
    except (ValueError, RecursionError):
        return []
    return list(dict.fromkeys(answers)) if all(answers) and position == len(bare) else []


def _json_answer(found: Any) -> str:
    answer = next((found[key] for key in KEYS if key in found), None) if isinstance(found, dict) else None
    if isinstance(answer, list) and all(isinstance(part, str | int | float) for part in answer):
        return ", ".join(map(str, answer))
    return str(answer) if isinstance(answer, str | int | float) else ""


def _unit_behind(content: str, text: str) -> str:
    r"""The unit of a boxed number, if it follows the box and ends the clause: ` m` of `$\boxed{12}$ m.`"""
    bare = content.replace("\\frac", "").strip("-+")
    if not bare or any(char not in "0123456789.,/ {}" for char in bare):
        return ""
    match = _UNIT_BEHIND.match(unwrap(text).replace("{", "").replace("}", ""))
    unit = read_unit(match[1]) if match else None
    return f" {match[1]}" if match and unit and not unit.noun else ""


def _last_boxes(text: str) -> tuple[int, int, str] | None:
    """(start, end, content) of the last box, or of the last row of boxes joined only by commas and conjunctions."""
    boxes: list[tuple[int, int, str]] = []
    if "\\" not in text and "<|" not in text:
        return None
    for match in BOX.finditer(text):
        if not boxes or match.start() >= boxes[-1][1]:
            boxes.append((match.start(), *_box_content(text, match.end())))
    if not boxes:
        return None
    row = [boxes[-1]]
    for earlier in reversed(boxes[-MAX_BOXES:-1]):
        if not _is_one_row(text[earlier[1] : row[0][0]]):
            break
        row.insert(0, earlier)
    contents = list(dict.fromkeys(_apart(content) for _, _, content in row))
    return row[-1][0], row[-1][1], ", ".join(contents)


def _apart(content: str) -> str:
    r"""`\boxed{-2,1}` with a space: in LaTeX a comma between digits only separates members, or thousands."""
    first, _, second = content.partition(",")
    bare = second.removeprefix("-").removeprefix("+")
    if not (first.removeprefix("-").removeprefix("+").isdecimal() and bare.isdecimal()):
        return content
    thousands = bare == second and (len(bare) == 2 or (len(bare) == 3 and bare[0] != "0"))
    return content if thousands else f"{first}, {second}"


def _is_one_row(between: str) -> bool:
    r"""Whether the boxes on both sides are one answer: `\boxed{2}, \boxed{3}`, `\boxed{2} cats, \boxed{3} dogs`."""
    if _BETWEEN_BOXES.fullmatch(between[:200]):
        return True
    concludes = "no" in between or bool(turns(between) & {"so", "but"})
    return len(between) <= 200 and not concludes and not SENTENCE_END.search(between)


def _box_content(text: str, start: int) -> tuple[int, str]:
    r"""(end, content) of a box whose `\boxed{` or `\boxed ` ends at `start`; up to the line's end if never closed."""
    if text[start - 1] == ">":
        end = text.find("<|end_of_box|>", start)
        return (end + 14, text[start:end].strip()) if end >= 0 else (len(text), text[start:].split("\n")[0].strip())
    if text[start - 1] != "{":
        return start + 1, text[start : start + 1]
    end = balanced(text, start)
    content = text[start : end - 1] if text[end - 1] == "}" else text[start:end].split("\n")[0]
    return end, content.strip().rstrip("$")


def _last_statement(text: str) -> tuple[int, str, tuple[str, ...]] | None:
    """(position, the stated answer, others stated in the same breath) of the last "the answer is …"."""
    lowered = text.lower()
    if (len(text) < MIN_STATEMENT and text.isascii()) or not any(map(lowered.__contains__, HINTS)):
        return None
    last: tuple[int, str, bool] | None = None
    rivals: list[str] = []
    begin = 0
    # Long solutions are searched from their end first.
    found = list(STATEMENT.finditer(text, max(0, len(text) - MAX_STATED_CHARS))) or list(STATEMENT.finditer(text))
    for match in reversed(found[-MAX_BOXES:]):
        content = _clause(text[match.end() : match.end() + MAX_STATED_CHARS])
        heads = match[0].rstrip(" *")[-1:] in ":：】" and bool(
            HEADING.search(text[max(0, match.start() - 60) : match.start()])
        )
        if last is None:
            last = (match.end(), content, heads) if content else None
            begin = match.start()
            continue
        between = text[match.end() : begin]
        rest = between.partition(content)[2] if content else between
        if not content or heads != last[2] or not _BETWEEN_ANSWERS.fullmatch(rest[:200]):
            break
        rivals.append(content)
        begin = match.start()
    return (last[0], last[1], tuple(dict.fromkeys(rivals))) if last else None


def _clause(text: str) -> str:
    """The first sentence of `text`, or its first displayed formula or block."""
    text = text.lstrip(" \t\r\n*:：")
    if text.startswith("```"):
        return _unfenced("```" + text[3:].partition("```")[0] + "```")
    for left, right in (("\\[", "\\]"), ("$$", "$$"), ("$", "$"), ("\\(", "\\)")):
        if text.startswith(left) and right in text[len(left) :]:
            end = text.index(right, len(left)) + len(right)
            return text[:end] + _sentence(text[end:])
    content = _sentence(text)
    return content.removesuffix("**") if content.count("**") % 2 else content


def _sentence(text: str) -> str:
    match = SENTENCE_END.search(text)
    return (text[: match.start()] if match else text).strip()
