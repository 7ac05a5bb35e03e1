"""Line charts after FigureQA: three or four months, each point's value printed above it."""

import random
from itertools import pairwise

from PIL import Image

from ovt.pocket.figures import arithmetic
from ovt.pocket.figures.canvas import BLACK, CELL, COLORS, LIGHT, SIZE, Color, blank, box, line, write_in_cell
from ovt.pocket.figures.figure import Figure, FigureQuestion, Solve, Table, pose, yes_no

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug")


def draw(rng: random.Random) -> Figure:
    """A line over 3 or 4 months in a row, with distinct values from 1 to 9."""
    n = rng.choice((3, 4, 4))
    start = rng.randrange(len(MONTHS) - n + 1)
    points = dict(zip(MONTHS[start : start + n], rng.sample(range(1, 10), n), strict=True))
    color = rng.choice([name for name in sorted(COLORS) if name != "yellow"])
    facts = ("A line chart.", *(_fact(month, points) for month in points))
    return Figure("lines", _picture(points, COLORS[color]), facts, _questions(points, rng))


def _picture(points: dict[str, int], color: Color) -> Image.Image:
    image = blank()
    box(image, 0, 3 * CELL, SIZE, 2, LIGHT)
    at = []
    for column, (month, value) in enumerate(points.items()):
        write_in_cell(image, str(value), column, 0)
        write_in_cell(image, month, column, 3, scale=1)
        at.append((CELL * column + CELL // 2, 3 * CELL - 2 - 6 * value + 2))
    for start, end in pairwise(at):
        line(image, start, end, color)
    for x, y in at:
        box(image, x - 3, y - 3, 7, 7, BLACK)
    return image


def _fact(month: str, points: Table) -> str:
    return f"{month} is {points[month]}."


def _questions(points: dict[str, int], rng: random.Random) -> tuple[FigureQuestion, ...]:
    months = list(points)
    i = rng.randrange(len(months) - 1)
    before, after = months[i], months[i + 1]
    one, two = rng.sample(months, 2)
    end = rng.choice(("highest", "lowest"))
    move = rng.choice(("rise", "fall"))
    low, high = sorted((one, two), key=lambda month: points[month])
    asked = (
        (f"Does the line {move} from {before} to {after}?", _moves(move, before, after)),
        (f"Is {one} higher than {two}?", arithmetic.is_more(_fact, one, two)),
        (f"What is the value of {one}?", arithmetic.value(_fact, one)),
        (f"How much higher is {high} than {low}?", arithmetic.difference(_fact, high, low)),
        (f"Which month is the {end}?", arithmetic.extreme(_fact, end)),
        (f"What is the sum of {one} and {two}?", arithmetic.total(_fact, (one, two))),
    )
    return tuple(pose(text, solve, points, rng) for text, solve in asked)


def _moves(move: str, before: str, after: str) -> Solve:
    def solve(t: Table):
        rises = t[after] > t[before]
        change = f"{t[after]} is {'' if rises else 'not '}more than {t[before]}."
        verdict = f"So the line does {'rise' if rises else 'fall'}."
        return yes_no(rises == (move == "rise")), [_fact(before, t), _fact(after, t), change, verdict]

    return solve
