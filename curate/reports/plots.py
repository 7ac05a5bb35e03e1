"""Versions as plots: `ovt data stats --plot FILE`, in HTML with the table, and the figures of a published card.

For several versions the first panel is the paper's keyword figure: the families of reasoning behaviour by version.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.core.errors import OvtError
from ovt.core.files import disk_errors, write_file
from ovt.core.plots import COLOURS, OUTCOMES, Panel, bars, draw, histogram, label, name_axes
from ovt.core.report import inline_svg, render_page
from ovt.core.schema import SPLITS, STAGES
from ovt.curate.reports.figures import by_value, ratio, tabulate
from ovt.curate.versions.manifest import FunnelRow
from ovt.curate.versions.profile import BUCKETS, NEEDED, summarise
from ovt.curate.versions.read import Version, scan_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("png", "svg", "html")
MOST_BARS = 9  # kinds and sources per panel
MOST_VERSIONS = len(COLOURS)
SHARES = 11  # pass rates with a bar each; more are binned into tenths

Profiles = Sequence[dict[str, Any]]


def write_plot(profiles: Profiles, path: Path) -> None:
    """Draws the `profile.profile` of some versions into FILE.png, FILE.svg or FILE.html.

    OvtError for any other suffix, and for more versions than there are colours.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise OvtError(f"cannot draw into {path.name[:80]!r}: give a file that ends in .png, .svg or .html")
    if len(profiles) > MOST_VERSIONS:
        raise OvtError(f"{len(profiles)} versions are too many for one plot: give {MOST_VERSIONS} at most")
    one, labelled = len(profiles) == 1, with_labels(profiles)
    panels = [partial(panel, profiles=labelled) for panel in (ONE if one else MANY)]
    names = [] if one else [profile["label"] for profile in labelled]
    title = label(profiles[0]["ref"], 80) if one else ""
    (content,) = draw(panels, "png" if kind == "png" else "svg", title=title, names=names)
    with disk_errors(path):
        write_file(path, content if kind != "html" else page(profiles, content))


def page(profiles: Profiles, svg: bytes) -> str:
    """One self-contained page: the figure and the table of all figures."""
    return render_page(
        "ovt.curate.reports",
        "stats.html.j2",
        profiles=profiles,
        svg=inline_svg(svg),
        figures=[figure for figure in tabulate(profiles) if figure.telling],
    )


def draw_card(version: Version) -> dict[str, tuple[str, bytes]]:
    """The plots of a published card: title -> (path in the repository, PNG); panels without rows are left out."""
    stats = summarise(scan_rows(version.path, NEEDED))
    funnel = version.manifest.funnel
    panels: list[Panel] = [partial(draw_funnel, funnel=funnel)] if funnel else []
    panels += [partial(draw_rates, counts=stats["pass_rates"])] if stats["pass_rates"] else []
    panels += [partial(draw_lengths, spreads={"sft": stats["words"]})] if stats["words"] else []
    if not panels:
        return {}
    (image,) = draw(panels, "png")
    return {"What each stage kept, pass rates, and lengths of responses": ("figures/overview.png", image)}


def draw_funnel(ax: "Axes", funnel: Sequence[FunnelRow]) -> None:
    """Questions and samples that each stage passed on."""
    kept = {(row.level, row.stage): row.rows_out for row in funnel}
    levels = [level for level in ("question", "sample") if any(one == level for one, _ in kept)]
    stages = [stage for stage in STAGES if all((level, stage) in kept for level in levels)]
    bars(ax, stages, {f"{level}s": [kept[level, stage] for stage in stages] for level in levels})
    name_axes(ax, "Kept by each stage", "", "rows")


def draw_rates(ax: "Axes", counts: Sequence[Mapping[str, Any]]) -> None:
    """Rows by the pass rate of their question, and by split."""
    tenths = len(counts) > SHARES
    sums: dict[str, list[int]] = {}
    for one in counts:
        value = one["value"]
        text = "none" if value is None else f"{round(value, 1) if tenths else value:.0%}"
        sums[text] = [so_far + one[split] for so_far, split in zip(sums.get(text, [0, 0]), SPLITS, strict=True)]
    series = {split: [one[at] for one in sums.values()] for at, split in enumerate(SPLITS)}
    bars(ax, list(sums), series, stacked=True)
    name_axes(ax, "Pass rate of the question", "samples that were correct", "rows")


