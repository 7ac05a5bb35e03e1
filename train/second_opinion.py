"""A grader that shares no rule with the reward: where the reward rises and this one falls, the reward is hacked.

exact         the one closed <answer> is the gold, or its option's letter or text, but for case and white space
math-verify   as math-verify sees that answer, in a process of its own

Both are stricter than the verifier, so their level says little; what counts is where they go.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Literal

from ovt.core.errors import OvtError
from ovt.curate.audit.peers import Peer, installed

GraderName = Literal["exact", "math-verify", "none"]
Grader = Callable[[Sequence[str], Sequence[str], Sequence[Sequence[str] | None]], float]
SOME = 32  # rollouts of a batch that math-verify looks at: it takes about 10 ms for each


def open_grader(name: GraderName) -> AbstractContextManager[Grader | None]:
    """The grader of this name while the block lasts; None for "none". OvtError where it is not installed."""
    if name == "none":
        return nullcontext(None)
    if name == "exact":
        return nullcontext(share_exact)
    if not installed()[name]:
        raise OvtError(f"second_opinion = {name!r} is not installed: pip install {name}, or choose exact")
    return peer_grader(name)


@contextmanager
def peer_grader(name: str):
    """A grader in a process of its own, which ends with the block."""
    with Peer(name) as peer:

        def share(texts: Sequence[str], golds: Sequence[str], choices: Sequence[Sequence[str] | None]) -> float:
            step = max(1, len(texts) // SOME)
            rows = list(zip(texts, golds, strict=True))[::step]
            return sum(peer.judge(only_answer(text) or "", gold) == "correct" for text, gold in rows) / len(rows)

        yield share


def share_exact(texts: Sequence[str], golds: Sequence[str], choices: Sequence[Sequence[str] | None]) -> float:
    """The share of responses that are right to the letter."""
    rows = list(zip(texts, golds, choices, strict=True))
    return sum(is_exact(text, gold, options) for text, gold, options in rows) / len(rows)


def is_exact(text: str, gold: str, choices: Sequence[str] | None) -> bool:
    """Whether the one answer tag of a response holds the gold and nothing else."""
    answer = only_answer(text)
    return answer is not None and fold(answer) in accepted(gold, choices or ())


def only_answer(text: str) -> str | None:
    """What stands in the answer tag; None where there is none, or more than one."""
    if text.count("<answer>") != 1 or text.count("</answer>") != 1:
        return None
    answer, closed, _ = text.partition("<answer>")[2].partition("</answer>")
    return answer if closed else None


def accepted(gold: str, choices: Sequence[str]) -> set[str]:
    """The gold as it may be written: itself, and, where it is an option, its letter, its text, or both."""
    forms = {fold(gold)}
    for number, choice in enumerate(choices):
        letter, text = chr(ord("a") + number), fold(choice)
        if fold(gold) in (letter, text):
            forms |= {letter, f"({letter})", text, f"{letter}. {text}"}
    return forms


def fold(text: str) -> str:
    return " ".join(text.split()).casefold()
