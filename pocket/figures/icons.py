"""Icon patterns after IconQA: rows of icons to count, and sequences to continue."""

import random
from functools import lru_cache

from PIL import Image

from ovt.pocket.figures import arithmetic
from ovt.pocket.figures.canvas import CELL, COLORS, Color, blank, box, write_in_cell
from ovt.pocket.figures.figure import Figure, FigureQuestion, Solve, Table, number_options, options, pose

ICONS = {
    "star": ("yellow", "...##...", "...##...", "########", ".######.", "..####..", ".######.", ".##..##.", "##....##"),
    "heart": ("red", ".##..##.", "########", "########", "########", ".######.", "..####..", "...##...", "........"),
    "moon": ("gray", "..####..", ".###....", "###.....", "###.....", "###.....", "###.....", ".###....", "..####.."),
    "tree": ("green", "...##...", "..####..", ".######.", "########", "...##...", "...##...", "...##...", "...##..."),
    "house": ("brown", "...##...", "..####..", ".######.", "########", ".##..##.", ".##..##.", ".######.", ".######."),
    "fish": ("blue", "........", "..####.#", ".#######", "#.######", "########", ".#######", "..####.#", "........"),
}


def draw(rng: random.Random) -> Figure:
    """Either rows of icons or a pattern."""
    return rng.choice((_rows, _pattern))(rng)


@lru_cache
def icon(name: str) -> tuple[Image.Image, Color]:
    """The icon's mask (24×24 px) and color."""
    color, *rows = ICONS[name]
    mask = Image.frombytes("L", (8, 8), bytes(255 * (dot == "#") for row in rows for dot in row))
    return mask.resize((24, 24), Image.Resampling.NEAREST), COLORS[color]


def stamp(image: Image.Image, name: str, column: int, row: int) -> None:
    """Paint an icon into a cell."""
    mask, color = icon(name)
    image.paste(color, (CELL * column + 2, CELL * row + 2), mask)


# Rows of one kind of icon each.


def _rows(rng: random.Random) -> Figure:
    counts = {name: rng.randint(1, 4) for name in rng.sample(sorted(ICONS), 3)}
    image = blank()
    for row, (name, count) in enumerate(counts.items()):
        for column in range(count):
            stamp(image, name, column, row)
    facts = ("Rows of icons.", *(_fact(name, counts) for name in counts))
    return Figure("icons", image, facts, _row_questions(counts, rng))


def plural(name: str) -> str:
    """The icon's plural; "fish" is its own."""
    return name if name == "fish" else f"{name}s"


def _fact(name: str, counts: Table) -> str:
    return f"The {plural(name)} are {counts[name]}."


def _row_questions(counts: dict[str, int], rng: random.Random) -> tuple[FigureQuestion, ...]:
    one, two = rng.sample(list(counts), 2)
    first, second = plural(one), plural(two)
    both, difference = counts[one] + counts[two], abs(counts[one] - counts[two])
    asked = [
        (f"How many {first} are there?", arithmetic.value(_fact, one)),
        (f"How many {first} and {second} are there?", arithmetic.total(_fact, (one, two))),
        (f"How many {first} and {second} are there?", arithmetic.total(_fact, (one, two)), number_options(both, rng)),
        ("How many icons are there in total?", arithmetic.total(_fact, tuple(counts))),
    ]
    if difference:
        asked.append((f"Are there more {first} than {second}?", arithmetic.is_more(_fact, one, two)))
        few, many = sorted((one, two), key=lambda name: counts[name])
        text = f"How many more {plural(many)} than {plural(few)} are there?"
        asked.append((text, arithmetic.difference(_fact, many, few), number_options(difference, rng)))
    return pose(asked, counts, rng)


# A pattern of 5 to 7 icons in two rows that a question mark ends.

_UNITS = ("AB", "ABC", "AAB", "ABB")


def _pattern(rng: random.Random) -> Figure:
    names = rng.sample(sorted(ICONS), 3)
    unit = tuple(names["ABC".index(letter)] for letter in rng.choice(_UNITS))
    length = rng.randint(2 * len(unit), 7)
    shown = {i: unit[i % len(unit)] for i in range(length)}
    image = blank()
    for i in range(4):
        box(image, 0, CELL * i, 112, 1, (235, 235, 235))
    for i, name in shown.items():
        stamp(image, name, i % 4, i // 4)
    write_in_cell(image, "?", length % 4, length // 4)
    facts = ("A pattern of icons.", f"It is {', '.join(shown.values())}.", "Then a gap.")
    return Figure("icons", image, facts, _pattern_questions(shown, len(unit), names, rng))


def _pattern_questions(
    shown: dict[int, str], period: int, names: list[str], rng: random.Random
) -> tuple[FigureQuestion, ...]:
    answer = _next(period)(shown)[0]
    counted = rng.choice(sorted(set(shown.values())))
    asked = (
        ("Which icon comes next?", _next(period), options(answer, sorted(ICONS), rng)),
        ("Which icon comes next?", _next(period), options(answer, names, rng, 3)),
        ("What comes next in the pattern?", _next(period)),
        (f"How many {plural(counted)} are shown?", _count(counted)),
    )
    return pose(asked, shown, rng, _misread)


def _next(period: int) -> Solve:
    def solve(t: Table):
        seen = list(t.values())
        return seen[len(seen) - period], [
            f"The part {', '.join(seen[:period])} repeats.",
            f"The last icons are {', '.join(seen[len(seen) - len(seen) % period - period :])}.",
            f"Next comes {seen[len(seen) - period]}.",
        ]

    return solve


def _count(name: str) -> Solve:
    def solve(t: Table):
        count, counted = 0, []
        for seen in t.values():
            count += seen == name
            counted.append(f"{seen} {count}" if seen == name else seen)
        return str(count), [f"Count {', '.join(counted)}.", f"That makes {count}."]

    return solve


def _misread(shown: Table, rng: random.Random) -> Table:
    wrong = dict(shown)
    wrong[rng.choice(sorted(wrong))] = rng.choice(sorted(ICONS))
    return wrong
