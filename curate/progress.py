"""How far a build is: one tally per stage, written by the build and read by whoever shows it."""

from dataclasses import dataclass, field

from ovt.curate.endpoints.tally import Tally


@dataclass
class Progress:
    """The stages under way or done, in order. Stages without model calls count rows in `total` and `done` only."""

    stages: dict[str, Tally] = field(default_factory=dict)

    def begin(self, stage: str, total: int = 0) -> Tally:
        """A fresh tally for `stage`, whose work starts now."""
        self.stages[stage] = Tally(total=total)
        return self.stages[stage]
