"""Small geometry after Geometry3K: angles of a triangle, sides of a rectangle, parts of a segment."""

import random

from ovt.pocket.figures import arithmetic
from ovt.pocket.figures.canvas import BLACK, blank, box, line, write, write_in_cell
from ovt.pocket.figures.figure import Figure, FigureQuestion, Solve, Table, pose, yes_no


def draw(rng: random.Random) -> Figure:
    """One of the three kinds."""
    return rng.choice((_triangle, _triangle, _rectangle, _rectangle, _segment))(rng)


# Triangle: two of its angles are written, the third is a question mark.

_CORNERS = {"left": (1, 3), "top": (1, 2), "right": (2, 3)}  # the cell of each angle's number


def _triangle(rng: random.Random) -> Figure:
    one, two = rng.choice([(a, b) for a in range(20, 100, 10) for b in range(20, 100, 10) if a + b <= 160])
    missing = rng.choice(sorted(_CORNERS))
    angles = dict(zip([name for name in _CORNERS if name != missing], (one, two), strict=True))
    image = blank()
    for start, end in (((2, 109), (49, 20)), ((49, 20), (109, 109)), ((2, 109), (109, 109))):
        line(image, start, end, BLACK, 2)
    for name, (column, row) in _CORNERS.items():
        write_in_cell(image, str(angles.get(name, "?")), column, row)
    facts = ("A triangle.", *(_angle(name, angles) for name in angles), f"The {missing} angle is unknown.")
    return Figure("geometry", image, facts, _triangle_questions(angles, missing, rng))


def _angle(name: str, angles: Table) -> str:
    return f"The {name} angle is {angles[name]}."


def _triangle_questions(angles: dict[str, int], missing: str, rng: random.Random) -> tuple[FigureQuestion, ...]:
    one, two = rng.sample(list(angles), 2)
    third = 180 - sum(angles.values())
    level = third + (-10 if rng.random() < 0.5 else 10) * rng.randint(1, 3)
    asked = [
        ("What is the unknown angle?", _third),
        (f"What is the {missing} angle?", _third),
        (f"Is the unknown angle more than {max(level, 0)}?", _third_above(max(level, 0))),
        ("What is the sum of the two given angles?", arithmetic.total(_angle, tuple(angles))),
    ]
    if angles[one] != angles[two]:
        asked.append((f"Is the {one} angle more than the {two} angle?", arithmetic.is_more(_angle, one, two)))
    return pose(asked, angles, rng, _misread_angle)


def _third(t: Table) -> tuple[str, list[str]]:
    total, steps = arithmetic.total(_angle, tuple(t))(t)
    rest = 180 - int(total)
    return str(rest), [*steps, f"180 - {total} = {rest}."]


def _third_above(level: int) -> Solve:
    def solve(t: Table):
        rest, steps = _third(t)
        above = int(rest) > level
        return yes_no(above), [*steps, f"{rest} is {'' if above else 'not '}more than {level}."]

    return solve


def _misread_angle(angles: Table, rng: random.Random) -> Table:
    name = rng.choice(sorted(angles))
    return {**angles, name: angles[name] + (10 if angles[name] < 30 else rng.choice((-10, 10)))}


# Rectangle: its width is written below the upper side, its height at the left side.


def _rectangle(rng: random.Random) -> Figure:
    width, height = rng.randint(2, 9), rng.randint(2, 9)
    if rng.random() < 0.15:
        height = width
    sides = {"width": width, "height": height}
    image = blank()
    right, bottom = 31 + 8 * width, 31 + 8 * height
    for start, end in (((31, 31), (right, 31)), ((31, bottom), (right, bottom))):
        line(image, start, end, BLACK, 3)
    for start, end in (((31, 31), (31, bottom)), ((right, 31), (right, bottom))):
        line(image, start, end, BLACK, 3)
    write_in_cell(image, str(width), 2, 0)
    write_in_cell(image, str(height), 0, 2)
    facts = ("A rectangle.", _side("width", sides), _side("height", sides))
    return Figure("geometry", image, facts, _rectangle_questions(sides, rng))


def _side(name: str, sides: Table) -> str:
    return f"The {name} is {sides[name]}."


def _rectangle_questions(sides: dict[str, int], rng: random.Random) -> tuple[FigureQuestion, ...]:
    area = sides["width"] * sides["height"]
    level = max(1, area + rng.choice((-1, 1)) * rng.randint(1, 9))
    one, two = rng.sample(list(sides), 2)
    asked = [
        ("What is the area of the rectangle?", _area),
        ("What is the perimeter of the rectangle?", _perimeter),
        (f"Is the area more than {level}?", _area_above(level)),
    ]
    if sides[one] != sides[two]:
        asked.append((f"Is the {one} more than the {two}?", arithmetic.is_more(_side, one, two)))
    return pose(asked, sides, rng)


def _area(t: Table) -> tuple[str, list[str]]:
    area = t["width"] * t["height"]
    return str(area), [_side("width", t), _side("height", t), f"{t['width']} x {t['height']} = {area}."]


def _perimeter(t: Table) -> tuple[str, list[str]]:
    half, steps = arithmetic.total(_side, ("width", "height"))(t)
    return str(2 * int(half)), [*steps, f"{half} + {half} = {2 * int(half)}."]


def _area_above(level: int) -> Solve:
    def solve(t: Table):
        area, steps = _area(t)
        above = int(area) > level
        return yes_no(above), [*steps, f"{area} is {'' if above else 'not '}more than {level}."]

    return solve


# Segment from A over B to C: two of AB, BC and AC are written.


def _segment(rng: random.Random) -> Figure:
    first, second = rng.randint(1, 8), rng.randint(1, 8)
    whole = first + second
    if whole <= 9 and rng.random() < 0.5:
        parts = {"AB": first, "AC": whole}
    else:
        parts = {"AB": first, "BC": second}
    image = blank()
    for letter, x in (("A", 14), ("B", 56), ("C", 98)):
        box(image, x - 1, 46, 3, 20, BLACK)
        write(image, letter, x - 5, 70)
    box(image, 14, 55, 85, 3, BLACK)
    write_in_cell(image, str(first), 1, 1)
    write_in_cell(image, str(parts.get("BC", "?")), 2, 1)
    write_in_cell(image, str(parts.get("AC", "?")), 2, 3)
    facts = ("A segment.", *(_length(name, parts) for name in parts))
    return Figure("geometry", image, facts, _segment_questions(parts, rng))


def _length(name: str, parts: Table) -> str:
    return f"{name} is {parts[name]}."


def _segment_questions(parts: dict[str, int], rng: random.Random) -> tuple[FigureQuestion, ...]:
    if "BC" in parts:
        one, two = rng.sample(("AB", "BC"), 2)
        asked = [
            ("What is the length of AC?", arithmetic.total(_length, ("AB", "BC"))),
        ]
        if parts[one] != parts[two]:
            asked.append((f"Is {one} more than {two}?", arithmetic.is_more(_length, one, two)))
    else:
        asked = [("What is the length of BC?", arithmetic.difference(_length, "AC", "AB"))]
    return pose(asked, parts, rng)
