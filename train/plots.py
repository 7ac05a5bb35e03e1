"""Curves of a run and of a loop as PNG and SVG, from what they logged; matplotlib is loaded when something is drawn.

A run's figure has a panel for each of PANELS that its log has columns for; a loop's has accuracy, length and behaviours
by step. Both are drawn from plain rows, so that anything that logs the same names can be plotted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.curate.errors import OvtError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, GRID = "#22303c", "#8a97a3", "#e4e8ec"
COLOURS = ("#2f6690", "#d1603d", "#5b8c5a", "#7a5c8e", "#c29b33", "#4a9b9b")
WIDTH, HEIGHT = 4.2, 2.7  # inches of one panel
ACROSS = 3  # panels side by side
SMOOTH_FROM = 40  # points from which a curve is drawn as a moving mean over its faint self
STYLE = {
    "font.size": 9, "axes.edgecolor": FAINT, "axes.labelcolor": INK, "text.color": INK, "xtick.color": FAINT,
    "ytick.color": FAINT, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": GRID,
    "grid.linewidth": 0.8, "axes.axisbelow": True, "lines.linewidth": 1.6, "svg.hashsalt": "ovt",
    "svg.fonttype": "none", "figure.constrained_layout.use": True,
}  # fmt: skip


@dataclass(frozen=True)
class Panel:
    """A set of axes: its title, the unit on its y axis, and the logged columns it shows (label by column)."""

    title: str
    unit: str
    columns: Mapping[str, str]
    smooth: bool = True


PANELS = (
    Panel("Loss", "nats per token", {"loss": "train", "eval_loss": "held out"}),
    Panel("Reward", "mean over samples", {"reward": "reward", "eval_reward": "held out"}),
    Panel("Groups without a signal", "share of questions", {"frac_reward_zero_std": "all samples score the same"}),
    Panel("KL to the reference", "nats per token", {"kl": "KL"}),
    Panel("Length of a response", "tokens", {"completions/mean_length": "mean"}),
    Panel("Cut off", "share of samples", {"completions/clipped_ratio": "cut off"}),
    Panel("Next token right", "share", {"mean_token_accuracy": "train", "eval_mean_token_accuracy": "held out"}),
    Panel(
        "Behaviours",
        "cues per 1,000 words",
        {f"behaviours/{name}": name for name in ("visual", "digest", "plan", "reflection", "alternate")},
    ),
    Panel("Entropy", "nats per token", {"entropy": "entropy"}),
    Panel("Learning rate", "", {"learning_rate": "learning rate"}, smooth=False),
    Panel("Norm of the gradient", "", {"grad_norm": "norm"}),
)  # fmt: skip


def plot_run(name: str, log: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """The curves of a run by step: folder/curves.png and .svg. OvtError where nothing was logged."""
    panels = [panel for panel in PANELS if any(points(log, column) for column in panel.columns)]
    if not panels:
        raise OvtError(f"run {name} has logged nothing to plot yet: try again when it has done some steps")
    figure, axes = make_figure(len(panels))
    for panel, ax in zip(panels, axes, strict=False):
        draw_curves(ax, panel, log)
    figure.suptitle(name, x=0.01, ha="left", fontsize=11, color=FAINT)
    return save(figure, folder / "curves")


def points(log: Iterable[Mapping[str, Any]], column: str) -> list[tuple[float, float]]:
    """(step, value) of the lines that have the column."""
    return [(line["step"], float(line[column])) for line in log if isinstance(line.get(column), int | float)]


def draw_curves(ax: "Axes", panel: Panel, log: Sequence[Mapping[str, Any]]) -> None:
    """One panel: a curve per column, labelled at its end."""
    ends = []
    for colour, (column, label) in zip(COLOURS, panel.columns.items(), strict=False):
        if found := points(log, column):
            steps, values = zip(*found, strict=True)
            noisy = panel.smooth and len(values) >= SMOOTH_FROM
            smooth = moving_mean(values) if noisy else list(values)
            if noisy:
                ax.plot(steps, values, color=colour, alpha=0.22, linewidth=0.8)
            ax.plot(steps, smooth, color=colour, marker="o" if len(values) == 1 else None, markersize=4)
            ends.append((steps[-1], smooth[-1], label, colour))
    name_axes(ax, panel.title, panel.unit)
    ax.set_xlabel("step")
    if len(ends) > 1:
        label_ends(ax, ends)


def moving_mean(values: Sequence[float], share: float = 0.8) -> list[float]:
    """The exponential moving mean of a curve, corrected for its start."""
    smooth, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = share * total + value, share * weight + 1
        smooth.append(total / weight)
    return smooth


def plot_loop(name: str, steps: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Accuracy, length and behaviours by step: folder/loop.png and .svg.

    `steps` are in order, each with label, accuracy, low, high (shares), words and behaviours (cues per 1,000 words).
    """
    if not steps:
        raise OvtError(f"loop {name} has no evaluation to plot yet: try again when it has one")
    figure, axes = make_figure(3)
    labels = [step["label"] for step in steps]
    draw_accuracy(axes[0], steps)
    axes[1].bar(range(len(steps)), [step["words"] for step in steps], color=COLOURS[0], alpha=0.75, width=0.6)
    for at, step in enumerate(steps):
        axes[1].annotate(f"{step['words']:.0f}", (at, step["words"]), ha="center", va="bottom", fontsize=8)
    name_axes(axes[1], "Length of a response", "words, mean")
    draw_behaviours(axes[2], steps)
    for ax in axes[:3]:
        name_steps(ax, labels)
    figure.suptitle(name, x=0.01, ha="left", fontsize=11, color=FAINT)
    return save(figure, folder / "loop")


