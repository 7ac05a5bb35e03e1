"""Scenes after CLEVR: two rows of coloured shapes to count and compare."""

import random
from itertools import permutations

from PIL import Image

from ovt.pocket.figures.canvas import CELL, COLORS, blank, place, shape_mask
from ovt.pocket.figures.figure import Figure, FigureQuestion, Solve, Table, number_options, options, pose, yes_no

KINDS = ("circle", "square", "triangle")
PAINTS = ("red", "green", "blue", "yellow", "black")

Thing = tuple[str, str]  # color, kind
_SIZE = 22


def draw(rng: random.Random) -> Figure:
    """3 to 6 shapes in two rows; a few colors and kinds per scene, so that counts differ."""
    paints, kinds = rng.sample(PAINTS, 3), rng.sample(KINDS, rng.choice((2, 3)))
    rows = {name: tuple(_thing(paints, kinds, rng) for _ in range(rng.choice(sizes))) for name, sizes in _SIZES.items()}
    facts = ("A scene of shapes.", *(_fact(name, rows) for name in rows))
    return Figure("shapes", _picture(rows), facts, _questions(rows, paints, kinds, rng))


_SIZES = {"top": (2, 3), "bottom": (1, 2, 3)}


def _thing(paints: list[str], kinds: list[str], rng: random.Random) -> Thing:
    return rng.choice(paints), rng.choice(kinds)


def _picture(rows: dict[str, tuple[Thing, ...]]) -> Image.Image:
    image = blank()
    for row, things in zip((0, 2), rows.values(), strict=True):
        for column, (color, kind) in enumerate(things):
            place(image, shape_mask(kind, _SIZE, _SIZE), CELL * column + 3, CELL * row + 3, COLORS[color])
    return image


def _fact(name: str, rows: Table) -> str:
    return f"In the {name} row: {', '.join(f'{color} {kind}' for color, kind in rows[name])}."


def _matches(thing: Thing, word: str) -> bool:
    return word in thing or word == "shape" or word == " ".join(thing)


def _plural(word: str) -> str:
    return f"{word} shapes" if word in PAINTS else f"{word}s"


def _questions(
    rows: dict[str, tuple[Thing, ...]], paints: list[str], kinds: list[str], rng: random.Random
) -> tuple[FigureQuestion, ...]:
    things = [thing for row in rows.values() for thing in row]
    word = rng.choice([*paints, *kinds])
    another = rng.choice([*paints, *kinds])
    one, two = _uneven(rows, [paints, kinds], rng)
    count = _count(another)(rows)[0]
    missing = [(p, k) for p in PAINTS for k in KINDS if (p, k) not in things]
    sought = " ".join(rng.choice(things if rng.random() < 0.5 else missing))
    asked = [
        (f"How many {_plural(word)} are there?", _count(word)),
        (f"How many {_plural(another)} are there?", _count(another), number_options(int(count), rng)),
        ("How many shapes are there in total?", _count("shape")),
        (f"Are there more {_plural(one)} than {_plural(two)}?", _is_more(one, two)),
        (f"Is there a {sought}?", _exists(sought)),
    ]
    name = rng.choice([name for name in rows if len(rows[name]) > 1])
    end = rng.choice(("first", "last"))
    thing = rows[name][0 if end == "first" else -1]
    others = [" ".join(t) for t in missing[:4] + things]
    asked.append(
        (f"Which shape is the {end} in the {name} row?", _at(end, name), options(" ".join(thing), others, rng))
    )
    return pose(asked, rows, rng, _misread)


def _uneven(rows: Table, groups: list[list[str]], rng: random.Random) -> tuple[str, str]:
    """Two colors or two kinds, of different counts where there are any: a tie would always mean "no"."""
    rng.shuffle(groups)
    pairs = [pair for words in groups for pair in permutations(words, 2)]
    uneven = [(one, two) for one, two in pairs if _tally(one, rows)[0] != _tally(two, rows)[0]]
    return rng.choice(uneven or pairs)


def _tally(word: str, rows: Table) -> tuple[int, list[str]]:
    """How many shapes match, and one step per row that counts them aloud."""
    count, steps = 0, []
    for name, things in rows.items():
        counted = []
        for thing in things:
            if _matches(thing, word):
                count += 1
                counted.append(f"{' '.join(thing)} {count}")
        steps.append(f"In the {name} row: {', '.join(counted) or 'none'}.")
    return count, steps


def _count(word: str) -> Solve:
    def solve(t: Table):
        count, steps = _tally(word, t)
        return str(count), [*steps, f"That makes {count}."]

    return solve


def _is_more(one: str, two: str) -> Solve:
    def solve(t: Table):
        (first, steps), (second, more_steps) = _tally(one, t), _tally(two, t)
        more = first > second
        verdict = f"{first} is {'' if more else 'not '}more than {second}."
        steps = [f"Count the {_plural(one)}.", *steps, f"Count the {_plural(two)}.", *more_steps]
        return yes_no(more), [*steps, verdict]

    return solve


def _exists(sought: str) -> Solve:
    def solve(t: Table):
        count, _ = _tally(sought, t)
        return yes_no(count > 0), [_fact("top", t), _fact("bottom", t), f"There is {'a' if count else 'no'} {sought}."]

    return solve


def _at(end: str, name: str) -> Solve:
    def solve(t: Table):
        thing = " ".join(t[name][0 if end == "first" else -1])
        return thing, [_fact(name, t), f"The {end} is {thing}."]

    return solve


def _misread(rows: Table, rng: random.Random) -> Table:
    """One shape of one row taken for another, or overlooked."""
    name = rng.choice(sorted(rows))
    things = list(rows[name])
    i = rng.randrange(len(things))
    if rng.random() < 0.5 and len(things) > 1:
        del things[i]
    else:
        things[i] = (rng.choice(PAINTS), rng.choice(KINDS))
    return {**rows, name: tuple(things)}