def draw_lengths(
    ax: "Axes", spreads: Mapping[str, Any], title: str = "Length of a response", unit: str = "words", rows: str = "rows"
) -> None:
    """Histograms of `profile.lengths`."""
    series = {version: spread["histogram"] for version, spread in spreads.items() if spread}
    if series:
        histogram(ax, series, legend=False)
    name_axes(ax, title, unit, rows if len(spreads) == 1 else f"% of {rows}")


def draw_behaviours(ax: "Axes", profiles: Profiles) -> None:
    """Families of cues; empty for a version without responses."""
    families = list(profiles[0]["behaviours"])
    rates = {one["label"]: [one["behaviours"][family] for family in families] for one in profiles}
    bars(ax, families, rates, digits=1, legend=False)
    name_axes(ax, "Reasoning behaviours", "", "cues per 1,000 words")


def draw_words(ax: "Axes", profiles: Profiles) -> None:
    draw_lengths(ax, {one["label"]: one["words"] for one in profiles})


def draw_tokens(ax: "Axes", profiles: Profiles) -> None:
    by_stage = {one["label"]: {stage["stage"]: stage for stage in one["tokens"]}.get("reason") for one in profiles}
    draw_lengths(ax, by_stage, "Tokens of a reply", "completion tokens", "samples")


def draw_pass_rates(ax: "Axes", profiles: Profiles) -> None:
    draw_rates(ax, [one for one in profiles[0]["pass_rates"] if one["value"] is not None])


def draw_difficulty(ax: "Axes", profiles: Profiles) -> None:
    """The share of rows of each bucket."""
    shares = {}
    for one in profiles:
        counts = by_value(one["difficulty"])
        shares[one["label"]] = [100 * (ratio(counts.get(bucket, 0), sum(counts.values())) or 0) for bucket in BUCKETS]
    bars(ax, BUCKETS, shares, legend=False)
    name_axes(ax, "Difficulty", "", "% of rows")


def draw_answers(ax: "Axes", profiles: Profiles) -> None:
    """One version: outcomes by kind of answer."""
    kinds = profiles[0]["kinds"][:MOST_BARS]
    series = {outcome: [kind[outcome] for kind in kinds] for outcome in OUTCOMES}
    bars(ax, [label(kind["kind"], 12) for kind in kinds], series, colours=list(OUTCOMES.values()), stacked=True)
    name_axes(ax, "Answers", "", "samples")


def draw_correct(ax: "Axes", profiles: Profiles) -> None:
    """Several versions: the share of correct answers by kind."""
    kinds = list(dict.fromkeys(kind["kind"] for one in profiles for kind in one["kinds"]))[:MOST_BARS]
    shares = {}
    for one in profiles:
        found = {kind["kind"]: ratio(kind["correct"], kind["correct"] + kind["wrong"]) for kind in one["kinds"]}
        shares[one["label"]] = [100 * (found.get(kind) or 0) for kind in kinds]
    bars(ax, [label(kind, 12) for kind in kinds], shares, legend=False)
    name_axes(ax, "Correct answers", "kind of answer", "% of samples")


def draw_sources(ax: "Axes", profiles: Profiles) -> None:
    """Rows of each source: by split, or by version."""
    counts = {profile["label"]: by_value(profile["sources"]) for profile in profiles}
    rows = {source: sum(one.get(source, 0) for one in counts.values()) for one in counts.values() for source in one}
    most = sorted(rows, key=lambda source: (-rows[source], str(source)))[:MOST_BARS]
    series = {version: [one.get(source, 0) for source in most] for version, one in counts.items()}
    one_version = len(profiles) == 1
    if one_version:
        found = {one["value"]: one for one in profiles[0]["sources"]}
        series = {split: [found[source][split] for source in most] for split in SPLITS}
    bars(ax, [label(source, 14) for source in most], series, stacked=one_version, legend=one_version)
    name_axes(ax, "Sources", "", "rows")


def with_labels(profiles: Profiles) -> Profiles:
    """The profiles, each with the `label` of its version for the legend: short and unique."""
    refs = [label(one["ref"], 200) for one in profiles]
    short = [ref if len(ref) <= 18 else f"{ref[:7]}…{ref[-10:]}" for ref in refs]
    unique = [text if short.count(text) == 1 else f"{at}: {text}" for at, text in enumerate(short, start=1)]
    return [one | {"label": text} for one, text in zip(profiles, unique, strict=True)]


ONE: tuple[Callable[..., None], ...] = (
    draw_words, draw_behaviours, draw_pass_rates, draw_answers, draw_tokens, draw_sources,
)  # fmt: skip
MANY: tuple[Callable[..., None], ...] = (
    draw_behaviours, draw_words, draw_difficulty, draw_correct, draw_tokens, draw_sources,
)  # fmt: skip
