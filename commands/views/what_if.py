"""`ovt data what-if` in the terminal: the funnel before and after side by side, and the rows that change.

           stage    dropped  out   now: dropped  out  change  why
questions  filter        17  183             86  114     −69  too_long 69 (was 0), mentions_caption 17
"""

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ovt.commands.views.diff import STYLES, reasons_line, rows_shown, value_of_setting
from ovt.commands.views.tables import shown
from ovt.curate.versions.profile import BUCKETS

MINUS = "\N{MINUS SIGN}"


def told(about: dict[str, Any], colours: bool) -> RenderableType:
    """`what_if` in full."""
    parts = [head(about), Text(), funnels(about["funnel"]), Text(), facts(about)]
    return Group(*parts, rows_shown(about["examples"], colours) if about["examples"] else Text())


def head(about: dict[str, Any]) -> Text:
    """ "pocket@v1 with filter.length.max_words = 30 (it has none)"."""
    line = shown(about["a"], "bold")
    for number, one in enumerate(about["settings"]):
        line += shown(", " if number else " with ") + shown(f"{one['key']} = {value_of_setting(one['b'])}", "bold")
        line += shown(f" (it has {value_of_setting(one['a'])})", "dim")
    return line if about["settings"] else line + shown(" with its own settings", "dim")


def funnels(both: dict[str, list[dict[str, Any]]]) -> Table:
    """What each stage dropped and passed on, before and now, and the reasons, whose former counts are in brackets."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("")
    table.add_column("stage")
    for name in ("dropped", "out", "now: dropped", "out", "change"):
        table.add_column(name, justify="right")
    table.add_column("why", overflow="fold")
    level = None
    for before, after in paired(both):
        row = after or before or {}
        counts = [(one["rows_in"] - one["rows_out"], one["rows_out"]) if one else (0, 0) for one in (before, after)]
        table.add_row(
            shown("" if row["level"] == level else f"{row['level']}s"),
            shown(row["stage"]),
            *(shown(f"{count:,}", "dim") for count in counts[0]),
            *(f"{count:,}" for count in counts[1]),
            changed(counts[1][1] - counts[0][1]),
            reasons(before, after),
        )
        level = row["level"]
    return table


def paired(both: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
    """(before, after) of each level and stage; None where one side has none such."""
    sides = [{(row["level"], row["stage"]): row for row in both[side]} for side in "ab"]
    for key in dict.fromkeys([*sides[0], *sides[1]]):
        yield sides[0].get(key), sides[1].get(key)


def changed(by: int) -> Text:
    """ "−69", "+3"; nothing where nothing changed."""
    return Text(f"{MINUS}{-by:,}", "red") if by < 0 else Text(f"+{by:,}", "green") if by else Text()


def reasons(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Text:
    """ "too_long 69 (was 0), wrong 198"."""
    old, new = (
        {count["reason"]: count["rows"] for count in (row["dropped"] or row["kept_as"])} if row else {}
        for row in (before, after)
    )
    line = Text()
    for reason in dict.fromkeys([*new, *old]):
        was, now = old.get(reason, 0), new.get(reason, 0)
        line += shown(f"{', ' if line else ''}{reason} {now:,}") + shown(f" (was {was:,})" * (was != now), "dim")
    return line


def facts(about: dict[str, Any]) -> Table:
    """The rows: how many, what became of them, why, and what they are like now."""
    rows, stats = about["rows"], about["stats"]
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    counts = Text(", ").join(Text(f"{rows[name]:,} {name}", STYLES[name]) for name in STYLES)
    lines = {
        "rows": Text(", ").join(
            shown(f"{split} {arrow(rows['a'][split], rows['b'][split])}") for split in ("sft", "rl")
        ),
        "of them": counts,
        "changed": shown(", ".join(f"{one['kind']} {one['rows']:,}" for one in about["changed"])),
        **{name: shown(reasons_line(about[name])) for name in ("removed", "added")},
        "words": shown(words(stats["a"]["words"], stats["b"]["words"])),
        "difficulty": shown(difficulty(stats["a"]["difficulty"], stats["b"]["difficulty"])),
        "verifier": shown("" if len(set(about["verifier"].values())) == 1 else arrow(*about["verifier"].values())),
        "saved as": shown(about["saved"], "bold"),
    }
    for name, line in lines.items():
        if line:
            table.add_row(name, line)
    return table


def arrow(old: Any, new: Any) -> str:
    """ "168 → 99"; one value where they are equal."""
    texts = [f"{value:,}" if isinstance(value, int | float) else str(value) for value in (old, new)]
    return texts[0] if old == new else " → ".join(texts)


def words(old: dict[str, Any] | None, new: dict[str, Any] | None) -> str:
    """The lengths of the responses."""
    names = {"mean": "mean", "median": "median", "95th percentile": "p95", "longest": "max"}
    return ", ".join(f"{name} {arrow(old[key], new[key])}" for name, key in names.items()) if old and new else ""


def difficulty(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> str:
    """Rows by difficulty."""
    sides = [{one["value"]: one["sft"] + one["rl"] for one in side} for side in (old, new)]
    names = [name for name in (*BUCKETS, None) if name in {*sides[0], *sides[1]}]
    return ", ".join(f"{name or 'none'} {arrow(*(side.get(name, 0) for side in sides))}" for name in names)