def draw_accuracy(ax: "Axes", steps: Sequence[Mapping[str, Any]]) -> None:
    """Accuracy in percent with its 95% intervals."""
    at = range(len(steps))
    values = [100 * step["accuracy"] for step in steps]
    errors = [[100 * (step["accuracy"] - step["low"]) for step in steps],
              [100 * (step["high"] - step["accuracy"]) for step in steps]]  # fmt: skip
    ax.errorbar(
        at, values, yerr=errors, color=COLOURS[0], ecolor=FAINT, fmt="o-", markersize=4, capsize=2, elinewidth=1
    )
    for place, value in zip(at, values, strict=True):
        ax.annotate(f"{value:.1f}", (place, value), textcoords="offset points", xytext=(5, 5), fontsize=8)
    name_axes(ax, "Held-out accuracy", "%, with 95% intervals")


def draw_behaviours(ax: "Axes", steps: Sequence[Mapping[str, Any]]) -> None:
    """A line per family of cues, labelled at its end."""
    ends = []
    for colour, family in zip(COLOURS, steps[-1]["behaviours"], strict=False):
        values = [step["behaviours"][family] for step in steps]
        ax.plot(range(len(steps)), values, color=colour, marker="o", markersize=3)
        ends.append((len(steps) - 1, values[-1], family, colour))
    name_axes(ax, "Behaviours", "cues per 1,000 words")
    label_ends(ax, ends)


def make_figure(panels: int) -> tuple["Figure", list["Axes"]]:
    """An empty figure with room for so many panels, ACROSS side by side; drawn without any display."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    across = min(ACROSS, panels)
    down = -(-panels // across)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH * across, HEIGHT * down + 0.3))
        FigureCanvasAgg(figure)
        axes = [figure.add_subplot(down, across, at + 1) for at in range(panels)]
    return figure, axes


def name_axes(ax: "Axes", title: str, unit: str) -> None:
    ax.set_title(title, loc="left", fontsize=10, fontweight="bold", color=INK)
    ax.set_ylabel(unit)
    ax.margins(x=0.02)


def name_steps(ax: "Axes", labels: Sequence[str]) -> None:
    """The steps' names below the axis, slanted where they are many."""
    many = len(labels) > 4
    ax.set_xticks(range(len(labels)), labels, rotation=35 if many else 0, ha="right" if many else "center")
    ax.grid(visible=False, axis="x")


def label_ends(ax: "Axes", ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Each curve's name at its end in its colour, moved apart where they would overlap."""
    low, high = ax.get_ylim()
    apart, last = 0.085 * (high - low), -float("inf")
    for x, y, label, colour in sorted(ends, key=lambda end: end[1]):
        last = max(y, last + apart)
        beside = x + 0.02 * (ax.get_xlim()[1] - ax.get_xlim()[0])
        ax.annotate(label, (x, y), xytext=(beside, last), color=colour, fontsize=8, va="center", annotation_clip=False)


def save(figure: "Figure", stem: Path) -> list[Path]:
    """stem.png (160 dpi) and stem.svg; equal data gives equal SVG bytes."""
    import matplotlib as mpl

    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_suffix(".png"), stem.with_suffix(".svg")]
    with mpl.rc_context(STYLE):
        figure.savefig(paths[0], dpi=160)
        figure.savefig(paths[1], metadata={"Date": None})
    return paths
