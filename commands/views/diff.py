"""`ovt data diff` in the terminal: a summary that fits one screen, and rows with their texts' differences.

All texts pass `versions.render.shown`: no markup in them is obeyed, and no control character gets through.
"""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ovt.commands.views.data import block
from ovt.commands.views.tables import short, shown
from ovt.curate.reports.diff.figures import ARROWS, changed_by, choose, facts_line, interval, text_of, value
from ovt.curate.reports.diff.word_diff import Piece

STYLES = {"changed": "yellow", "removed": "red", "added": "green", "same": "dim"}
MARKS = {"same": ("", "", ""), "removed": ("[-", "-]", "red strike"), "added": ("{+", "+}", "green underline")}
AROUND = 120  # letters of an equal stretch that are shown beside a change
WIDE = 128  # columns from which the two tables stand side by side


def summary(about: dict[str, Any], screen: Console) -> RenderableType:
    """`Diff.about` on one screen; piped into a file, all of its figures."""
    head = list(_head(about, screen.width))
    wide = screen.width >= WIDE
    matrix = _matrix(about["difficulty"])
    taken = len(head) + 4 + (0 if wide else len(about["difficulty"]["buckets"]) + 2)
    room = max(screen.height - taken, 4) if screen.is_terminal else None
    figures, left = choose(about["drift"], room)
    table = _drift(figures)
    rest = f"{left} more figures, none with a clearer change: --json or --html FILE" if left else ""
    tables = [_beside(table, matrix)] if wide else [table, Text(), matrix]
    return Group(*head, Text(), *tables, *([shown(rest, "dim")] if rest else []))


