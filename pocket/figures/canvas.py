"""Drawing that gives the same bytes everywhere: own glyphs and shapes, no fonts, no antialiasing.

The picture is 112×112 px: 4×4 cells of 28 px, a cell for each visual token of a Qwen2.5-VL (14-px patches, merged 2×2).
"""

from collections.abc import Callable
from functools import lru_cache

from PIL import Image

CELL = 28
SIZE = 4 * CELL

WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
LIGHT = (210, 210, 210)

COLORS = {
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "brown": (165, 42, 42),
    "yellow": (255, 255, 0),
    "teal": (0, 128, 128),
}

Color = tuple[int, int, int]

# 5×7 pixels, one number per row, the leftmost pixel in the highest bit.
_GLYPHS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    "?": (14, 17, 1, 2, 4, 0, 4),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "B": (30, 17, 17, 30, 17, 17, 30),
    "C": (14, 17, 16, 16, 16, 17, 14),
    "D": (28, 18, 17, 17, 17, 18, 28),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "F": (31, 16, 16, 30, 16, 16, 16),
    "G": (14, 17, 16, 23, 17, 17, 15),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "J": (7, 2, 2, 2, 2, 18, 12),
    "K": (17, 18, 20, 24, 20, 18, 17),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "M": (17, 27, 21, 21, 17, 17, 17),
    "N": (17, 17, 25, 21, 19, 17, 17),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "P": (30, 17, 17, 30, 16, 16, 16),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "U": (17, 17, 17, 17, 17, 17, 14),
    "V": (17, 17, 17, 17, 17, 10, 4),
    "W": (17, 17, 17, 21, 21, 21, 10),
    "X": (17, 17, 10, 4, 10, 17, 17),
    "Y": (17, 17, 17, 10, 4, 4, 4),
}


def blank(color: Color = WHITE) -> Image.Image:
    """An empty picture, RGB, 112×112 px."""
    return Image.new("RGB", (SIZE, SIZE), color)


def box(image: Image.Image, x: int, y: int, width: int, height: int, color: Color) -> None:
    """Fill the rectangle with its upper left corner at (x, y)."""
    image.paste(color, (x, y, x + width, y + height))


def line(
    image: Image.Image, start: tuple[int, int], end: tuple[int, int], color: Color = BLACK, width: int = 3
) -> None:
    """A straight stroke of square dots from start to end."""
    (x0, y0), (x1, y1) = start, end
    steps = max(abs(x1 - x0), abs(y1 - y0), 1)
    half = width // 2
    for i in range(steps + 1):
        # Rounded integer interpolation: no floating point, so the same pixels everywhere.
        x = x0 + (2 * (x1 - x0) * i + steps) // (2 * steps)
        y = y0 + (2 * (y1 - y0) * i + steps) // (2 * steps)
        image.paste(color, (x - half, y - half, x - half + width, y - half + width))


@lru_cache(maxsize=512)
def text_mask(text: str, scale: int) -> Image.Image:
    """The text as a mask of 0 and 255, each glyph 5×7 dots of `scale` px with one dot between glyphs."""
    mask = Image.new("L", ((6 * len(text) - 1) * scale, 7 * scale), 0)
    for i, char in enumerate(text.upper()):
        for y, row in enumerate(_GLYPHS[char]):
            for x in range(5):
                if row >> (4 - x) & 1:
                    left, top = (6 * i + x) * scale, y * scale
                    mask.paste(255, (left, top, left + scale, top + scale))
    return mask


def write(image: Image.Image, text: str, x: int, y: int, scale: int = 2, color: Color = BLACK) -> None:
    """The text (upper-cased) with its upper left corner at (x, y)."""
    image.paste(color, (x, y), text_mask(text, scale))


def write_in_cell(image: Image.Image, text: str, column: int, row: int, scale: int = 2, color: Color = BLACK) -> None:
    """The text in the middle of a cell."""
    mask = text_mask(text, scale)
    x = CELL * column + (CELL - mask.width) // 2
    image.paste(color, (x, CELL * row + (CELL - mask.height) // 2), mask)


@lru_cache(maxsize=1024)
def shape_mask(shape: str, width: int, height: int) -> Image.Image:
    """A circle (ellipse), square or rectangle (the whole box) or triangle (point up) as a mask of 0 and 255."""
    inside = _INSIDE[shape]
    dots = ((2 * x + 1, 2 * y + 1) for y in range(height) for x in range(width))
    return Image.frombytes("L", (width, height), bytes(255 * inside(x, y, width, height) for x, y in dots))


@lru_cache(maxsize=4096)
def smooth_shape_mask(shape: str, width: int, height: int) -> Image.Image:
    """The same with soft edges: drawn four times as large, then averaged (whole numbers, so still the same bytes)."""
    return shape_mask(shape, 4 * width, 4 * height).reduce(4)


# Each takes the middle of a pixel in half pixels and the box in pixels.
_INSIDE: dict[str, Callable[[int, int, int, int], bool]] = {
    "circle": lambda x, y, w, h: (x - w) ** 2 * h * h + (y - h) ** 2 * w * w <= w * w * h * h,
    "square": lambda x, y, w, h: True,
    "rectangle": lambda x, y, w, h: True,
    "triangle": lambda x, y, w, h: abs(x - w) * 2 * h <= y * w,
}


def place(image: Image.Image, mask: Image.Image, x: int, y: int, color: Color) -> None:
    """Paint a mask with its upper left corner at (x, y)."""
    image.paste(color, (x, y), mask)
