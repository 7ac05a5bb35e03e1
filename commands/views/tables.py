"""Tables on a terminal, all laid out here: numbers and names are never broken in the middle.

Each column has a type: numbers (right-aligned), names (what people copy: a version, a model, a reason), texts
(wrapped at spaces) or bars (drawn in the remaining width). If numbers and names alone are wider than the terminal,
each row becomes a block:

    charts-openvlthinker-7b@v12
      hash 7b2ecf50fe0d  parent charts-openvlthinker-7b@v11
      sft 1,234,567  rl 1,045,331  size 3.2 MB

Texts come from models and data sets. They are only ever shown as `Text`, so that markup in them has no effect, and
on a `Screen`, so that control characters in them cannot move the cursor.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from rich.bar import Bar
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table as RichTable
from rich.text import Text

from ovt.core import report
from ovt.core.report import LONGEST, Column, bars, names, numbers, texts
from ovt.core.text import plain

__all__ = [
    "Column",
    "Screen",
    "Table",
    "bar",
    "bars",
    "block",
    "facts",
    "names",
    "numbers",
    "short",
    "shown",
    "texts",
    "told",
    "view",
]
GAP = 2  # characters between two columns
INDENT = 2  # of a block's lines
TEXT_WIDTH = 20  # minimum width of a text column, unless its texts are shorter
WORD_WIDTH = 24  # longer words of a text may be broken
BAR_WIDTH, BAR_LEAST = 24, 4  # characters of a bar; with less room it is dropped


class Screen(Console):
    """A console on which no text does harm: what looks like a control character to the terminal is rich's own."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else plain(text), style, control)


def shown(value: Any, style: str = "", longest: int = LONGEST) -> Text:
    """Any value as harmless text, truncated to `longest` characters."""
    text = plain("" if value is None else str(value)[: longest + 1])
    return Text(text if len(text) <= longest else f"{text[:longest]}…", style=style)


def short(value: Any, longest: int = 60) -> Text:
    """A value on one line."""
    return shown(" ".join(str("" if value is None else value)[: 4 * longest].split()), longest=longest)


