"""Yes and no (true and false): the first word decides, unless the answer has it both ways.

"Yes, because the bar is higher" is Yes; "yes and no", "Yesterday", "None", "No idea" are neither.
"""

import re

from ovt.verifiers.dressing import plain
from ovt.verifiers.verdict import Finding

_GOLD = re.compile(r"(yes|no|true|false)$", re.IGNORECASE)
_LEADING = re.compile(
    r"(?:(?:so|well|thus|therefore|hence|definitely|absolutely|certainly|clearly|correct),?\s+)?(?:(?:it|this|that|the\s+\w+)\s+is\s+)?(yes|no|true|false)"
    r"(?:$|\s*[,.;:!)\-]|\s+(?:because|since|as|it|they|there|the|this|that|these|those|he|she|we|you|i|both|in|on|by)\b)",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:^|\b(?:is|be|say|answer|answered|hence|so|therefore|thus|think)[:,]?\s+)(yes|no|true|false)$", re.IGNORECASE
)
_NOT_SAID = re.compile(
    r"(?:\b(?:cannot|not|never)|n't)\s+(?:\w+\s+)?(?:be|say|answer|think)[:,]?\s+(?:yes|no|true|false)$", re.IGNORECASE
)
_BOTH_WAYS = re.compile(
    r"\b(?:yes|no|true|false)\b\W*(?:\b(?:and|or|but|also|maybe|perhaps|then|wait|actually|rather)\b\W*){0,3}"
    r"\b(?:yes|no|true|false)\b(?=\W*$|\s*[,.;:!?)])",
    re.IGNORECASE,
)
_OPPOSITE = {"yes": "no", "no": "yes", "true": "false", "false": "true"}


def read_yes_no(text: str) -> str | None:
    """The polarity that a gold is: "yes", "no", "true", "false" or None."""
    match = _GOLD.match(plain(text))
    return match[1].lower() if match else None


def read_polarity(text: str) -> tuple[str, str]:
    """(polarity, reason): what an answer says; polarity is "" where it says nothing or both."""
    text = " ".join(plain(text).split())
    if both := _BOTH_WAYS.search(text):
        words = {word for word in re.findall(r"[a-z]+", both[0].lower()) if word in _OPPOSITE}
        if any(_OPPOSITE[word] in words for word in words):
            return "", "hedged"
    if _NOT_SAID.search(text):
        return "", "hedged"
    match = _LEADING.match(text) or _CLOSING.search(text)
    if match:
        return match[1].lower(), ""
    return "", "not_yes_or_no"


def check_yes_no(prediction: str, gold: str) -> Finding:
    """Compare an answer's polarity with the gold's."""
    polarity, reason = read_polarity(prediction)
    if not polarity:
        return Finding("wrong", reason, plain(prediction).lower(), gold)
    if polarity == gold:
        return Finding("correct", "equal", polarity, gold)
    return Finding("wrong", "different", polarity, gold)
