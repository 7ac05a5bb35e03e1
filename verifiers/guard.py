"""Limits that are checked before any work is done on a text: its length, its nesting, the size of its numbers.

Model output is hostile. What passes these guards can be parsed in linear time and evaluated in bounded memory.
"""

MAX_ANSWER_CHARS = 2_000
"""A longer answer is compared as text only: no parser sees it."""

MAX_RESPONSE_CHARS = 400_000
"""A longer response is cut to its tail before the answer is looked for."""

MAX_GOLD_CHARS = 2_000
"""A longer gold can only be matched by the very same text; the lint reports it."""

MAX_NESTING = 60
MAX_DIGITS = 4_000
MAX_POWER_BITS = 60_000

_OPEN = "([{"
_CLOSE = ")]}"


def nesting(text: str) -> int:
    """The deepest nesting of brackets in `text`."""
    depth = deepest = 0
    for char in text:
        if char in _OPEN:
            depth += 1
            deepest = max(deepest, depth)
        elif char in _CLOSE:
            depth -= 1
    return deepest


def refuse(text: str) -> str | None:
    """Why `text` must not reach a parser (a reason code), or None where it may."""
    if len(text) > MAX_ANSWER_CHARS:
        return "too_long"
    if len(text) > MAX_NESTING and nesting(text) > MAX_NESTING:
        return "too_nested"
    return None
