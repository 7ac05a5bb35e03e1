"""How far a build is: one tally per stage, written by the build and read by whoever shows it."""

import time
from dataclasses import dataclass, field

from ovt.curate.endpoints.tally import Tally


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
