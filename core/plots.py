"""Plots in one style, for stats, cards and pages. matplotlib is loaded on first use.

    def lengths(ax):
        histogram(ax, {"pocket@v1": bins})
        name_axes(ax, "Length of a response", "words", "rows")

    def behaviours(ax):
        bars(ax, ["visual", "plan"], {"pocket@v1": [12.3, 4.5]})

    save([lengths, behaviours], Path("stats.png"))

The same data gives the same bytes. Names come from data sets and models: pass them through `label`, so that none is
parsed as mathematics.
"""

import io
import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.core.errors import OvtError, not_installed
from ovt.core.files import disk_errors, write_file
from ovt.core.text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, GRID = "#22303c", "#8a97a3", "#e4e8ec"
COLOURS = ("#2f6690", "#d1603d", "#5b8c5a", "#c29b33", "#7a5c8e", "#4a9b9b", "#a3556b", "#6b7a3a")
OUTCOMES = {"correct": "#5b8c5a", "wrong": "#d1603d", "abstain": "#c9ced3"}
WIDTH, HEIGHT = 4.4, 2.9  # inches of one panel
ACROSS = 3  # panels side by side
LETTERS = 56  # how many fit side by side below a panel
MOST_NUMBERED = 24  # with more bars, values are not printed
STYLE: Any = {
    "font.size": 9, "text.color": INK, "text.parse_math": False, "axes.edgecolor": FAINT, "axes.labelcolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRID, "grid.linewidth": 0.8,
    "axes.axisbelow": True, "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "xtick.major.size": 0, "ytick.major.size": 0, "legend.frameon": False,
    "legend.fontsize": 8, "svg.hashsalt": "ovt", "svg.fonttype": "none", "figure.constrained_layout.use": True,
}  # fmt: skip


Panel = Callable[["Axes"], None]  # draws on empty axes


def save(panels: Sequence[Panel], *paths: Path, title: str = "") -> None:
    """Draws the panels side by side into FILE.png (160 dpi) or FILE.svg, or both. OvtError for any other suffix."""
    for path in paths:
        if path.suffix.lower() not in (".png", ".svg"):
            raise OvtError(f"cannot draw into {path.name[:80]!r}: give a file that ends in .png or .svg")
    pictures = draw(panels, *(path.suffix.lower().removeprefix(".") for path in paths), title=title)
    for path, picture in zip(paths, pictures, strict=True):
        with disk_errors(path):
            write_file(path, picture)


def draw(
    panels: Sequence[Panel],
    *kinds: str,
    title: str = "",
    names: Sequence[str] = (),
    size: tuple[float, float] = (WIDTH, HEIGHT),
) -> list[bytes]:
    """The figure as "png" or "svg", once per entry of `kinds`. names: the series that all panels show; size: a
    panel's, in inches.

    Uses only our style (ignores matplotlibrc), and needs no display.
    """
    try:
        import matplotlib as mpl
    except ModuleNotFoundError as error:
        raise not_installed("drawing", error, "plots") from error
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(ACROSS, len(panels))
    down = -(-len(panels) // across)
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(size[0] * across, size[1] * down + 0.35 * bool(title)))
        FigureCanvasAgg(figure)
        if title:
            figure.suptitle(title, x=0.008, ha="left", fontsize=11, color=FAINT)
        axes = [figure.add_subplot(down, across, at + 1) for at in range(len(panels))]
        for panel, ax in zip(panels, axes, strict=True):
            panel(ax)
        if names:
            _name_all(figure, names)
        return [_render(figure, kind) for kind in kinds]


def label(text: object, longest: int = 22) -> str:
    """A name as one short line of harmless text."""
    line = " ".join(plain("none" if text is None else str(text)[: 8 * longest]).split()) or "(empty)"
    return line if len(line) <= longest else line[: longest - 1] + "…"


