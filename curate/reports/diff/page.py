"""`ovt data diff --html`: one self-contained page, with plots and rows and their images.

Images are decoded and re-encoded, so that the page holds only pixels.
"""

import base64
import io
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.core.files import disk_errors, write_file
from ovt.core.images import open_image
from ovt.core.plots import draw, histogram, label, name_axes
from ovt.core.report import inline_svg, render_page
from ovt.curate.reports.diff.diff import Diff
from ovt.curate.reports.diff.drift import GROUPS
from ovt.curate.reports.diff.examples import examples
from ovt.curate.reports.diff.recipes import sides
from ovt.curate.reports.diff.summary import example_facts, response, why
from ovt.curate.reports.figures import ARROWS, Figure, compared

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_IMAGES = 4  # of a row
SIDE = 360  # pixels


def write_page(diff: Diff, path: Path, limit: int) -> None:
    """Writes the page of `diff` with at most `limit` added, removed and changed rows each. Raises OvtError."""
    with disk_errors(path):
        write_file(path, diff_page(diff.about, examples(diff, limit, images=True)))


def diff_page(about: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """The page for `Diff.about` and `examples.examples` with images."""
    figures = compared(about["drift"])
    return render_page(
        "ovt.curate.reports.diff",
        "diff.html.j2",
        about=about,
        rows=[row | {"pictures": pictures(row)} for row in rows],
        groups=[(group, [one for one in figures if one.group == group]) for group in GROUPS],
        lengths=lengths_plot(about) if about["lengths"] else None,
        arrows=ARROWS,
        **{tool.__name__: tool for tool in (sides, why, whisker, shade, share_of, example_facts, response)},
    )


def pictures(row: dict[str, Any]) -> list[str | None]:
    """The row's images as data URIs; None for one that cannot be shown."""
    side = row["a"] or row["b"]
    return [data_uri(content) for content in side["images"][:MOST_IMAGES]]


def data_uri(content: bytes) -> str | None:
    """A small copy of an image as a data URI."""
    try:
        with open_image(content) as image:
            image.thumbnail((SIDE, SIDE))
            out = io.BytesIO()
            image.convert("RGB" if image.mode in ("RGB", "L", "CMYK", "YCbCr") else "RGBA").save(
                out, "WEBP", quality=85
            )
    except (OSError, ValueError, SyntaxError):
        return None
    return "data:image/webp;base64," + base64.b64encode(out.getvalue()).decode()


def lengths_plot(about: dict[str, Any]) -> str:
    """The lengths of the responses in both versions, as SVG."""
    bins = about["lengths"]
    width = bins[1]["from"] if len(bins) > 1 else bins[0]["from"] + 1
    series = {}
    for side in ("a", "b"):
        ref = f"{side}: {label(about[side]['ref'], 40)}"
        series[ref] = [{"from": one["from"], "to": one["from"] + width - 1, "rows": one[side]} for one in bins]
    return inline_svg(draw([partial(_draw_lengths, series=series)], "svg", size=(9.6, 2.6))[0])


def _draw_lengths(ax: "Axes", series: dict[str, list[dict[str, int]]]) -> None:
    histogram(ax, series)
    name_axes(ax, "", "words", "% of responses")


def whisker(one: Figure, group: list[Figure]) -> dict[str, float] | None:
    """The position of an interval and its change on a line from 0 to 100 with zero at 50; one scale per group."""
    if one.low is None or one.high is None or one.change is None:
        return None
    reach = max(max(abs(other.low or 0), abs(other.high or 0)) for other in group if other.unit == one.unit) or 1.0
    ends = {"low": one.low, "change": one.change, "high": one.high}
    places = {name: round(50 + 48 * value / reach, 2) for name, value in ends.items()}
    return places | {"width": round(max(places["high"] - places["low"], 0.8), 2)}


def shade(count: int, counts: list[list[int]]) -> float:
    """The darkness of a cell of the difficulty table: 0 to 0.6."""
    most = max(max(row) for row in counts) or 1
    return round(0.6 * (count / most) ** 0.5, 3)


def share_of(count: int, total: int) -> float:
    """Percent, for the width of a bar."""
    return round(100 * count / total, 2) if total else 0.0
