"""Charts after FigureQA and tables after TabMWP: three or four numbers, each written in the picture."""

import random
from itertools import pairwise

from PIL import Image

from ovt.pocket.figures import arithmetic
from ovt.pocket.figures.canvas import BLACK, CELL, COLORS, LIGHT, SIZE, Color, blank, box, line, write, write_in_cell
from ovt.pocket.figures.figure import Figure, FigureQuestion, Solve, Table, pose, yes_no

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug")
NAMES = ("Ann", "Ben", "Eve", "Kim", "Leo", "Max", "Sam", "Tom")
ITEMS = ("cars", "cups", "eggs", "hats", "keys", "pens")

# Bars: coloured, each with its value printed above it.


def draw_bars(rng: random.Random) -> Figure:
    """A chart of 3 or 4 bars with distinct colors and distinct values from 1 to 9."""
    colors = rng.sample(sorted(COLORS), rng.choice((3, 4, 4)))
    bars = dict(zip(colors, rng.sample(range(1, 10), len(colors)), strict=True))
    facts = ("A bar chart.", *(_bar(color, bars) for color in bars))
    return Figure("bars", _bars_picture(bars), facts, _bars_questions(bars, rng))


def _bars_picture(bars: dict[str, int]):
    image = blank()
    for column, (color, value) in enumerate(bars.items()):
        write_in_cell(image, str(value), column, 0)
        box(image, CELL * column + 4, SIZE - 2 - 9 * value, 20, 9 * value, COLORS[color])
    box(image, 0, SIZE - 2, SIZE, 2, BLACK)
    return image


def _bar(color: str, bars: Table) -> str:
    return f"The {color} bar is {bars[color]}."


def _bars_questions(bars: dict[str, int], rng: random.Random) -> tuple[FigureQuestion, ...]:
    one, two = rng.sample(sorted(bars), 2)
    top = max(bars, key=lambda color: bars[color])
    suspect = top if rng.random() < 0.5 else rng.choice([color for color in bars if color != top])
    low, high = sorted((one, two), key=lambda color: bars[color])
    end = rng.choice(("highest", "lowest"))
    level = rng.randint(2, 8)
    asked = (
        (f"Is the {suspect} bar the highest?", _is_highest(suspect)),
        (f"Is the {one} bar higher than the {two} bar?", arithmetic.is_more(_bar, one, two)),
        (f"What is the value of the {one} bar?", arithmetic.value(_bar, one)),
        (f"How much higher is the {high} bar than the {low} bar?", arithmetic.difference(_bar, high, low)),
        (f"Which bar is the {end}?", arithmetic.extreme(_bar, end)),
        (f"How many bars are higher than {level}?", _above(level)),
        (f"What is the sum of the {one} bar and the {two} bar?", arithmetic.total(_bar, (one, two))),
    )
    return pose(asked, bars, rng)


def _is_highest(color: str) -> Solve:
    def solve(t: Table):
        top = max(t, key=lambda c: t[c])
        yes = top == color
        verdict = f"So the {color} bar is {'' if yes else 'not '}the highest."
        return yes_no(yes), [*(_bar(c, t) for c in t), f"The highest is {top} with {t[top]}.", verdict]

    return solve


def _above(level: int) -> Solve:
    def solve(t: Table):
        tests = [f"The {c} bar is {t[c]}, {'yes' if t[c] > level else 'no'}." for c in t]
        count = sum(t[c] > level for c in t)
        return str(count), [*tests, f"That makes {count} bars."]

    return solve


# Lines over months, each point's value printed above it.


def draw_lines(rng: random.Random) -> Figure:
    """A line over 3 or 4 months in a row, with distinct values from 1 to 9."""
    n = rng.choice((3, 4, 4))
    start = rng.randrange(len(MONTHS) - n + 1)
    points = dict(zip(MONTHS[start : start + n], rng.sample(range(1, 10), n), strict=True))
    color = rng.choice([name for name in sorted(COLORS) if name != "yellow"])
    facts = ("A line chart.", *(_point(month, points) for month in points))
    return Figure("lines", _lines_picture(points, COLORS[color]), facts, _lines_questions(points, rng))


def _lines_picture(points: dict[str, int], color: Color) -> Image.Image:
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


def _point(month: str, points: Table) -> str:
    return f"{month} is {points[month]}."


def _lines_questions(points: dict[str, int], rng: random.Random) -> tuple[FigureQuestion, ...]:
    months = list(points)
    i = rng.randrange(len(months) - 1)
    before, after = months[i], months[i + 1]
    one, two = rng.sample(months, 2)
    end = rng.choice(("highest", "lowest"))
    move = rng.choice(("rise", "fall"))
    low, high = sorted((one, two), key=lambda month: points[month])
    asked = (
        (f"Does the line {move} from {before} to {after}?", _moves(move, before, after)),
        (f"Is {one} higher than {two}?", arithmetic.is_more(_point, one, two)),
        (f"What is the value of {one}?", arithmetic.value(_point, one)),
        (f"How much higher is {high} than {low}?", arithmetic.difference(_point, high, low)),
        (f"Which month is the {end}?", arithmetic.extreme(_point, end)),
        (f"What is the sum of {one} and {two}?", arithmetic.total(_point, (one, two))),
    )
    return pose(asked, points, rng)


def _moves(move: str, before: str, after: str) -> Solve:
    def solve(t: Table):
        rises = t[after] > t[before]
        change = f"{t[after]} is {'' if rises else 'not '}more than {t[before]}."
        verdict = f"So the line does {'rise' if rises else 'fall'}."
        return yes_no(rises == (move == "rise")), [_point(before, t), _point(after, t), change, verdict]

    return solve


# Tables: three people and how many things each of them has.


def draw_tables(rng: random.Random) -> Figure:
    """A table of one kind of item with three names and distinct numbers from 1 to 9."""
    item = rng.choice(ITEMS)
    rows = dict(zip(rng.sample(NAMES, 3), rng.sample(range(1, 10), 3), strict=True))
    facts = (f"A table of {item}.", *(_row(name, rows) for name in rows))
    return Figure("tables", _tables_picture(item, rows), facts, _tables_questions(item, rows, rng))


def _tables_picture(item: str, rows: dict[str, int]) -> Image.Image:
    image = blank()
    box(image, 0, 0, SIZE, CELL, LIGHT)
    write(image, item, 2 * CELL + 5, 7)
    for row, (name, number) in enumerate(rows.items(), start=1):
        box(image, 0, CELL * row - 1, SIZE, 1, LIGHT)
        write(image, name, 5, CELL * row + 7)
        write_in_cell(image, str(number), 2, row)
    return image


def _row(name: str, rows: Table) -> str:
    return f"{name} has {rows[name]}."


def _tables_questions(item: str, rows: dict[str, int], rng: random.Random) -> tuple[FigureQuestion, ...]:
    one, two = rng.sample(list(rows), 2)
    low, high = sorted((one, two), key=lambda name: rows[name])
    end = rng.choice(("most", "fewest"))
    asked = (
        (f"How many {item} do {one} and {two} have in total?", arithmetic.total(_row, (one, two))),
        (f"How many {item} are there in total?", arithmetic.total(_row, tuple(rows))),
        (f"How many more {item} does {high} have than {low}?", arithmetic.difference(_row, high, low)),
        (f"Who has the {end} {item}?", arithmetic.extreme(_row, end)),
        (f"Does {one} have more {item} than {two}?", arithmetic.is_more(_row, one, two)),
        (f"How many {item} does {one} have?", arithmetic.value(_row, one)),
    )
    return pose(asked, rows, rng)