def name_axes(ax: "Axes", title: str, x: str, y: str) -> None:
    """Sets the panel's title and axis units."""
    ax.set_title(title, loc="left", fontsize=10, fontweight="bold")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.yaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def histogram(ax: "Axes", series: Mapping[str, Sequence[Mapping[str, int]]], *, legend: bool = True) -> None:
    """Equal bins {"from", "to", "rows"} (whole numbers, both inclusive) from 0: one series as bars; several
    as outlines of their shares in percent, in the narrowest bins that fit all of them."""
    width = math.lcm(*(bins[0]["to"] + 1 - bins[0]["from"] for bins in series.values()))
    for colour, (name, bins) in zip(COLOURS, series.items(), strict=False):
        rows = [0] * (bins[-1]["to"] // width + 1)
        for one in bins:
            rows[one["from"] // width] += one["rows"]
        edges = [float(width * place) for place in range(len(rows) + 1)]
        if len(series) == 1:
            ax.bar(edges[:-1], rows, width, align="edge", color=colour, edgecolor="white", linewidth=0.8)
        else:
            shares = [100 * count / max(sum(rows), 1) for count in rows]
            ax.stairs(shares, edges, color=colour, linewidth=1.6, label=name)
            ax.stairs(shares, edges, color=colour, alpha=0.10, fill=True)
    ax.grid(visible=False, axis="x")
    ax.margins(x=0.01)
    if legend:
        name_series(ax, series)


def name_series(ax: "Axes", names: Iterable[str]) -> None:
    """The colour key, beside the panel's title if it fits, else inside."""
    names = list(names)
    if len(names) < 2:
        return
    if sum(len(name) + 4 for name in names) <= 2 * LETTERS // 3:
        beside = {"loc": "lower right", "bbox_to_anchor": (1.01, 0.985), "borderaxespad": 0.0}
        ax.legend(ncols=len(names), handlelength=1.0, columnspacing=1.0, handletextpad=0.5, **beside)
    else:
        ax.legend(loc="best", handlelength=1.0)


def _name_all(figure: "Figure", names: Sequence[str]) -> None:
    """One colour key above all panels."""
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for colour, name in zip(COLOURS, names, strict=False)]
    figure.legend(handles=handles, loc="outside upper left", ncols=len(names), handlelength=1.0, fontsize=10)


def bars(
    ax: "Axes",
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    colours: Sequence[str] = COLOURS,
    stacked: bool = False,
    digits: int = 0,
    legend: bool = True,
) -> None:
    """A group of bars per label, one bar (or, stacked, one segment) per series. If few, they show their values."""
    count = 1 if stacked else max(len(series), 1)
    width = (0.62 if count == 1 else 0.82) / count
    base = [0.0] * len(labels)
    numbered = not stacked and len(labels) * count <= MOST_NUMBERED
    for place, (colour, (name, values)) in enumerate(zip(colours, series.items(), strict=False)):
        at = [number + (place - (count - 1) / 2) * width * (not stacked) for number in range(len(labels))]
        drawn = ax.bar(at, values, width * 0.94, bottom=base, color=colour, label=name)
        if numbered:
            texts = [f"{value:,.{digits}f}" for value in values]
            ax.bar_label(drawn, texts, padding=2, fontsize=7 if count > 1 else 8, color=INK)
        base = [low + value for low, value in zip(base, values, strict=True)] if stacked else base
    many = max(map(len, labels), default=0) * len(labels) > LETTERS
    ax.set_xticks(range(len(labels)), labels, rotation=30 if many else 0, ha="right" if many else "center")
    ax.grid(visible=False, axis="x")
    ax.margins(x=0.04)
    if len(labels) < 3:
        ax.set_xlim((len(labels) - 1) / 2 - 1.5, (len(labels) - 1) / 2 + 1.5)
    ax.set_ylim(top=max(ax.get_ylim()[1], 1e-9) * 1.05)
    if legend:
        name_series(ax, series)


def _render(figure: "Figure", kind: str) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # drawn as an empty box
        figure.savefig(out, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else {"Software": None})
    return out.getvalue()
