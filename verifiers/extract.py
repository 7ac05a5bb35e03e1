r"""Find the answer in a response.

    "<think>…</think> It is 7 high. <answer>7</answer>"  ->  thinking "…", solution "It is 7 high.", answer "7"

The content of the last complete `<answer>…</answer>` decides; without tags the last `\boxed{…}` or the last statement
of the answer ("The answer is …"), whichever comes later; otherwise the text itself if it is short. Anything inside
`<think>…</think>` is ignored, and chat templates that prefill the opening tag are supported: a response with
only `</think>` starts with its thinking.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from ovt.verifiers.dressing import balanced, fold, unwrap
from ovt.verifiers.guard import MAX_RESPONSE_CHARS
from ovt.verifiers.kinds.units import read_unit

# White space is possessive (\s*+, \s++) wherever more could follow it: else a long run of it takes quadratic time.
_THINK_TAG = re.compile(r"<\s*+(/?)\s*+think(?:ing)?\s*+>", re.IGNORECASE)
_ANSWER = re.compile(r"<\s*+answer\s*+>((?:(?!<\s*+answer\s*+>).)*?)<\s*+/\s*+answer\s*+>", re.I | re.S)
_ANSWER_OPEN = re.compile(r"<\s*+answer\s*+>", re.IGNORECASE)
_BOX = re.compile(r"\\(?:boxed|fbox|beginboxed)\s*+(?:\{|(?=[0-9A-Za-z]))")
_STATEMENT = re.compile(
    r"(?:\b(?:final|correct|right|best|exact|closest|only|possible|my|the|our|your)\s++(?:possible\s++)?answers?"
    r"(?:\s++(?:here|choice|option))?"
    r"|(?<!wrong )(?<!incorrect )(?<!false )\banswers?(?=\s*+(?:[:：=]|is\b))"
    r"|\b(?:correct|right|best|appropriate|suitable|fitting)\s++(?:option|choice|one|statement|alternative)s?)"
    r"(?:\s++(?:to|of|for)\s++(?:the|this)\s++(?:\w++\s++)?(?:question|problem|exercise|puzzle))?"
    r"\s*+\**+\s*+"
    r"(?:(?:is|are|would be|will be|should be|must be|appears to be|seems to be|equals)\b"
    r"(?:\s++(?:therefore|thus|simply|just|then|for sure|clearly|definitely|approximately|about))?\s*+[:：]?|[:：=])"
    r"\s*+\**+\s*+"
    r"|答案\s*+(?:应该是|应为|是|为|[:：])\s*+[:：]?\s*+\**+|(?:故|应|所以|因此|应该)选择?\s*+[:：]?\s*+(?=[（(]?[A-H])",
    re.IGNORECASE,
)
_BARE_NUMBER = re.compile(r"[-+]?(?:[\d.,/ ]*\d|\\[dtc]?frac\{\d+\}\{\d+\})")
_UNIT_BEHIND = re.compile(
    r"(?:[\s$~]|\\[,;: ])*+((?!in\s+\w)[^\W\d_][^\W_]*+(?:[\s/^*·-]++[^\W_]++){0,3}?)"
    r"(?=[\s$*]*+(?:[.,;:!?)\n]|\\[)\]]|$))"
)
_BETWEEN_BOXES = re.compile(
    r"^(?:\s|[,;$&.]|\\[()\[\],;:! ]|\\q?quad|and\b|or\b|also\b|\\text\s*\{[^{}]{0,40}\}|for part \(?[a-z]\)?"
    r"|[A-Za-z](?:_\{?\w+\}?)?\s*=)*$"
)
_SENTENCE_END = re.compile(r"(?<!\betc)(?<!\bvs)(?:[.?]|(?<![0-9)}])!)(?=[\"')*\]]*+\s++[^a-z\s]|\s*+$)|。|\n")
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
    r"(?:^|[.!?\n])[\s$\\)\]*}]{0,20}+(?:(?:actually|wait|hold on|no|sorry|h?mm+|oops|nope)"
    r"(?:\s?[,.!:]|\s+(?:wait|no|actually)\b)"
    r"|(?:actually|wait|no|sorry)\s+(?:it(?:'s|\s+is)\s+)?[$\\(]*(?:\d|[A-H]\b)|i (?:meant|mean)\b"
    r"|(?:this|that|it)(?:'s| is| was) (?:wrong|incorrect|not (?:right|correct))\s?(?:[,.!;]|$))"
    r"|[.!?\n]\s{0,20}+(?:or\s{1,9})?(?:maybe|perhaps|possibly)\s++(?:it(?:'s|\s+is)\s+)?[$\\(]*(?:\d|[A-H]\b)"
    r"|\b(?:on second thought|on reflection|scratch that|correction|i made a mistake|i was wrong|just kidding)\b",
    re.IGNORECASE,
)
_END_OF_TEXT = re.compile(r"<\|[^<>|]{1,40}\|>|</?s>|```")
MAX_CLAUSE_CHARS = 1_000


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


def split_response(text: str) -> ResponseParts:
    """Take a response apart into its thinking, its solution and its answer."""
    thinking, visible, closed = split_thinking(text)
    answer, found_by, problem = find_answer(_after_thinking(text))
    if not closed and not answer:
        problem = "unclosed_thinking"
    return ResponseParts(thinking.strip(), _without_answer_tags(visible), answer, found_by, problem)


def split_thinking(text: str) -> tuple[str, str, bool]:
    """(thinking, everything else, whether the last `<think>` was closed). Linear in the text's length."""
    thinking: list[str] = []
    visible: list[str] = []
    inside, position = False, 0
    for tag in _THINK_TAG.finditer(text):
        piece = text[position : tag.start()]
        position = tag.end()
        if tag[1]:
            # A closing tag without an opening one: the template prefilled it, so all before is thinking.
            thinking += [piece] if inside else [*visible, piece]
            visible = visible if inside else []
            inside = False
        else:
            (thinking if inside else visible).append(piece)
            inside = True
    (thinking if inside else visible).append(text[position:])
    return "".join(thinking), "".join(visible), not inside


