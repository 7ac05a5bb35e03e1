"""`ovt data stats --plot FILE`: one version, or several against each other, as a figure; in HTML with the table.

For several versions the first panel is the paper's keyword figure: the families of reasoning behaviour by version.
"""

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ovt.core.errors import OvtError
from ovt.core.plots import COLOURS, OUTCOMES, bars, histogram, label, make_figure, name_all, name_axes, render, style
from ovt.core.text import plain
from ovt.curate.reports.profile_table import number, ratio, tabulate, telling, unit_of
from ovt.curate.versions.profile import BUCKETS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = ("png", "svg", "html")
MOST_BARS = 9  # kinds and sources in one panel
MOST_VERSIONS = len(COLOURS)
SHARES = 11  # pass rates that get a bar each; more are put into tenths

Profiles = Sequence[dict[str, Any]]


def write_plot(profiles: Profiles, path: Path) -> None:
    """Draws `profile.profile` of some versions into FILE.png, FILE.svg or FILE.html.

    OvtError for another suffix, and for more versions than there are colours.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise OvtError(f"cannot draw into {path.name[:80]!r}: give a file that ends in .png, .svg or .html")
    if len(profiles) > MOST_VERSIONS:
        raise OvtError(f"{len(profiles)} versions are too many for one plot: give {MOST_VERSIONS} at most")
    with style():
        content = render(draw(profiles), "png" if kind == "png" else "svg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if kind != "html" else page(profiles, content.decode()).encode())


def draw(profiles: Profiles) -> "Figure":
    """The figure; inside `plots.style`."""
    one = len(profiles) == 1
    panels = ONE if one else MANY
    figure, axes = make_figure(len(panels), label(profiles[0]["ref"], 80) if one else "")
    for panel, ax in zip(panels, axes, strict=True):
        panel(ax, profiles)
    if not one:
        name_all(figure, [name(profile) for profile in profiles])
    return figure


def draw_behaviours(ax: "Axes", profiles: Profiles) -> None:
    """Families of cues; nothing for a version without a response."""
    families = list(profiles[0]["behaviours"])
    bars(
        ax,
        families,
        {name(one): [one["behaviours"][family] for family in families] for one in profiles},
        digits=1,
        legend=False,
    )
    name_axes(ax, "Reasoning behaviours", "", "cues per 1,000 words")


def draw_words(ax: "Axes", profiles: Profiles) -> None:
    draw_lengths(ax, {name(one): one["words"] for one in profiles}, "Length of a response", "words", "rows")


def draw_tokens(ax: "Axes", profiles: Profiles) -> None:
    by_stage = {name(one): {stage["stage"]: stage for stage in one["tokens"]}.get("reason") for one in profiles}
    draw_lengths(ax, by_stage, "Tokens of a reply", "completion tokens", "samples")


def draw_lengths(ax: "Axes", spreads: dict[str, Any], title: str, unit: str, counted: str) -> None:
    """Histograms of `versions.stats.lengths`."""
    series = {version: spread["histogram"] for version, spread in spreads.items() if spread}
    if series:
        histogram(ax, series, legend=False)
    name_axes(ax, title, unit, counted if len(spreads) == 1 else f"% of {counted}")


def draw_pass_rates(ax: "Axes", profiles: Profiles) -> None:
    """Rows by pass rate and split."""
    rates = [one for one in profiles[0]["pass_rates"] if one["value"] is not None]
    tenths = len(rates) > SHARES
    counts: dict[str, list[int]] = {}
    for one in rates:
        value = round(one["value"], 1) if tenths else one["value"]
        sums = counts.setdefault(f"{value:.0%}", [0, 0])
        sums[0], sums[1] = sums[0] + one["sft"], sums[1] + one["rl"]
    bars(
        ax,
        list(counts),
        {split: [one[at] for one in counts.values()] for at, split in enumerate(("sft", "rl"))},
        stacked=True,
    )
    name_axes(ax, "Pass rate of a question", "samples that are correct", "rows")


def draw_difficulty(ax: "Axes", profiles: Profiles) -> None:
    """The share of rows of each bucket."""
    shares = {}
    for one in profiles:
        counts = {count["value"]: count["sft"] + count["rl"] for count in one["difficulty"]}
        shares[name(one)] = [100 * (ratio(counts.get(bucket, 0), sum(counts.values())) or 0) for bucket in BUCKETS]
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
        shares[name(one)] = [100 * (found.get(kind) or 0) for kind in kinds]
    bars(ax, [label(kind, 12) for kind in kinds], shares, legend=False)
    name_axes(ax, "Correct answers", "kind of answer", "% of samples")


def draw_sources(ax: "Axes", profiles: Profiles) -> None:
    """Rows of each source: by split, or by version."""
    counts: dict[str, dict[str, int]] = {}
    for profile in profiles:
        for one in profile["sources"]:
            counts.setdefault(one["value"], {})[name(profile)] = one["sft"] + one["rl"]
    most = sorted(counts, key=lambda source: (-sum(counts[source].values()), str(source)))[:MOST_BARS]
    series = {name(one): [counts[source].get(name(one), 0) for source in most] for one in profiles}
    if len(profiles) == 1:
        found = {one["value"]: one for one in profiles[0]["sources"]}
        series = {split: [found[source][split] for source in most] for split in ("sft", "rl")}
    one_version = len(profiles) == 1
    bars(ax, [label(source, 14) for source in most], series, stacked=one_version, legend=one_version)
    name_axes(ax, "Sources", "", "rows")


def name(profile: dict[str, Any]) -> str:
    """A version in a legend."""
    return label(profile["ref"], 18)


Panel = Callable[["Axes", Profiles], None]
ONE: tuple[Panel, ...] = (draw_words, draw_behaviours, draw_pass_rates, draw_answers, draw_tokens, draw_sources)
MANY: tuple[Panel, ...] = (draw_behaviours, draw_words, draw_difficulty, draw_correct, draw_tokens, draw_sources)


def page(profiles: Profiles, svg: str) -> str:
    """One self-contained page: the figure (an SVG file of ours) and the table of all figures."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    source = files("ovt.curate.reports").joinpath("page.html.j2").read_text(encoding="utf-8")
    rows = [figure for figure in tabulate(profiles) if telling(figure)]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(
        refs=[plain(one["ref"]) for one in profiles],
        hashes=[one["content_hash"][:12] for one in profiles],
        svg=Markup(svg[svg.index("<svg") :]),  # noqa: S704 - matplotlib has escaped every text in it
        rows=[(row.group, row.name, unit_of(row), [number(value, row.unit) for value in row.values]) for row in rows],
    )
