"""Pocket's small world: seeded figures with known facts, in the spirit of the paper's sources."""

import random
from collections.abc import Callable, Collection, Iterator, Sequence

from ovt.core.errors import OvtError
from ovt.curate.sources.section import Name, SourceSection
from ovt.curate.sources.source import Opened, Part, Row, take
from ovt.pocket.figures import charts, diagrams, easy, geometry, icons, shapes
from ovt.pocket.figures.figure import Figure, FigureQuestion

__all__ = ["FAMILIES", "Figure", "FigureQuestion", "draw", "open_figures", "questions"]

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


# The source `pocket:figures`: any number of questions about these figures.

COLUMNS = ("image", "question", "gold", "choices", "family", "source_id")
ROWS = 1_000  # if neither the source nor the build gives a number

# Identifies the drawings: whoever changes a figure or a question in any way must change it, so that builds of the
# old figures are not taken for builds of the new ones. tests/pocket/test_source.py enforces it.
FINGERPRINT = "518f47375f53dca2dcf737f443e50c39f64801d04e41a38f3ce8671a292f20c9"


def open_figures(section: SourceSection, most: int | None = None) -> Opened:
    """The figures of a seed, of some or all families; `section.limit`, else `most`, sets the number."""
    unknown = [family for family in section.families or () if family not in FAMILIES]
    if section.path != "pocket:figures" or unknown:
        raise OvtError(
            f"source {section.name}: {(unknown[0] if unknown else section.path)!r} is not known; "
            f"expected pocket:figures with families of {', '.join(FAMILIES)}"
        )
    count = section.limit or most or ROWS

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, Row | None]]:
        return take(questions(count, section.seed, section.families), wanted)

    return Opened((Part(COLUMNS, count, rows, image_columns=("image",)),), FINGERPRINT)