def _after_thinking(text: str) -> str:
    """The text after the last `</think>`, up to a `<think>` that is never closed; the whole text without such tags."""
    tags = list(_THINK_TAG.finditer(text))
    start = max((tag.end() for tag in tags if tag[1]), default=0)
    end = min((tag.start() for tag in tags if not tag[1] and tag.start() >= start), default=len(text))
    return text[start:end]


def _without_answer_tags(visible: str) -> str:
    found = list(_ANSWER.finditer(visible))
    if not found:
        return visible.strip()
    return (visible[: found[-1].start()] + visible[found[-1].end() :]).strip()


def find_answer(visible: str) -> tuple[str, str, str]:
    """(answer, how it was found, problem) in the text outside the thinking."""
    visible = visible[-MAX_RESPONSE_CHARS:]
    tagged = list(_ANSWER.finditer(visible))
    if tagged:
        return _tagged_answer(visible, tagged)
    if _ANSWER_OPEN.search(visible):
        return "", "", "unclosed_answer"
    return untagged_answer(visible)


def _tagged_answer(visible: str, tagged: list[re.Match[str]]) -> tuple[str, str, str]:
    """The last tag's content, unless it is one of several different answers given in one breath."""
    last = tagged[-1][1].strip()
    for before, after in pairwise(tagged):
        gap = visible[before.end() : after.start()].strip(" \t\r\n,;./|*").lower()
        if gap in ("", "or", "and", "or maybe", "maybe", "alternatively") and fold(before[1].strip()) != fold(last):
            return "", "", "several_answers"
    tag = tagged[-1]
    line = visible[max(0, tag.start() - 40) : tag.start()].rpartition("\n")[2]
    if _BEFORE_NO_ANSWER.search(line) or _AFTER_NO_ANSWER.match(visible, tag.end()):
        return "", "", "several_answers"
    if _CHANGE_OF_MIND.search(visible[tag.end() :]):
        return "", "", "answer_withdrawn"
    return last, "tag", "" if last else "no_answer"