@dataclass(frozen=True)
class Table(report.Table):
    """A renderable table. Cells are numbers, strings, `Styled` or `Text` (None: empty); a row without cells is a blank
    line.

    >>> Table([*names("version"), *numbers("rows")], [("charts@v1", 1_234_567)])
    """

    @cached_property
    def cells(self) -> list[list[Any]]:
        """The rows as harmless text; bars remain shares."""
        return [[_cell(column, value) for column, value in zip(self.columns, row, strict=bool(row))]
                for row in self.rows]  # fmt: skip

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """For each column, the minimum width and the most it can use."""
        return [self._span(place, column) for place, column in enumerate(self.columns)]

    def _span(self, place: int, column: Column) -> tuple[int, int]:
        words = column.title.split() if self.header else []
        title = cell_len(column.title) if self.header else 0
        if column.holds == "bar":
            return 0, BAR_WIDTH
        cells = [row[place].plain for row in self.cells if row]
        widest = max((cell_len(line) for cell in cells for line in cell.splitlines()), default=0)
        if column.holds == "text":
            word = max((cell_len(word) for cell in cells for word in cell.split()), default=0)
            least = max(min(word, WORD_WIDTH), min(widest, TEXT_WIDTH))
        else:
            least = widest
        return max([least, *map(cell_len, words)]), max(widest, title)

    def widths(self, room: int) -> list[int] | None:
        """The columns' widths in a terminal of `room` characters; None if names and numbers do not fit."""
        widths = [least for least, _ in self.spans]
        held = [column.holds for column in self.columns]
        left = room - sum(widths) - GAP * (len(widths) - held.count("bar") - 1)
        if left < 0:
            return None
        for kinds in (("name", "number"), ("text",)):  # titles on one line, then texts, then bars
            wanted = {place: most - least for place, (least, most) in enumerate(self.spans) if held[place] in kinds}
            for number, place in enumerate(sorted(wanted, key=wanted.__getitem__)):
                more = min(wanted[place], left // (len(wanted) - number))
                widths[place] += more
                left -= more
        bar_width = min(left // max(held.count("bar"), 1) - GAP, BAR_WIDTH)
        return [bar_width * (bar_width >= BAR_LEAST) if kind == "bar" else width
                for kind, width in zip(held, widths, strict=True)]  # fmt: skip

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        widths = self.widths(options.max_width)
        if widths:
            yield self._grid(widths)
        elif self.columns:
            yield from self._blocks(options.max_width)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        gaps = GAP * max(len(self.columns) - 1, 0)
        least, most = (gaps + sum(span[side] for span in self.spans) for side in (0, 1))
        return Measurement(least, most).with_maximum(options.max_width)

    def _grid(self, widths: list[int]) -> RichTable:
        """The rows as lines, in columns of these widths; a bar without room is dropped."""
        kept = [place for place, width in enumerate(widths) if width or self.columns[place].holds != "bar"]
        view = RichTable(box=None, pad_edge=False, show_header=self.header, header_style="dim")
        for place in kept:
            column = self.columns[place]
            justify = "right" if column.holds == "number" else "left"
            view.add_column(shown(column.title), justify=justify, width=widths[place], style=column.style,
                            overflow="fold")  # fmt: skip
        for row in self.cells:
            drawn = (row[place] if row else "" for place in kept)
            view.add_row(*(Bar(1, 0, one) if isinstance(one, float) else one for one in drawn))
        return view

    def _blocks(self, room: int) -> Iterator[RenderableType]:
        """Each row under its first cell that has a title, preceded by the cells before it."""
        first = next((place for place, column in enumerate(self.columns) if column.title), 0) + 1
        for row in self.cells:
            if not row:
                yield Text()
                continue
            head = Text("  ").join(_fitted(cell, room) for cell in row[:first] if cell)
            yield Text.assemble(head, style="" if head.style or head.spans else "bold")
            cells = zip(self.columns[first:], row[first:], strict=True)
            for line in _flow([one for one in cells if one[0].holds != "bar" and one[1]], room - INDENT):
                yield Padding(line, (0, 0, 0, INDENT))


def _cell(column: Column, value: Any) -> Any:
    if column.holds == "bar":
        return value  # a share, or a renderable that takes the width it is given
    if isinstance(value, Text):
        safe = plain(value.plain)
        return value if safe == value.plain else Text(safe, value.style)
    if isinstance(value, report.Styled):
        return Text(short(value.text, LONGEST).plain, value.style)
    if isinstance(value, int | float):
        return Text(report.cell_text(value))
    return shown(value) if column.holds == "text" else short(value, LONGEST)


def _flow(cells: list[tuple[Column, Text]], room: int) -> Iterator[Text]:
    """ "title value" of each cell, as many per line as fit; texts get their own lines."""
    line = Text()
    for column, value in cells:
        title = shown(f"{column.title} " if column.title else "", "dim")
        item = title + (value if column.holds == "text" else _fitted(value, room - title.cell_len))
        if line and line.cell_len + GAP + item.cell_len > room:
            yield line
            line = Text()
        line = line + Text(" " * GAP) + item if line else item
    if line:
        yield line


def _fitted(cell: Text, room: int) -> Text:
    """A name, with an ellipsis in the middle if it does not fit on a line."""
    if cell.cell_len <= room:
        return cell
    name, half = cell.plain, max((room - 1) // 2, 1)
    start, end = _fitting(name, room - 1 - half), _fitting(name[::-1], half)
    return Text(f"{name[:start]}…{name[len(name) - end :]}", cell.style)


def _fitting(text: str, room: int) -> int:
    """How many characters from the start of a text fit."""
    return bisect_right(list(accumulate(map(cell_len, text))), room)


def facts(pairs: Mapping[str, Any], style: str = "cyan") -> Table:
    """Names and values; names without a value are left out."""
    return view(report.facts(pairs, style))


def view(table: report.Table) -> Table:
    """A printable report table."""
    return Table(table.columns, table.rows, table.header)


def told(found: report.Report) -> RenderableType:
    """A report's parts, with blank lines between them."""
    parts = [shown(part) if isinstance(part, str) else view(part) for part in found.parts]
    return Group(*[one for part in parts for one in (part, Text())][:-1])


def block(title: str | None, text: str) -> RenderableType:
    """A text of any length, indented under its title."""
    body = Padding(shown(text), (0, 0, 0, 4))
    return Group(shown(f"  {title}", "cyan"), body) if title else body


def bar(share: float, width: int = BAR_WIDTH) -> str:
    """A share (0 to 1) as a bar, to an eighth of a character: "██████▍"."""
    eighths = round(share * width * 8)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")


def beside(left: RenderableType, right: RenderableType) -> RenderableType:
    """Two blocks side by side."""
    both = RichTable.grid(padding=(0, 4))
    both.add_row(left, right)
    return both
