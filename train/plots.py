"""Curves of a run and of a loop as PNG and SVG, from their logs, in the style of `ovt.core.plots`.

A run's figure has a panel for each of PANELS that its log has columns for; a loop's has accuracy, length and behaviours
by step. Both are drawn from plain rows, so anything that logs the same names can be plotted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.core.errors import OvtError
from ovt.core.plots import COLOURS, FAINT, bars, label, name_axes, save
from ovt.curate.stages.behaviours import COLUMNS, FAMILIES
from ovt.train.runs import Run, read_log

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMOOTH_FROM = 20  # with more points, a curve is drawn as a moving mean over its faint self
INTERVALS = "share, with 95% intervals"
MANY = 5  # with more steps, their names below an axis are slanted


@dataclass(frozen=True)
class Panel:
    """A set of axes: its title, the unit on its y axis, and the logged columns it shows (label by column).

    bounds   the columns of a 95% interval around the only curve
    """

    title: str
    unit: str
    columns: Mapping[str, str]
    smooth: bool = True
    bounds: tuple[str, str] | None = None


PANELS = (
    Panel("Loss", "nats per token", {"loss": "train", "eval_loss": "held out"}),
    Panel("Reward", "mean over samples", {"reward": "reward", "second_opinion": "another grader"}),
    Panel("Held-out accuracy", INTERVALS, {"eval_accuracy": "held out"}, False, ("eval_low", "eval_high")),
    Panel("Rollouts found correct", INTERVALS, {"accuracy": "correct"}, True, ("low", "high")),
    Panel("Questions without a signal", "share", {"frac_reward_zero_std": "all samples score the same"}),
    Panel("KL to the reference", "nats per token", {"kl": "KL"}),
    Panel("Length of a response", "tokens", {"completions/mean_length": "mean"}),
    Panel("Cut off", "share of samples", {"completions/clipped_ratio": "cut off"}),
    Panel("Next token right", "share", {"mean_token_accuracy": "train", "eval_mean_token_accuracy": "held out"}),
    Panel("Behaviours", "cues per 1,000 words", dict(zip(COLUMNS, FAMILIES, strict=True))),
    Panel("Entropy", "nats per token", {"entropy": "entropy"}),
    Panel("Learning rate", "", {"learning_rate": "learning rate"}, smooth=False),
    Panel("Norm of the gradient", "", {"grad_norm": "norm"}),
)


def plot_run(name: str, log: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """The curves of a run by step: folder/curves.png and .svg. OvtError if nothing was logged."""
    panels = [panel for panel in PANELS if any(points(log, column) for column in panel.columns)]
    if not panels:
        raise OvtError(f"run {name} has logged nothing to plot yet: try again after a few steps")
    paths = [folder / "curves.png", folder / "curves.svg"]
    save([partial(draw_curves, panel=panel, log=log) for panel in panels], *paths, title=label(name, 80))
    return paths


def curves(run: Run) -> list[dict[str, Any]]:
    """A run's log, with its rollouts' accuracy and behaviours, by step: lines for `plot_run`."""
    log = read_log(run.log_path)
    if not any(run.rollouts.glob("step-*.parquet")):
        return log
    from ovt.train.rollouts import by_step

    return log + by_step(run).select("step", "accuracy", "low", "high", *COLUMNS).to_dicts()


def points(log: Iterable[Mapping[str, Any]], column: str) -> list[tuple[float, float]]:
    """(step, value) of the lines that have the column."""
    return [(line["step"], float(line[column])) for line in log if isinstance(line.get(column), int | float)]


def draw_curves(ax: "Axes", panel: Panel, log: Sequence[Mapping[str, Any]]) -> None:
    """One panel: a curve per column, labelled at its end if there are several."""
    ends = []
    for colour, (column, name) in zip(COLOURS, panel.columns.items(), strict=False):
        if found := points(log, column):
            steps, values = zip(*found, strict=True)
            noisy = panel.smooth and len(values) >= SMOOTH_FROM
            smooth = moving_mean(values) if noisy else list(values)
            if noisy:
                ax.plot(steps, values, color=colour, alpha=0.22, linewidth=0.8)
            ax.plot(steps, smooth, color=colour, linewidth=1.6, marker="o" if len(values) == 1 else None, markersize=4)
            ends.append((steps[-1], smooth[-1], name, colour))
            if panel.bounds:
                below, above = ([value for _, value in points(log, bound)] for bound in panel.bounds)
                ax.vlines(steps, below, above, color=colour, alpha=0.3, linewidth=0.8)
    name_axes(ax, panel.title, "step", panel.unit)
    ax.margins(x=0.02)
    if len(ends) > 1:
        label_ends(ax, ends)


def moving_mean(values: Sequence[float], share: float = 0.8) -> list[float]:
    """The exponential moving mean of a curve, bias-corrected."""
    smooth, total, weight = [], 0.0, 0.0
    for value in values:
        total, weight = share * total + value, share * weight + 1
        smooth.append(total / weight)
    return smooth


def plot_loop(name: str, steps: Sequence[Mapping[str, Any]], folder: Path) -> list[Path]:
    """Accuracy, length and behaviours by step: folder/loop.png and .svg. OvtError without steps.

    `steps` are in order, each with label, accuracy, low, high (shares), words and behaviours (cues per 1,000 words);
    `benchmarks` too, if the loop has some.
    """
    if not steps:
        raise OvtError(f"loop {name} has no evaluation to plot yet: try again after the first one")
    labels = [label(step["label"]) for step in steps]
    drawn = [draw_accuracy, draw_words, draw_behaviours]
    drawn += [draw_benchmarks] if all(step.get("benchmarks") for step in steps) else []
    panels = [partial(draw, steps=steps, labels=labels) for draw in drawn]
    paths = [folder / "loop.png", folder / "loop.svg"]
    save(panels, *paths, title=label(name, 80))
    return paths


def draw_words(ax: "Axes", steps: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> None:
    """The mean length of a response."""
    bars(ax, labels, {"words": [step["words"] for step in steps]})
    name_axes(ax, "Length of a response", "", "words, mean")


def draw_accuracy(ax: "Axes", steps: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> None:
    """Accuracy in percent with its 95% intervals."""
    values = [100 * step["accuracy"] for step in steps]
    below = [100 * (step["accuracy"] - step["low"]) for step in steps]
    above = [100 * (step["high"] - step["accuracy"]) for step in steps]
    at = list(range(len(steps)))
    ax.errorbar(at, values, yerr=[below, above], color=COLOURS[0], ecolor=FAINT, fmt="o", markersize=4.5, capsize=2)
    for place, value, over in zip(at, values, above, strict=True):
        ax.annotate(
            f"{value:.1f}", (place, value + over), textcoords="offset points", xytext=(0, 3), ha="center", fontsize=7
        )
    name_axes(ax, "Held-out accuracy", "", "%, with 95% intervals")
    name_steps(ax, labels)
    ax.margins(x=0.08)


def draw_benchmarks(ax: "Axes", steps: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> None:
    """A line per benchmark, labelled at its end."""
    ends = []
    for colour, name in zip(COLOURS * 3, steps[-1]["benchmarks"], strict=False):
        values = [100 * step["benchmarks"].get(name, {}).get("accuracy", float("nan")) for step in steps]
        ax.plot(range(len(steps)), values, color=colour, linewidth=1.6, marker="o", markersize=3)
        ends.append((len(steps) - 1, values[-1], name, colour))
    name_axes(ax, "Benchmarks", "", "%, ours")
    name_steps(ax, labels)
    label_ends(ax, ends)


def draw_behaviours(ax: "Axes", steps: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> None:
    """A line per family of cues, labelled at its end."""
    ends = []
    for colour, family in zip(COLOURS, steps[-1]["behaviours"], strict=False):
        values = [step["behaviours"][family] for step in steps]
        ax.plot(range(len(steps)), values, color=colour, linewidth=1.6, marker="o", markersize=3)
        ends.append((len(steps) - 1, values[-1], family, colour))
    name_axes(ax, "Behaviours", "", "cues per 1,000 words")
    name_steps(ax, labels)
    label_ends(ax, ends)


def name_steps(ax: "Axes", labels: Sequence[str]) -> None:
    """The steps' names below the axis, slanted if there are many."""
    slanted = len(labels) >= MANY
    ax.set_xticks(range(len(labels)), labels, rotation=30 if slanted else 0, ha="right" if slanted else "center")
    ax.grid(visible=False, axis="x")


def label_ends(ax: "Axes", ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Each curve's name at its end in its colour, moved apart if they would overlap."""
    low, high = ax.get_ylim()
    apart, last = 0.085 * (high - low), -float("inf")
    for x, y, name, colour in sorted(ends, key=lambda end: end[1]):
        last = max(y, last + apart)
        beside = x + 0.02 * (ax.get_xlim()[1] - ax.get_xlim()[0])
        ax.annotate(name, (x, y), xytext=(beside, last), color=colour, fontsize=8, va="center", annotation_clip=False)
