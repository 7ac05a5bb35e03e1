"""The plots on a published card: what each stage kept, pass rates of the questions, lengths of the responses."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ovt.core.plots import bars, histogram, label, make_figure, name_axes, render, style
from ovt.core.schema import SPLITS, STAGES
from ovt.curate.versions.manifest import FunnelRow
from ovt.curate.versions.profile import NEEDED, summarise
from ovt.curate.versions.read import Version, scan_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Panel = Callable[["Axes", Mapping[str, Any], Sequence[FunnelRow]], None]


def draw(version: Version) -> dict[str, tuple[str, bytes]]:
    """Title -> (path in the repository, PNG) of each plot; panels without rows are left out."""
    stats = summarise(scan_rows(version.path, NEEDED))
    panels: list[Panel] = [draw_funnel] if version.manifest.funnel else []
    panels += [draw_pass_rates] if stats["pass_rates"] else []
    panels += [draw_lengths] if stats["words"] else []
    if not panels:
        return {}
    with style():
        figure, axes = make_figure(len(panels))
        for ax, panel in zip(axes, panels, strict=True):
            panel(ax, stats, version.manifest.funnel)
        image = render(figure, "png")
    return {"What each stage kept, pass rates, and lengths of responses": ("figures/overview.png", image)}


def draw_funnel(ax: "Axes", stats: Mapping[str, Any], funnel: Sequence[FunnelRow]) -> None:
    """Questions and samples that each stage passed on."""
    kept = {(row.level, row.stage): row.rows_out for row in funnel}
    levels = [level for level in ("question", "sample") if any(one == level for one, _ in kept)]
    stages = [stage for stage in STAGES if all((level, stage) in kept for level in levels)]
    bars(ax, stages, {f"{level}s": [kept[level, stage] for stage in stages] for level in levels})
    name_axes(ax, "Kept by each stage", "", "rows")


def draw_pass_rates(ax: "Axes", stats: Mapping[str, Any], funnel: Sequence[FunnelRow]) -> None:
    """Rows by the pass rate of their question, and by split."""
    counts = stats["pass_rates"]
    names = [label("none" if one["value"] is None else f"{one['value']:.0%}") for one in counts]
    bars(ax, names, {split: [one[split] for one in counts] for split in SPLITS}, stacked=True)
    name_axes(ax, "Pass rate of the question", "samples that were correct", "rows")


def draw_lengths(ax: "Axes", stats: Mapping[str, Any], funnel: Sequence[FunnelRow]) -> None:
    """Words of the responses in sft."""
    histogram(ax, {"sft": stats["words"]["histogram"]})
    name_axes(ax, "Length of a response", "words", "rows")
