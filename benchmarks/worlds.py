"""The two worlds of the miniature study (study.py): their loops and conditions, and what their bases were trained on.

seeing     captions lose values, and the base sees but answers at a glance (recipes/pocket-loop.toml), as far as the
           knobs in a file say: examples/pocket_training/world.toml
lossless   captions lose nearly nothing, and the base has never reasoned beside a picture (lossless.toml)
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ovt.pocket import WEIGHTS, WEIGHTS_VL

FAMILIES = ("bars", "lines", "tables", "shapes", "easy")  # with more figures than a base can have seen
HARD = ["bars", "lines", "tables", "icons"]
RANDOM = "curate.select.strategy=random_correct"
UNCUT = "curate.filter.reflection.mode=off"
Step = tuple[str, str]  # a condition, and the step of it whose model is meant


@dataclass(frozen=True)
class World:
    """The subject of a study.

    recipe       the loop; base: the folder of its base; changes: what every condition changes
    conditions   what each changes beyond that; repeated: those with the number of iterations that is asked for
    rows         of the table: (label, name in the plot, condition, step); pairs: of the gains: (label, after, before)
    trainings    the folders whose training.json tells what the base was trained on
    questions    figures drawn for an iteration, of `families`; hard: whether later ones have more of hard families
    held_out     how many times the loop's own held-out figures; where: which questions of figures are asked (SQL)
    """

    recipe: str
    base: Path
    changes: tuple[str, ...]
    conditions: Mapping[str, list[str]]
    repeated: tuple[str, ...]
    rows: tuple[tuple[str, str, str, str], ...]
    pairs: tuple[tuple[str, Step, Step], ...]
    trainings: tuple[Path, ...]
    questions: int
    held_out: float
    families: tuple[str, ...] = ()
    where: str | None = None
    iterations: int = 3
    hard: bool = False

    def sources(self, seed: int, number: int, size: float) -> list[dict[str, Any]]:
        """The training figures of an iteration of a seed, a share `size` of them."""
        count = round(self.questions * size)
        figures = {"path": "pocket:figures", "license": "Apache-2.0", "seed": 100 * seed + number, "name": "figures"}
        if self.families:
            figures["families"] = list(self.families)
        if self.where:
            figures["where"] = self.where
        if not self.hard or number == 1:
            return [{**figures, "limit": count}]
        more = {**figures, "name": "hard figures", "families": HARD, "seed": 1000 * seed + number}
        return [{**figures, "limit": count - count // 3}, {**more, "limit": count // 3}]


LADDER = tuple(
    (f"{kind}-Iter{i}", f"{kind} {i}", "iterations", f"{kind.lower()}-{i}") for i in (1, 2, 3) for kind in ("SFT", "RL")
)
BASE = ("base", "base", "iterations", "base")
ABLATIONS = (
    ("base, answering directly", "direct", "direct", "base"),
    BASE,
    ("SFT, unfiltered chains", "unfiltered", "unfiltered", "sft-1"),
    ("SFT, at most 50 words", "short", "short", "sft-1"),
    ("SFT, reflections cut", "cut", "cut", "sft-1"),
)
STEPS_UP = (
    ("SFT-Iter1, against the base", ("iterations", "sft-1"), ("iterations", "base")),
    ("SFT-Iter1, against reflections cut", ("iterations", "sft-1"), ("cut", "sft-1")),
    ("RL-Iter1, against SFT-Iter1", ("iterations", "rl-1"), ("iterations", "sft-1")),
    ("SFT-Iter2, against SFT-Iter1", ("iterations", "sft-2"), ("iterations", "sft-1")),
    ("RL-Iter2, against RL-Iter1", ("iterations", "rl-2"), ("iterations", "rl-1")),
    ("RL-Iter3, against RL-Iter2", ("iterations", "rl-3"), ("iterations", "rl-2")),
    ("RL-Iter3, against RL-Iter1", ("iterations", "rl-3"), ("iterations", "rl-1")),
)
FILTERS = (
    ("length filter, against unfiltered", ("short", "sft-1"), ("unfiltered", "sft-1")),
    ("reflections cut, against unfiltered", ("cut", "sft-1"), ("unfiltered", "sft-1")),
)

LOSSLESS = World(
    recipe=str(Path(__file__).with_name("lossless.toml")),
    base=WEIGHTS,
    changes=(),
    conditions={
        "direct": [],
        "unfiltered": [RANDOM, UNCUT, "rl=[]"],
        "short": [RANDOM, UNCUT, "curate.filter.length.max_words=50", "rl=[]"],
        "cut": [RANDOM, "rl=[]"],
        "rl-only": ["sft=false"],
        "iterations": [],
        "longer": ["rl.0.max_steps=240", "rl.0.num_generations=8"],
    },
    repeated=("iterations",),
    rows=(
        *ABLATIONS,
        ("RL only", "RL only", "rl-only", "rl-1"),
        *LADDER,
        ("SFT-Iter1 once more", "SFT 1 again", "longer", "sft-1"),
        ("RL-Iter1 from it, eight times as long", "RL 1 long", "longer", "rl-1"),
    ),
    pairs=(
        ("RL only, against the base", ("rl-only", "rl-1"), ("iterations", "base")),
        *FILTERS,
        *STEPS_UP,
        ("RL-Iter1, eight times as long, against its SFT-Iter1", ("longer", "rl-1"), ("longer", "sft-1")),
        ("RL-Iter1, against RL only", ("iterations", "rl-1"), ("rl-only", "rl-1")),
    ),
    trainings=(WEIGHTS,),
    questions=1200,
    held_out=200 / 120,
    hard=True,
)
SEEING_ROWS = (
    *ABLATIONS,
    *LADDER,
    ("RL only, as many rollouts as in all iterations", "RL only", "rl-only", "rl-1"),
    ("SFT-Iter1 once more", "SFT 1 again", "longer", "sft-1"),
    ("RL-Iter1 from it, as many rollouts as in all iterations", "RL 1 long", "longer", "rl-1"),
    ("SFT only, iteration 2", "SFT only 2", "sft-only", "sft-2"),
    ("SFT only, iteration 3", "SFT only 3", "sft-only", "sft-3"),
)
SEEING_PAIRS = (
    ("SFT unfiltered, against the base", ("unfiltered", "sft-1"), ("iterations", "base")),
    *FILTERS,
    *STEPS_UP,
    ("RL-Iter3, against the base", ("iterations", "rl-3"), ("iterations", "base")),
    ("RL only, against the base", ("rl-only", "rl-1"), ("iterations", "base")),
    ("SFT only, iteration 3, against the base", ("sft-only", "sft-3"), ("iterations", "base")),
    ("RL-Iter3, against RL only", ("iterations", "rl-3"), ("rl-only", "rl-1")),
    ("RL-Iter3, against the long RL-Iter1", ("iterations", "rl-3"), ("longer", "rl-1")),
    ("SFT-Iter3, against SFT only, iteration 3", ("iterations", "sft-3"), ("sft-only", "sft-3")),
)


def seeing(knobs: Path, base: Path = WEIGHTS_VL, iterations: int = 3) -> World:
    """The world whose knobs are in a file, and whose base was trained by them into a folder (pocket-vl, by those of
    world.toml).

    RL alone and the long RL of iteration 1 have the rollouts of all iterations together.
    """
    recipe, told = Path(__file__).parents[1] / "recipes" / "pocket-loop.toml", tomllib.loads(knobs.read_text())
    loop = tomllib.loads(recipe.read_text())
    source = loop["curate"]["sources"][0]
    all_rollouts = f"rl.0.max_steps={iterations * loop['rl'][0]['max_steps']}"
    return World(
        recipe=str(recipe),
        base=base,
        changes=(f"base={base}", f"curate.caption.sampling.max_tokens={told['captions']['max_tokens']}"),
        conditions={
            "direct": [],
            "iterations": [],
            "rl-only": ["sft=false", all_rollouts],
            "longer": [all_rollouts],
            "sft-only": ["rl=[]"],
            "unfiltered": [RANDOM, UNCUT, "rl=[]"],
            "short": [RANDOM, UNCUT, "curate.filter.length.max_words=50", "rl=[]"],
            "cut": [RANDOM, "rl=[]"],
        },
        repeated=("iterations", "sft-only"),
        rows=SEEING_ROWS,
        pairs=SEEING_PAIRS,
        trainings=(WEIGHTS, base),
        questions=source["limit"],
        held_out=10 / 3,
        families=tuple(source["families"]),
        where=f"question ~ '{told['questions']['asked']}'",
        iterations=iterations,
    )
