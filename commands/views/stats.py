"""`ovt data stats` in the terminal: one version as histograms; several are a table (`figures.report`)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from ovt.commands.views.tables import Table, bar, names, numbers, short, shown, told, view
from ovt.curate.reports.figures import number, report, source_table, usage_table
from ovt.curate.versions.profile import BUCKETS

WIDTH = 20  # characters of the longest bar
FILLS = {"█": "", "▒": "yellow", "░": "dim"}  # of a bar's parts, distinguishable without colours too

Line = tuple[str, Sequence[int]]  # a name, and the counts of the parts of its bar


def profiles_shown(profiles: list[dict[str, Any]]) -> RenderableType:
    """`profile.profile` of one or several versions."""
    return one_version(profiles[0]) if len(profiles) == 1 else told(report(profiles))


def one_version(profile: dict[str, Any]) -> RenderableType:
    """`profile.profile` of a version: histograms side by side if they fit, then its sources and cost."""
    each = profile["per_row"]
    line = f"per kept row: {number(each['tokens'], 'tokens')} tokens, US$ {number(each['cost_usd'], 'US$')}"
    head = shown(profile["ref"], "bold") + shown(f"  @{profile['content_hash'][:12]}", "dim")
    head += shown(f"  {profile['sft']:,} sft, {profile['rl']:,} rl, of {profile['questions']:,} questions")
    blocks = [Padding(block, (1, 3, 0, 0)) for block in histograms(profile)]
    tables = [view(source_table(profile["by_source"])), Text(), view(usage_table(profile["usage"]))]
    return Group(head, Columns(blocks), Text(), *tables, shown(line, "dim"))


def histograms(profile: dict[str, Any]) -> Iterator[RenderableType]:
    """The blocks of one version, each a title over bars."""
    if words := profile["words"]:
        yield chart("words of a response", bin_lines(words))
    splits, outcomes = ("sft", "rl"), ("correct", "wrong", "abstain")
    rates = [
        one | {"value": "none" if one["value"] is None else f"{one['value']:.0%}"} for one in profile["pass_rates"]
    ]
    yield chart("pass rate, rows", part_lines(rates, "value", splits), splits)
    by_name = {one["value"]: one for one in profile["difficulty"]}
    buckets = [by_name[name] for name in BUCKETS if name in by_name]
    yield chart("difficulty, rows", part_lines(buckets, "value", splits), splits)
    yield chart("answers, samples", part_lines(profile["kinds"][:10], "kind", outcomes), outcomes)
    yield rates_chart("behaviours, cues per 1,000 words", profile["behaviours"])
    for stage in profile["tokens"]:
        yield chart(f"tokens of a {stage['stage']} reply", bin_lines(stage))
    yield chart(
        "how replies end", [(f"{one['stage']} {one['finish_reason']}", [one["samples"]]) for one in profile["finishes"]]
    )


def bin_lines(spread: dict[str, Any]) -> list[Line]:
    """The bins of `profile.lengths`."""
    return [(f"{one['from']:,}-{one['to']:,}", [one["rows"]]) for one in spread["histogram"]]


def part_lines(counts: Iterable[dict[str, Any]], name: str, parts: Sequence[str]) -> list[Line]:
    """A line per dict of counts."""
    return [(one[name], [one[part] for part in parts]) for one in counts]


def chart(title: str, lines: Sequence[Line], parts: Sequence[str] = ()) -> RenderableType:
    """A bar per line and its count; the parts of the bars have names."""
    most = max((sum(counts) for _, counts in lines), default=0) or 1
    legend = "  ".join(f"{fill} {name}" for fill, name in zip(FILLS, parts, strict=False))
    rows = [
        (name, bar(counts[0] / most, WIDTH) if len(counts) == 1 else parts_bar(counts, most), f"{sum(counts):,}")
        for name, counts in lines
    ]
    return _bars(title, legend, rows)


def parts_bar(counts: Sequence[int], most: int) -> Text:
    """A bar of several parts, in whole characters."""
    drawn, so_far, letters = Text(), 0, 0
    for (fill, colour), count in zip(FILLS.items(), counts, strict=False):
        so_far += count
        upto = round(so_far / most * WIDTH)
        drawn += Text(fill * (upto - letters), colour)
        letters = upto
    return drawn


def rates_chart(title: str, rates: dict[str, float]) -> RenderableType:
    """A bar per rate."""
    most = max(rates.values(), default=0) or 1
    return _bars(title, "", [(name, bar(rate / most, WIDTH), f"{rate:.2f}") for name, rate in rates.items()])


def _bars(title: str, parts: str, rows: Sequence[tuple[str, str | Text, str]]) -> RenderableType:
    """A name, a bar and a number per line, under a title that names the parts of the bars."""
    cells = [(short(name, 24), drawn, count) for name, drawn, count in rows]
    named = Text(title, "bold") + Text(f"  {parts}" if parts else "", "dim")
    return Group(named, Table([*numbers(""), *names("", style="cyan"), *numbers("")], cells, header=False))
