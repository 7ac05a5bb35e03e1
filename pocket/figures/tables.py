"""Tables after TabMWP: three people and how many things each of them has."""

import random

from PIL import Image

from ovt.pocket.figures import arithmetic
from ovt.pocket.figures.canvas import CELL, LIGHT, SIZE, blank, box, write, write_in_cell
from ovt.pocket.figures.figure import Figure, FigureQuestion, Table, pose

NAMES = ("Ann", "Ben", "Eve", "Kim", "Leo", "Max", "Sam", "Tom")
ITEMS = ("cars", "cups", "eggs", "hats", "keys", "pens")


def draw(rng: random.Random) -> Figure:
    """A table of one kind of item with three names and distinct numbers from 1 to 9."""
    item = rng.choice(ITEMS)
    rows = dict(zip(rng.sample(NAMES, 3), rng.sample(range(1, 10), 3), strict=True))
    facts = (f"A table of {item}.", *(_fact(name, rows) for name in rows))
    return Figure("tables", _picture(item, rows), facts, _questions(item, rows, rng))


def _picture(item: str, rows: dict[str, int]) -> Image.Image:
    image = blank()
    box(image, 0, 0, SIZE, CELL, LIGHT)
    write(image, item, 2 * CELL + 5, 7)
    for row, (name, number) in enumerate(rows.items(), start=1):
        box(image, 0, CELL * row - 1, SIZE, 1, LIGHT)
        write(image, name, 5, CELL * row + 7)
        write_in_cell(image, str(number), 2, row)
    return image


def _fact(name: str, rows: Table) -> str:
    return f"{name} has {rows[name]}."


def _questions(item: str, rows: dict[str, int], rng: random.Random) -> tuple[FigureQuestion, ...]:
    one, two = rng.sample(list(rows), 2)
    low, high = sorted((one, two), key=lambda name: rows[name])
    end = rng.choice(("most", "fewest"))
    asked = (
        (f"How many {item} do {one} and {two} have in total?", arithmetic.total(_fact, (one, two))),
        (f"How many {item} are there in total?", arithmetic.total(_fact, tuple(rows))),
        (f"How many more {item} does {high} have than {low}?", arithmetic.difference(_fact, high, low)),
        (f"Who has the {end} {item}?", arithmetic.extreme(_fact, end)),
        (f"Does {one} have more {item} than {two}?", arithmetic.is_more(_fact, one, two)),
        (f"How many {item} does {one} have?", arithmetic.value(_fact, one)),
    )
    return tuple(pose(text, solve, rows, rng) for text, solve in asked)
