"""Pocket's small world: seeded figures with known facts, in the spirit of the paper's sources."""

import random
from collections.abc import Callable, Iterator, Sequence

from ovt.pocket.figures import charts, diagrams, easy, geometry, icons, shapes
from ovt.pocket.figures.figure import Figure, FigureQuestion

__all__ = ["FAMILIES", "Figure", "FigureQuestion", "draw", "questions"]

FAMILIES: dict[str, Callable[[random.Random], Figure]] = {
    "bars": charts.draw_bars,
    "lines": charts.draw_lines,
    "tables": charts.draw_tables,
    "shapes": shapes.draw,
    "geometry": geometry.draw,
    "icons": icons.draw,
    "diagrams": diagrams.draw,
    "easy": easy.draw,
}


def draw(family: str, seed: int) -> Figure:
    """The figure of a family for a seed: the same bytes on every machine."""
    return FAMILIES[family](random.Random(f"{family}-{seed}"))


def questions(n: int, seed: int, families: Sequence[str] | None = None) -> Iterator[dict]:
    """`n` rows (image, question, gold, choices, family, source_id), one per figure, cycling through the families.

    Row i depends only on `seed` and i, so a longer run begins with the shorter one.
    """
    names = tuple(families or FAMILIES)
    for i in range(n):
        rng = random.Random(f"{seed}-{i}")
        figure = FAMILIES[names[i % len(names)]](rng)
        asked = rng.choice(figure.questions)
        yield {
            "image": figure.image,
            "question": asked.question,
            "gold": asked.gold,
            "choices": asked.choices,
            "family": figure.family,
            "source_id": f"{figure.family}-{seed}-{i}",
        }
