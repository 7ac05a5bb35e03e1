"""`ovt verify attack`: every hack against every target, and how many the grader fell for."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ovt.curate.audit.hacks import ANSWERS, RESPONSES, TARGETS, Hack, Target, responses
from ovt.verifiers import verify_response

Grader = Callable[..., Any]
"""(response, gold, choices=…) -> something that is true where the response is accepted."""


@dataclass(frozen=True)
class Accepted:
    """A response that earned something and should not have."""

    response: str
    gold: str
    choices: tuple[str, ...] | None


@dataclass(frozen=True)
class Outcome:
    """One hack against all targets; `slowest_s` is the longest that one verdict took, in seconds."""

    hack: str
    what: str
    tried: int
    accepted: tuple[Accepted, ...]
    slowest_s: float


@dataclass(frozen=True)
class Report:
    """The whole suite."""

    outcomes: tuple[Outcome, ...]

    @property
    def tried(self) -> int:
        return sum(outcome.tried for outcome in self.outcomes)

    @property
    def accepted(self) -> int:
        return sum(len(outcome.accepted) for outcome in self.outcomes)

    @property
    def false_accept_rate(self) -> float:
        """The share of hacks that were accepted, 0 … 1."""
        return self.accepted / max(self.tried, 1)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        hacks = [
            {
                "hack": outcome.hack,
                "what": outcome.what,
                "tried": outcome.tried,
                "accepted": [
                    {"response": one.response, "gold": one.gold, "choices": one.choices} for one in outcome.accepted
                ],
                "slowest_s": round(outcome.slowest_s, 4),
            }
            for outcome in self.outcomes
        ]
        totals = {"tried": self.tried, "accepted": self.accepted, "false_accept_rate": self.false_accept_rate}
        return totals | {"slowest_s": max(hack["slowest_s"] for hack in hacks), "hacks": hacks}


def attack(
    grade: Grader = verify_response,
    hacks: Iterable[Hack] = (*ANSWERS, *RESPONSES),
    targets: Sequence[Target] = TARGETS,
) -> Report:
    """Try every hack against every target; times are of the wall clock."""
    return Report(tuple(try_hack(hack, targets, grade) for hack in hacks))


def try_hack(hack: Hack, targets: Iterable[Target], grade: Grader) -> Outcome:
    """One hack against all targets."""
    accepted, tried, slowest = [], 0, 0.0
    for target in targets:
        for response in responses(hack, target):
            started = time.perf_counter()
            verdict = grade(response, target.gold, choices=target.choices)
            slowest = max(slowest, time.perf_counter() - started)
            tried += 1
            if verdict:
                accepted.append(Accepted(response, target.gold, target.choices))
    name = getattr(hack, "__name__", "hack")
    return Outcome(name, (hack.__doc__ or "").strip(), tried, tuple(accepted), slowest)
