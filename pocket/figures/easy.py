"""One coloured shape on a light background, after the published easy-vqa pictures (64×64 px, redrawn here)."""

import random

from PIL import Image

from ovt.pocket.figures.canvas import COLORS, SIZE, place, smooth_shape_mask
from ovt.pocket.figures.figure import Figure, FigureQuestion, Solve, Table, pose, yes_no

SHAPES = ("circle", "rectangle", "triangle")
SOURCE_SIZE = 64

# The phrasings of easy-vqa; {what} is "red shape" or "circle".
_PRESENT = (
    "is there a {what}?",
    "is there a {what} in the image?",
    "does the image contain a {what}?",
    "is a {what} present?",
)
_ABSENT = (
    "is there not a {what}?",
    "is there not a {what} in the image?",
    "does the image not contain a {what}?",
    "is no {what} present?",
)
_WHICH_SHAPE = (
    "what shape is in the image?",
    "what shape is present?",
    "what shape does the image contain?",
    "what is the {color} shape?",
)
_WHICH_COLOR = (
    "what color is the shape?",
    "what color is the {shape}?",
    "what is the color of the shape?",
    "what is the color of the {shape}?",
)


def draw(rng: random.Random) -> Figure:
    """One shape of random size, place and color, enlarged from 64 to 112 px as the image processor does."""
    seen = {"color": rng.choice(sorted(COLORS)), "shape": rng.choice(SHAPES)}
    facts = ("A picture of one shape.", *_facts(seen))
    return Figure("easy", _picture(seen, rng), facts, _questions(seen, rng))


def _picture(seen: Table, rng: random.Random) -> Image.Image:
    image = Image.new("RGB", (SOURCE_SIZE, SOURCE_SIZE), tuple(rng.randint(230, 255) for _ in range(3)))
    width = rng.randint(10, 33)
    if seen["shape"] == "circle":
        height = width
    elif seen["shape"] == "triangle":
        height = (width * 13 + 7) // 15  # equilateral
    else:
        height = rng.randint(10, 33)
    x, y = rng.randint(0, SOURCE_SIZE - width), rng.randint(0, SOURCE_SIZE - height)
    place(image, smooth_shape_mask(seen["shape"], width, height), x, y, COLORS[seen["color"]])
    return image.resize((SIZE, SIZE), Image.Resampling.BICUBIC)


def _facts(seen: Table) -> tuple[str, str]:
    return f"The color is {seen['color']}.", f"The shape is {seen['shape']}."


def _questions(seen: Table, rng: random.Random) -> tuple[FigureQuestion, ...]:
    asked = [_existence(seen, "color", rng), _existence(seen, "shape", rng)]
    asked.append((rng.choice(_WHICH_SHAPE).format(**seen), _look_up("shape")))
    asked.append((rng.choice(_WHICH_COLOR).format(**seen), _look_up("color")))
    return pose(asked, seen, rng, _misread)


def _existence(seen: Table, key: str, rng: random.Random) -> tuple[str, Solve]:
    values = sorted(COLORS) if key == "color" else list(SHAPES)
    value = seen[key] if rng.random() < 0.5 else rng.choice([v for v in values if v != seen[key]])
    negated = rng.random() < 0.5
    what = f"{value} shape" if key == "color" else value

    def solve(t: Table):
        there = t[key] == value
        steps = [f"The {key} is {t[key]}.", f"It is {'' if there else 'not '}{value}."]
        steps.append(f"So there is {'a' if there else 'no'} {what}.")
        if negated:
            steps.append(f"The question asks if there is not a {what}.")
        return yes_no(there != negated), steps

    return rng.choice(_ABSENT if negated else _PRESENT).format(what=what), solve


def _look_up(key: str) -> Solve:
    """The other fact first: it says which shape is meant."""
    other = "color" if key == "shape" else "shape"
    return lambda t: (t[key], [f"The {other} is {t[other]}.", f"The {key} is {t[key]}."])


def _misread(seen: Table, rng: random.Random) -> Table:
    key = rng.choice(("color", "shape"))
    values = sorted(COLORS) if key == "color" else list(SHAPES)
    return {**seen, key: rng.choice([v for v in values if v != seen[key]])}
