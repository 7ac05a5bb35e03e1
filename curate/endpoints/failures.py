"""Which replies can be asked for again, what most failures say, and how many alike in a row end a build."""

import re
from collections import Counter
from collections.abc import Iterable

from ovt.core.errors import CallError
from ovt.curate.endpoints.chat import ReplyKind

AGAIN: tuple[ReplyKind, ...] = ("empty", "filtered", "refusal", "tool_calls", "truncated")
ALIKE = 10  # refusals with the same words in a row, after which nothing else can be expected
ALIKE_LATER = 50  # the same once replies have come, when a refusal may be a request's own fault
VARIABLE = re.compile(r"\b(?:req|chatcmpl|call)[-_]\w+|\b[0-9a-f-]{12,}\b|\d+", re.I)  # differs from one to the next


def in_common(said: str) -> str:
    """A failure's words without what differs from one to the next: numbers and request ids."""
    return VARIABLE.sub("#", said)


def counted(errors: Iterable[str]) -> list[tuple[str, int]]:
    """The first in each group of failures that share their words, and the size of the group; largest first."""
    first: dict[str, str] = {}
    groups = Counter(in_common(first.setdefault(in_common(said), said)) for said in errors)
    return [(first[group], count) for group, count in groups.most_common()]


class Streak:
    """Failed requests in a row: how many, and how many of the latest said the same."""

    def __init__(self) -> None:
        self.length = self.alike = 0
        self.latest = ""

    def add(self, error: CallError) -> None:
        same = in_common(error.reason) == in_common(self.latest)
        self.alike = (self.alike + 1 if same else 1) if error.kind == "refused" else 0
        self.length, self.latest = self.length + 1, error.reason

    def end(self) -> None:
        """A reply came."""
        self.length = self.alike = 0
        self.latest = ""
