"""Counters of a stage's model calls, polled by the live panel."""

import time
from dataclasses import dataclass, field


@dataclass
class Tally:
    """Counts replies, not calls: at the end of a fill, done + cached + failed is the number of replies wanted.

    `total` is set by the caller, who knows how many are wanted; `fill` counts the rest. `done` replies were answered
    in this run, `cached` ones were in the store; tokens and US dollars (None: not known) are this run's; `in_flight` is
    calls.
    """

    total: int = 0
    done: int = 0
    cached: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    in_flight: int = 0


# How far a build is: one tally per stage, written by the build and read by whoever shows it.


@dataclass
class Progress:
    """The stages under way or done, in order. Stages without model calls count rows in `total` and `done` only.

    began  when each stage began, on the monotonic clock, in seconds; a stage ends where the next one begins
    notes  what the build guessed and a person should know, such as the columns it took
    """

    stages: dict[str, Tally] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def begin(self, stage: str, total: int = 0) -> Tally:
        """A fresh tally for `stage`, whose work starts now."""
        self.began[stage] = time.monotonic()
        self.stages[stage] = Tally(total=total)
        return self.stages[stage]
