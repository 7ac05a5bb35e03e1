"""`ovt data diff --html`: one page that asks for nothing from anywhere, with plots and rows and their images.

Texts come from models and data sets: the template escapes all of them, and the page's own policy lets no script run and
nothing load. Images are decoded and made anew, so that what the page holds is what Pillow saw.
"""

import base64
import io
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image

from ovt.commands.views.diff import value_of_setting, why
from ovt.core.errors import OvtError
from ovt.core.text import plain
from ovt.curate.reports.diff import figures
from ovt.curate.reports.diff.diff import Diff
from ovt.curate.reports.diff.drift import GROUPS
from ovt.curate.reports.diff.examples import examples

MOST_IMAGES = 4  # of a row
SIDE = 360  # pixels
LONGEST = 8_000  # letters of a text

PLOT_WIDTH, PLOT_HEIGHT = 720, 180
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")


def write_page(diff: Diff, path: Path, limit: int) -> None:
    """Writes the page of `diff` with at most `limit` rows that came, went and changed each. Raises OvtError."""
    page = render_page(diff.about, examples(diff, limit, images=True))
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise OvtError(
            f"cannot write {path} ({error.strerror}): give --html a file in a folder that is there"
        ) from None


def render_page(about: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The page for `Diff.about` and `examples.examples` with images."""
    source = files("ovt.curate.reports.diff").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=harmless
    )
    drift = [one for one in about["drift"] if not figures.tells_nothing(one)]
    return environment.from_string(source).render(
        about=about,
        rows=[row | {"pictures": pictures(row)} for row in rows],
        groups=[(group, [one for one in drift if one["group"] == group]) for group in GROUPS],
        lengths=bars(about["lengths"]),
        plot={"width": PLOT_WIDTH, "height": PLOT_HEIGHT},
        arrows=figures.ARROWS,
        **{tool.__name__: tool for tool in (value_of_setting, why, whisker, shade, share_of)},
        **{tool.__name__: tool for tool in (figures.facts_line, figures.text_of)},
        **{tool.__name__: tool for tool in (figures.value, figures.changed_by, figures.interval)},
    )


def harmless(value: Any) -> Any:
    """Text without invisible characters, cut; the template escapes it."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    return plain(value if len(value) <= LONGEST else value[:LONGEST] + "…")


def pictures(row: dict[str, Any]) -> list[str | None]:
    """The row's images as data URIs; None for one that cannot be shown."""
    side = row["a"] or row["b"]
    return [data_uri(content) for content in side["images"][:MOST_IMAGES]]


def data_uri(content: bytes) -> str | None:
    """A small copy of an image as a data URI."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            image.thumbnail((SIDE, SIDE))
            out = io.BytesIO()
            image.convert("RGB" if image.mode in ("RGB", "L", "CMYK", "YCbCr") else "RGBA").save(
                out, "WEBP", quality=85
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def bars(lengths: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The histogram's bins with their bars: x, width, and height and y of each version, as shares of its rows."""
    totals = {side: sum(one[side] for one in lengths) or 1 for side in ("a", "b")}
    most = max((one[side] / totals[side] for one in lengths for side in totals), default=0) or 1
    width = PLOT_WIDTH / max(len(lengths), 1)
    drawn = []
    for number, one in enumerate(lengths):
        heights = {side: round(PLOT_HEIGHT * one[side] / totals[side] / most, 1) for side in totals}
        tops = {side: round(PLOT_HEIGHT - height, 1) for side, height in heights.items()}
        label = f"{one['from']} to {one['to']} words" if one["to"] is not None else f"{one['from']} words and more"
        drawn.append(
            one
            | {"x": round(number * width, 1), "width": round(width, 1), "label": label}
            | {"height": heights, "y": tops}
        )
    return drawn


def whisker(one: dict[str, Any], group: list[dict[str, Any]]) -> dict[str, float] | None:
    """Where an interval and its change lie on a line from 0 to 100 with none at 50; one scale for a group."""
    if one["low"] is None:
        return None
    alike = [other for other in group if other["unit"] == one["unit"] and other["low"] is not None]
    reach = max(max(abs(other["low"]), abs(other["high"])) for other in alike) or 1.0
    places = {name: round(50 + 48 * one[name] / reach, 2) for name in ("low", "change", "high")}
    return places | {"width": round(max(places["high"] - places["low"], 0.8), 2)}


def shade(count: int, counts: list[list[int]]) -> float:
    """How dark a cell of the difficulty table is: 0 to 0.6."""
    most = max(max(row) for row in counts) or 1
    return round(0.6 * (count / most) ** 0.5, 3)


def share_of(count: int, total: int) -> float:
    """Per cent, for the width of a bar."""
    return round(100 * count / total, 2) if total else 0.0
