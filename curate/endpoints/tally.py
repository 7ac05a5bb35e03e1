"""Counters of a stage's model calls, polled by the live panel."""

from dataclasses import dataclass


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