def _head(about: dict[str, Any], width: int) -> Iterator[Text]:
    for note in about["notes"]:
        yield shown(note, "bold red")
    a, b, rows = about["a"], about["b"], about["rows"]
    hashes = shown(f"  @{a['content_hash'][:12]} → @{b['content_hash'][:12]}", "dim")
    yield Text.assemble(short(a["ref"], width // 2), " → ", short(b["ref"], width // 2), hashes)
    splits = ", ".join(f"{split} {rows['a'][split]:,} → {rows['b'][split]:,}" for split in ("sft", "rl"))
    counts = Text(", ").join(Text(f"{rows[name]:,} {name}", STYLES[name]) for name in STYLES)
    yield Text.assemble(("rows     ", "bold"), f"{splits}: ", counts)
    lines = {
        "changed": ", ".join(f"{one['kind']} {one['rows']:,}" for one in about["changed"]),
        "removed": reasons_line(about["removed"]),
        "added": reasons_line(about["added"]),
        "set": "; ".join(map(_setting, about["settings"])),
        "also": "; ".join(_also(about)),
    }
    for name, line in lines.items():
        yield from _wrapped(name, line, max(width, 50))


def _wrapped(name: str, line: str, width: int) -> Iterator[Text]:
    """A line under its name, in two lines at most."""
    text = short(line, 2 * width - 30).plain
    for number, part in enumerate(wrap(text, width - 10)[:2]):
        yield Text.assemble((f"{'' if number else name:<9}", "bold"), part)


def reasons_line(counts: list[dict[str, Any]]) -> str:
    """ "filter too_long 18, verify wrong 3"."""
    return ", ".join(f"{one['stage']} {one['reason']} {one['rows']:,}" for one in counts)


def _setting(one: dict[str, Any]) -> str:
    sides = ["not there" if one["only"] not in (None, side) else value_of_setting(one[side]) for side in ("a", "b")]
    return f"{one['key']} {' → '.join(sides)}"


def value_of_setting(setting: Any) -> str:
    """A setting on a few letters: texts in full are for the page."""
    text = "none" if setting is None else str(setting).lower() if isinstance(setting, bool) else str(setting)
    line = " ".join(text.split())
    return line if len(line) <= 32 else f"{line[:31]}…"


def _also(about: dict[str, Any]) -> Iterator[str]:
    if about["prompts"]:
        yield f"prompts of {', '.join(one['stage'] for one in about['prompts'])} differ"
    for one in about["origins"]:
        yield f"{one['what']}: {one['a'] or 'none'} → {one['b'] or 'none'}"
    if count := about["questions"]["renamed"]:
        yield f"{count:,} questions have another id ({about['questions']['gold_corrected']:,} golds corrected)"
    for flip in about["verdicts"]["flips"]:
        yield f"{flip['replies']:,} replies judged {flip['from']} → {flip['to']}"


def _drift(figures: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("drift", overflow="fold")
    for name in ("a", "b", "change", "95% interval"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in figures:
        style = "bold cyan" if one["direction"] in ("up", "down") else ""
        arrow = ARROWS[one["direction"]]
        cells = [value(one, "a"), value(one, "b"), f"{changed_by(one)} {arrow}", interval(one)]
        table.add_row(short(_name(one), 34), *(Text(cell, style) for cell in cells))
    return table


def _name(one: dict[str, Any]) -> str:
    """ "words: mean"; "visual per 1,000 words"; "pass rate"."""
    if one["unit"] == "per 1,000 words":
        return f"{one['name']} per 1,000 words"
    plainly = one["group"] in ("cost", "texts") or one["name"].startswith("pass rate")
    return one["name"] if plainly else f"{one['group']}: {one['name']}"


def _matrix(difficulty: dict[str, Any]) -> Table:
    """Questions by their difficulty in a (down) and in b (across)."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("difficulty a ↓ b →", no_wrap=True)
    for bucket in difficulty["buckets"]:
        table.add_column(bucket, justify="right", no_wrap=True)
    for row, (bucket, counts) in enumerate(zip(difficulty["buckets"], difficulty["questions"], strict=True)):
        cells = [Text(f"{count:,}", _shade(row, column, count)) for column, count in enumerate(counts)]
        table.add_row(bucket, *cells)
    return table


def _shade(row: int, column: int, count: int) -> str:
    return "dim" if not count else "" if row == column else "bold cyan"


def _beside(left: RenderableType, right: RenderableType) -> Table:
    both = Table.grid(padding=(0, 4))
    both.add_row(left, right)
    return both


def rows_shown(examples: list[dict[str, Any]], colours: bool) -> RenderableType:
    """`examples.examples`: what became of each, and the difference of its texts word by word."""
    return Group(*(row_shown(one, colours) for one in examples)) if examples else Text("no row came, went or changed")


def row_shown(one: dict[str, Any], colours: bool) -> RenderableType:
    """One row: what became of it, its question, its facts, its text."""
    side = one["a"] or one["b"]
    head = Text(f"{one['status']} ", STYLES[one["status"]]) + shown(one["question_id"], "bold")
    head += shown(f"  {why(one)}") + shown(f"  {side['source']}", "dim")
    parts: list[RenderableType] = [Text(), head, Padding(short(side["question"], 300), (0, 0, 0, 2))]
    parts.append(Padding(shown(facts_line(one), "dim"), (0, 0, 0, 2)))
    if one["pieces"]:
        parts.append(Padding(wording(one["pieces"], colours), (0, 0, 0, 4)))
    elif text := text_of(one):
        parts.append(block(None, text))
    return Group(*parts)


def why(one: dict[str, Any]) -> str:
    """ "sample, verdict"; "not in b: filter too_long (61 words, more than 45)"."""
    if one["status"] == "changed":
        return ", ".join(one["kinds"])
    detail = f" ({one['detail']})" if one["detail"] else ""
    return f"not in {'b' if one['status'] == 'removed' else 'a'}: {one['stage']} {one['reason']}{detail}"


def wording(pieces: list[Piece], colours: bool) -> Text:
    """The difference of two texts in colours, or between marks where there are none; long equal stretches shortened."""
    told = Text()
    for number, (what, text) in enumerate(pieces):
        opening, closing, style = MARKS[what]
        if what == "same":
            told += shown(_shorten(text, number == 0, number == len(pieces) - 1), "dim")
        else:
            told += shown(text, style) if colours else shown(f"{opening}{text}{closing}")
    return told


def _shorten(text: str, first: bool, last: bool) -> str:
    if len(text) <= 2 * AROUND + 3:
        return text
    head, tail = "" if first else text[:AROUND], "" if last else text[-AROUND:]
    return f"{head} … {tail}"
