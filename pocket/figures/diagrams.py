"""Labelled diagrams after AI2D: parts with letters and arrows, and food chains."""

import random

from PIL import Image

from ovt.pocket.figures.canvas import BLACK, CELL, COLORS, blank, box, line, place, shape_mask, write, write_in_cell
from ovt.pocket.figures.figure import Figure, FigureQuestion, Solve, Table, misread_swap, options, pose, yes_no


def draw(rng: random.Random) -> Figure:
    """Either a labelled thing or a food chain."""
    return rng.choice((_labelled, _food_chain))(rng)


# A plant or a house: the letter beside each part is shuffled, and so is the side it stands on.

_PARTS = {"plant": ("flower", "leaf", "stem", "root"), "house": ("chimney", "roof", "window", "door")}


def _labelled(rng: random.Random) -> Figure:
    thing = rng.choice(sorted(_PARTS))
    labels = dict(zip(_PARTS[thing], rng.sample("ABCD", 4), strict=True))
    image = blank()
    (_draw_plant if thing == "plant" else _draw_house)(image)
    for row, letter in enumerate(labels.values()):
        column, start, end = (0, 24, 40) if rng.random() < 0.5 else (3, 87, 71)
        write_in_cell(image, letter, column, row)
        line(image, (start, CELL * row + 14), (end, CELL * row + 14), BLACK, 2)
    facts = (f"A {thing} with labels.", *(_fact(part, labels) for part in labels))
    return Figure("diagrams", image, facts, _label_questions(labels, rng))


def _draw_plant(image: Image.Image) -> None:
    place(image, shape_mask("circle", 22, 22), 45, 3, COLORS["red"])
    box(image, 54, 25, 4, 60, COLORS["green"])
    place(image, shape_mask("circle", 28, 14), 42, 35, COLORS["green"])
    for x in (42, 56, 70):
        line(image, (56, 84), (x, 106), COLORS["brown"], 3)


def _draw_house(image: Image.Image) -> None:
    box(image, 58, 6, 8, 30, COLORS["brown"])
    place(image, shape_mask("triangle", 46, 28), 33, 28, COLORS["red"])
    box(image, 38, 56, 36, 56, (230, 210, 170))
    box(image, 48, 61, 16, 16, COLORS["blue"])
    box(image, 49, 86, 14, 26, COLORS["brown"])


def _fact(part: str, labels: Table) -> str:
    return f"The {part} is {labels[part]}."


def _label_questions(labels: dict[str, str], rng: random.Random) -> tuple[FigureQuestion, ...]:
    parts = list(labels)
    one, two, three = rng.choice(parts), rng.choice(parts), rng.choice(parts)
    asked_letter = labels[three] if rng.random() < 0.5 else rng.choice([x for p, x in labels.items() if p != three])
    letter, another = labels[one], labels[two]
    asked = (
        (f"What does {letter} point to?", _part(letter)),
        (f"Which part is {another}?", _part(another), options(two, parts, rng)),
        (f"Which part does the arrow {letter} show?", _part(letter), options(one, parts, rng, 3)),
        (f"Which letter is the {two}?", lambda t: (t[two], [_fact(two, t)])),
        (f"Does {asked_letter} point to the {three}?", _points(asked_letter, three)),
    )
    return pose(asked, labels, rng, misread_swap)


def _part(letter: str) -> Solve:
    def solve(t: Table):
        part = next(p for p in t if t[p] == letter)
        return part, [
            *(f"The {p} is {t[p]}{', yes' if p == part else ', no'}." for p in t),
            f"So {letter} is the {part}.",
        ]

    return solve


def _points(letter: str, part: str) -> Solve:
    def solve(t: Table):
        same = t[part] == letter
        return yes_no(same), [_fact(part, t), f"{t[part]} is {'' if same else 'not '}{letter}."]

    return solve


# A food chain of four, one per row, each eaten by the next one below.

_LEVELS = (("grass", "leaf", "seed"), ("bug", "mouse", "snail"), ("bird", "frog", "snake"), ("fox", "hawk", "owl"))


def _food_chain(rng: random.Random) -> Figure:
    chain = [rng.choice(level) for level in _LEVELS]
    image = blank()
    for row, name in enumerate(chain):
        write(image, name, 4, CELL * row + 7)
        if row < 3:
            box(image, 96, CELL * row + 8, 4, 26, BLACK)
            line(image, (91, CELL * row + 29), (97, CELL * row + 35), BLACK, 2)
            line(image, (104, CELL * row + 29), (98, CELL * row + 35), BLACK, 2)
    eats = dict(zip(chain[1:], chain, strict=False))
    facts = ("A food chain.", *(_meal(eater, eats) for eater in eats))
    return Figure("diagrams", image, facts, _chain_questions(chain, eats, rng))


def _meal(eater: str, eats: Table) -> str:
    return f"The {eater} eats the {eats[eater]}."


def _chain_questions(chain: list[str], eats: dict[str, str], rng: random.Random) -> tuple[FigureQuestion, ...]:
    eater, another, third = (rng.choice(list(eats)) for _ in range(3))
    food = (
        eats[third] if rng.random() < 0.5 else rng.choice([name for name in chain if name not in (third, eats[third])])
    )
    middle = rng.choice(chain[1:3])
    asked = (
        (f"What does the {eater} eat?", lambda t: (t[eater], [_meal(eater, t)])),
        (f"What eats the {eats[another]}?", _eater(eats[another]), options(another, chain, rng)),
        (f"What eats the {middle}?", _eater(middle)),
        (f"Does the {third} eat the {food}?", _does_eat(third, food)),
        (
            f"Which one does the {another} eat?",
            lambda t: (t[another], [_meal(another, t)]),
            options(eats[another], chain, rng),
        ),
    )
    return pose(asked, eats, rng, _misread)


def _eater(food: str) -> Solve:
    def solve(t: Table):
        eater = next((e for e in t if t[e] == food), next(iter(t)))
        return eater, [_meal(eater, t), f"So it is the {eater}."]

    return solve


def _does_eat(eater: str, food: str) -> Solve:
    def solve(t: Table):
        same = t[eater] == food
        return yes_no(same), [_meal(eater, t), f"The {t[eater]} is {'' if same else 'not '}the {food}."]

    return solve


def _misread(eats: Table, rng: random.Random) -> Table:
    """One animal's food taken for another animal's, or for a similar one that is not in the picture."""
    if rng.random() < 0.5:
        return misread_swap(eats, rng)
    eater = rng.choice(sorted(eats))
    level = next(names for names in _LEVELS if eats[eater] in names)
    return {**eats, eater: rng.choice(level)}
