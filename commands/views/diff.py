"""`ovt data diff` and `what-if` in the terminal: a summary that fits one screen, and text differences of rows."""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from ovt.commands.views.tables import beside, block, short, shown, view
from ovt.curate.reports.diff.recipes import MARKS, Piece
from ovt.curate.reports.diff.summary import difficulty_table, example_facts, lines, model_tables, response, why
from ovt.curate.reports.figures import choose, compared, drift_table
from ovt.curate.reports.what_if import report

STYLES = {"changed": "yellow", "removed": "red", "added": "green", "same": "dim"}
PIECES = {"removed": "red strike", "added": "green underline"}
AROUND = 120  # characters of unchanged text shown on each side of a change
WIDE = 128  # columns from which the two tables are side by side


def summary(about: dict[str, Any], screen: Console) -> RenderableType:
    """`Diff.about` on one screen; all figures when piped into a file."""
    head = list(_head(about, screen.width))
    wide = screen.width >= WIDE
    matrix = view(difficulty_table(about["difficulty"]))
    models_taken = sum(len(list(table.rows)) + 3 for table in model_tables(about))
    taken = len(head) + 4 + models_taken + (0 if wide else len(about["difficulty"]["buckets"]) + 2)
    room = max(screen.height - taken, 4) if screen.is_terminal else None
    telling = compared(about["drift"])
    figures = choose(telling, room)
    left = len(telling) - len(figures)
    table = view(drift_table(figures))
    rest = f"{left} more figures, none with a clearer change: --json or --html FILE" if left else ""
    tables = [beside(table, matrix)] if wide else [table, Text(), matrix]
    models = [Text(), *map(view, model_tables(about))] if "models" in about else []
    return Group(*head, Text(), *tables, *models, *([shown(rest, "dim")] if rest else []))


def _head(about: dict[str, Any], width: int) -> Iterator[Text]:
    for note in about["notes"]:
        yield shown(note, "bold red")
    a, b = about["a"], about["b"]
    hashes = shown(f"  @{a['content_hash'][:12]} → @{b['content_hash'][:12]}", "dim")
    yield Text.assemble(short(a["ref"], width // 2), " → ", short(b["ref"], width // 2), hashes)
    for name, line in lines(about).items():
        yield from _wrapped(name, line, max(width, 50))


def _wrapped(name: str, line: str, width: int) -> Iterator[Text]:
    """A line under its name, at most two lines long."""
    text = short(line, 2 * width - 30).plain
    for number, part in enumerate(wrap(text, width - 10)[:2]):
        told = Text.assemble((f"{'' if number else name:<9}", "bold"), part)
        if name == "rows":
            for status, style in STYLES.items():
                told.highlight_regex(rf"[\d,]+ {status}", style)
        yield told


def what_if_shown(about: dict[str, Any], colours: bool) -> RenderableType:
    """`what_if` in full."""
    found = report(about)
    tables = [view(part) for part in found.parts if not isinstance(part, str)]
    parts = [shown(found.title, "bold"), Text(), tables[0], Text(), tables[1]]
    return Group(*parts, rows_shown(about["examples"], colours) if about["examples"] else Text())


def rows_shown(examples: list[dict[str, Any]], colours: bool) -> RenderableType:
    """`examples.examples`: each row's status, and the word-level difference of its texts."""
    return Group(*(row_shown(one, colours) for one in examples)) if examples else Text("no rows differ")


def row_shown(one: dict[str, Any], colours: bool) -> RenderableType:
    """One row: its status, question, facts and text."""
    side = one["a"] or one["b"]
    head = Text(f"{one['status']} ", STYLES[one["status"]]) + shown(one["question_id"], "bold")
    head += shown(f"  {why(one)}") + shown(f"  {side['source']}", "dim")
    parts: list[RenderableType] = [Text(), head, Padding(short(side["question"], 300), (0, 0, 0, 2))]
    parts.append(Padding(shown(example_facts(one), "dim"), (0, 0, 0, 2)))
    if one["pieces"]:
        parts.append(Padding(wording(one["pieces"], colours), (0, 0, 0, 4)))
    elif text := response(one):
        parts.append(block(None, text))
    return Group(*parts)


def wording(pieces: list[Piece], colours: bool) -> Text:
    """The difference of two texts in colours, or between marks; long unchanged stretches are shortened."""
    told = Text()
    for number, (what, text) in enumerate(pieces):
        opening, closing = MARKS[what]
        if what == "same":
            told += shown(_shorten(text, number == 0, number == len(pieces) - 1), "dim")
        else:
            told += shown(text, PIECES[what]) if colours else shown(f"{opening}{text}{closing}")
    return told


def _shorten(text: str, first: bool, last: bool) -> str:
    if len(text) <= 2 * AROUND + 3:
        return text
    head, tail = "" if first else text[:AROUND], "" if last else text[-AROUND:]
    return f"{head} … {tail}"
