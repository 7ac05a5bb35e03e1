"""How fast a recipe's models answered, as builds and previews measured it: the basis for the plan of a larger build.

    rates/7b2e….json   {"reason": {"rows": 200, "wanted": 800, "replies": 800, "prompt_tokens": 61000, …}, …}

One file for everything that rates depend on: the stages that ask, their endpoints, and where the questions come from.
Of several measurements, the one with the most replies counts.
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ovt.core.files import write_json
from ovt.core.hashing import hash_json
from ovt.core.home import Home
from ovt.core.progress import Progress
from ovt.curate.recipe import Recipe
from ovt.curate.run import asking_stage, stage_title


@dataclass(frozen=True)
class Rate:
    """What a stage was asked in one run.

    rows      questions; wanted: replies to all of them, including those stored before
    replies   those that arrived, with their tokens; seconds: from the first request to the last reply
    """

    rows: int
    wanted: int
    replies: int
    prompt_tokens: int
    completion_tokens: int
    seconds: float

    @classmethod
    def of(cls, progress: Progress, stage: str) -> Self:
        """The rate of a build's stage so far."""
        tally = progress.stages[stage]
        seconds = progress.ended.get(stage, time.monotonic()) - progress.began[stage]
        tokens = tally.prompt_tokens, tally.completion_tokens
        return cls(tally.rows, tally.total, tally.done, *tokens, max(seconds, 1e-3))

    @property
    def per_second(self) -> float:
        return self.replies / self.seconds


Rates = Mapping[str, Rate]  # by stage, as the panel names it


def read_rates(recipe: Recipe, home: Home) -> Rates:
    """The rates measured for a recipe's stages; empty if there are none."""
    try:
        found = json.loads(place_of(recipe, home).read_text())
        return {stage: Rate(**rate) for stage, rate in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def keep_rates(recipe: Recipe, home: Home, progress: Progress) -> None:
    """Keeps the rates of a run if they rest on more replies than the known ones. Never fails the run."""
    titles = [stage_title(key, asking_stage(key)) for key in recipe.asking]
    rates = {title: Rate.of(progress, title) for title in titles if title in progress.stages}
    measured = {title: asdict(rate) for title, rate in rates.items() if rate.replies}
    if replies_of(rates) > replies_of(read_rates(recipe, home)):
        with suppress(OSError):
            write_json(place_of(recipe, home), measured)


def replies_of(rates: Rates) -> int:
    return sum(rate.replies for rate in rates.values())


def place_of(recipe: Recipe, home: Home) -> Path:
    """The file of a recipe's rates: its name is a hash of what they depend on."""
    asking = {key: section.model_dump(mode="json") for key, section in recipe.asking.items()}
    used = sorted({section.endpoint for section in recipe.asking.values()})
    endpoints = {name: recipe.endpoints[name].model_dump(mode="json") for name in used}
    made = {"asking": asking, "endpoints": endpoints, "sources": [source.path for source in recipe.sources]}
    return home.rates / f"{hash_json(made)[:16]}.json"
