"""Bar charts after FigureQA: three or four coloured bars, each with its value printed above it."""

import random

from ovt.pocket.figures import arithmetic
from ovt.pocket.figures.canvas import BLACK, CELL, COLORS, SIZE, blank, box, write_in_cell
from ovt.pocket.figures.figure import Figure, FigureQuestion, Solve, Table, pose, yes_no

Bars = dict[str, int]


def draw(rng: random.Random) -> Figure:
    """A chart of 3 or 4 bars with distinct colors and distinct values from 1 to 9."""
    colors = rng.sample(sorted(COLORS), rng.choice((3, 4, 4)))
    bars = dict(zip(colors, rng.sample(range(1, 10), len(colors)), strict=True))
    facts = ("A bar chart.", *(_fact(color, bars) for color in bars))
    return Figure("bars", _picture(bars), facts, _questions(bars, rng))


def _picture(bars: Bars):
    image = blank()
    for column, (color, value) in enumerate(bars.items()):
        write_in_cell(image, str(value), column, 0)
        box(image, CELL * column + 4, SIZE - 2 - 9 * value, 20, 9 * value, COLORS[color])
    box(image, 0, SIZE - 2, SIZE, 2, BLACK)
    return image


def _fact(color: str, bars: Table) -> str:
    return f"The {color} bar is {bars[color]}."


def _questions(bars: Bars, rng: random.Random) -> tuple[FigureQuestion, ...]:
    one, two = rng.sample(sorted(bars), 2)
    top = max(bars, key=lambda color: bars[color])
    suspect = top if rng.random() < 0.5 else rng.choice([color for color in bars if color != top])
    low, high = sorted((one, two), key=lambda color: bars[color])
    end = rng.choice(("highest", "lowest"))
    level = rng.randint(2, 8)
    asked = (
        (f"Is the {suspect} bar the highest?", _is_highest(suspect)),
        (f"Is the {one} bar higher than the {two} bar?", arithmetic.is_more(_fact, one, two)),
        (f"What is the value of the {one} bar?", arithmetic.value(_fact, one)),
        (f"How much higher is the {high} bar than the {low} bar?", arithmetic.difference(_fact, high, low)),
        (f"Which bar is the {end}?", arithmetic.extreme(_fact, end)),
        (f"How many bars are higher than {level}?", _above(level)),
        (f"What is the sum of the {one} bar and the {two} bar?", arithmetic.total(_fact, (one, two))),
    )
    return tuple(pose(text, solve, bars, rng) for text, solve in asked)


def _is_highest(color: str) -> Solve:
    def solve(t: Table):
        top = max(t, key=lambda c: t[c])
        yes = top == color
        verdict = f"So the {color} bar is {'' if yes else 'not '}the highest."
        return yes_no(yes), [*(_fact(c, t) for c in t), f"The highest is {top} with {t[top]}.", verdict]

    return solve


def _above(level: int) -> Solve:
    def solve(t: Table):
        tests = [f"The {c} bar is {t[c]}, {'yes' if t[c] > level else 'no'}." for c in t]
        count = sum(t[c] > level for c in t)
        return str(count), [*tests, f"That makes {count} bars."]

    return solve
