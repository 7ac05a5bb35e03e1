"""Whether an answer that names an option offers another one beside it: `A then B`, `B (maybe C)`, `B: 60%, C: 40%`.

Another letter does no harm where it is ruled out (`not A`, `B rather than A`), where something is said of it (`A is
red`), or where the answer is drawn from what was said before (`Of A and C, the answer is B`).
"""

import re

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
    """Whether a short answer that names `letter` offers another letter as well."""
    found = list(_LETTER.finditer(answer))
    picks = [match for match in found if match[1] == letter]
    if not picks:
        return False
    start = picks[-1].start()
    if _CONCLUDED.search(answer[:start]):
        found = [match for match in found if match.start() > start]
    return any(match[1] != letter and not _is_mentioned(answer, match) for match in found)


def _is_mentioned(answer: str, match: re.Match[str]) -> bool:
    """Whether a letter is only spoken of: ruled out, or something is said of it."""
    return bool(_RULED_OUT.search(answer[: match.start()]) or _SAID_OF.match(answer, match.end()))