def afterwards(response: str) -> str:
    """The text after the last complete answer tag of a response, outside the thinking; "" without such a tag."""
    visible = _after_thinking(response)[-MAX_RESPONSE_CHARS:]
    tagged = list(_ANSWER.finditer(visible))
    return _END_OF_TEXT.sub("", visible[tagged[-1].end() :]).strip() if tagged else ""


def untagged_answer(text: str) -> tuple[str, str, str]:
    """(answer, how it was found, problem): the last box or the last statement of the answer, else a short text."""
    box, statement = _last_boxes(text), _last_statement(text)
    if box and (statement is None or statement[0] < box[0]):
        start, end, content = box
        if _BEFORE_NO_ANSWER.search(text[max(0, start - 40) : start]) or _AFTER_NO_ANSWER.match(text, end):
            return "", "", "several_answers"
        content, found_by = content + _unit_behind(content, text[end : end + 60]), "box"
    elif statement:
        start, content, found_by = *statement, "statement"
        end = start + len(content)
    else:
        closing = text.strip()
        return (closing, "text", "") if closing else ("", "", "no_answer")
    if _CHANGE_OF_MIND.search(text, end):
        return "", "", "answer_withdrawn"
    return content, found_by, ""


def _unit_behind(content: str, text: str) -> str:
    r"""The unit of a boxed number, if it follows the box and ends the clause: ` m` of `$\boxed{12}$ m.`"""
    match = _UNIT_BEHIND.match(re.sub("[{}]", "", unwrap(text))) if _BARE_NUMBER.fullmatch(content) else None
    unit = read_unit(match[1]) if match else None
    return f" {match[1]}" if match and unit and not unit.noun else ""


def _last_boxes(text: str) -> tuple[int, int, str] | None:
    """(start, end, content) of the last box, or of the last row of boxes joined only by commas and conjunctions."""
    boxes: list[tuple[int, int, str]] = []
    for match in _BOX.finditer(text):
        if not boxes or match.start() >= boxes[-1][1]:
            boxes.append((match.start(), *_box_content(text, match.end())))
    if not boxes:
        return None
    row = [boxes[-1]]
    for earlier in reversed(boxes[:-1]):
        if not _BETWEEN_BOXES.match(text[earlier[1] : row[0][0]][:200]):
            break
        row.insert(0, earlier)
    contents = list(dict.fromkeys(content for _, _, content in row))
    return row[-1][0], row[-1][1], ", ".join(contents)


def _box_content(text: str, start: int) -> tuple[int, str]:
    r"""(end, content) of a box whose `\boxed{` or `\boxed ` ends at `start`; up to the line's end if never closed."""
    if text[start - 1] != "{":
        return start + 1, text[start : start + 1]
    end = balanced(text, start)
    content = text[start : end - 1] if text[end - 1] == "}" else text[start:end].split("\n")[0]
    return end, content.strip().rstrip("$")


def _last_statement(text: str) -> tuple[int, str] | None:
    """(position, the stated answer) of the last "the answer is …"."""
    for match in reversed(list(_STATEMENT.finditer(text))):
        content = _clause(text[match.end() : match.end() + MAX_CLAUSE_CHARS])
        if content:
            return match.end(), content
    return None


def _clause(text: str) -> str:
    """The first sentence of `text`, or its first displayed formula."""
    text = text.lstrip(" \t\r\n*:")
    for left, right in (("\\[", "\\]"), ("$$", "$$"), ("$", "$"), ("\\(", "\\)")):
        if text.startswith(left) and right in text[len(left) :]:
            end = text.index(right, len(left)) + len(right)
            return text[:end] + _sentence(text[end:])
    return _sentence(text)


def _sentence(text: str) -> str:
    match = _SENTENCE_END.search(text)
    return (text[: match.start()] if match else text).strip()


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text."""
    return [piece.strip() for piece in _SENTENCE_END.split(text) if piece.strip()]
