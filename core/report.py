"""A report's result as plain data, and the tables that show it: in a notebook, on a page, on a terminal.

    >>> print(Report("charts@v1", {"sft": 1200}, (Table([*names("split"), *numbers("rows")], [("sft", 1200)]),)))
    charts@v1
    split   rows
    sft    1,200

`commands/views` prints the same tables in colour. Names and texts come from models and data sets: everything shown
goes through `plain`, and is escaped in HTML.
"""

import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any, Literal, NamedTuple

from ovt.core.progress import COLUMNS, Progress, stage_lines
from ovt.core.text import plain

LONGEST = 4_000  # characters of a text
PAGE_LONGEST = 8_000  # of a text on a page
BASE = ("page.html.j2", "page.css")  # what all pages share


@dataclass(frozen=True)
class Column:
    """A column's title, type, and terminal style."""

    title: str
    holds: Literal["number", "name", "text", "bar"]
    style: str = ""


def numbers(*titles: str, style: str = "") -> list[Column]:
    return [Column(title, "number", style) for title in titles]


def names(*titles: str, style: str = "") -> list[Column]:
    return [Column(title, "name", style) for title in titles]


def texts(*titles: str, style: str = "") -> list[Column]:
    return [Column(title, "text", style) for title in titles]


def bars(*titles: str, style: str = "") -> list[Column]:
    """Columns whose cells are shares, from 0 to 1."""
    return [Column(title, "bar", style) for title in titles]


class Styled(NamedTuple):
    """A cell with its own style on a terminal."""

    text: str
    style: str


@dataclass(frozen=True, repr=False)
class Table:
    """Cells are numbers, strings or `Styled` (None: empty); a row without cells is a blank line."""

    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]
    header: bool = True

    def __str__(self) -> str:
        """The table as lines of text, as wide as needed; without bars."""
        kept = [place for place, column in enumerate(self.columns) if column.holds != "bar"]
        lines = [[self.columns[place].title for place in kept]] if self.header else []
        lines += [[_line(row[place]) if row else "" for place in kept] for row in self.rows]
        widths = [max((len(line[at]) for line in lines), default=0) for at in range(len(kept))]
        sides = [self.columns[place].holds == "number" for place in kept]
        told = []
        for line in lines:
            cells = zip(line, widths, sides, strict=True)
            told.append("  ".join(cell.rjust(wide) if right else cell.ljust(wide) for cell, wide, right in cells))
        return "\n".join(line.rstrip() for line in told)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The table as self-contained HTML, every text escaped."""
        rows = "".join(self._html_rows())
        return f'<table style="border-collapse:collapse;font-variant-numeric:tabular-nums">{rows}</table>'

    def _html_rows(self) -> Iterator[str]:
        sides = ["right" if column.holds == "number" else "left" for column in self.columns]
        if self.header:
            yield _html_row("th", sides, [escape(plain(column.title)) for column in self.columns])
        for row in self.rows:
            cells = [_html_cell(column, cell) for column, cell in zip(self.columns, row, strict=bool(row))]
            yield _html_row("td", sides, cells or ["&nbsp;"])


def _html_row(tag: str, sides: Sequence[str], cells: Sequence[str]) -> str:
    parts = (
        f'<{tag} style="text-align:{side};vertical-align:top;border:0;padding:.1em .8em .1em 0">{cell}</{tag}>'
        for side, cell in zip(sides, cells, strict=False)
    )
    return f"<tr>{''.join(parts)}</tr>"


def cell_text(cell: Any) -> str:
    """A cell as harmless text: "1,234"."""
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return f"{cell:,}"
    return shorten("" if cell is None else cell.text if isinstance(cell, Styled) else str(cell))


def shorten(text: str, longest: int = LONGEST) -> str:
    """A text without anything that could harm a terminal or a page, truncated to `longest` characters."""
    return plain(text if len(text) <= longest else text[:longest] + "…")


def _line(cell: Any) -> str:
    return " ".join(cell_text(cell).split())


def _html_cell(column: Column, cell: Any) -> str:
    if column.holds == "bar":
        return f'<div style="width:{8 * float(cell):.2f}em;height:.7em;background:#2f6690"></div>'
    return escape(cell_text(cell)).replace("\n", "<br>")


def facts(pairs: Mapping[str, Any], style: str = "cyan") -> Table:
    """Names and values; names without a value are left out."""
    told = [(name, value) for name, value in pairs.items() if value is not None and str(value)]
    return Table([*names("", style=style), *texts("")], told, header=False)


@dataclass(frozen=True, repr=False)
class Report:
    """A title, the plain data that `--json` prints, and its presentation: tables, and lines of text between them."""

    title: str
    data: Any
    parts: Sequence[Table | str] = ()

    def __str__(self) -> str:
        return "\n".join(
            [plain(self.title), *(shorten(one) if isinstance(one, str) else str(one) for one in self.parts)]
        )

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """The notebook view: self-contained, every text escaped."""
        parts = (
            f'<p style="white-space:pre-wrap">{escape(shorten(one))}</p>' if isinstance(one, str) else one._repr_html_()
            for one in self.parts
        )
        return f"<div><b>{escape(plain(self.title))}</b>{''.join(parts)}</div>"


def render_page(package: str, template: str, **values: Any) -> str:
    """A self-contained page: a template of `package` that extends `page.html.j2` and fills its blocks.

    Every value is escaped and stripped of invisible characters; only `Markup` is left as is. The page's own policy
    blocks all scripts and all loading.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from markupsafe import Markup

    def load(name: str) -> str:
        return files("ovt.core" if name in BASE else package).joinpath(name).read_text(encoding="utf-8")

    def harmless(value: Any) -> Any:
        return shorten(value, PAGE_LONGEST) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=FunctionLoader(load), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=harmless,
    )  # fmt: skip
    return environment.get_template(template).render(**values)


def inline_svg(svg: bytes) -> str:
    """One of our SVGs (`plots.draw`) as part of a page; matplotlib has escaped every text in it."""
    from markupsafe import Markup

    text = svg.decode()
    return Markup(text[text.index("<svg") :])  # noqa: S704


# In a notebook, a build's progress below the cell that runs it; nothing elsewhere.

REDRAWN_EVERY = 0.5  # seconds


@contextmanager
def follow(progress: Progress) -> Generator[None]:
    """Redraws a table of the current stages until the block ends, if this process is a notebook kernel."""
    if not in_notebook():
        yield
        return
    from IPython.display import display

    shown = display(stage_table(progress), display_id=True)
    over = threading.Event()

    def redraw() -> None:
        while not over.wait(REDRAWN_EVERY):
            shown.update(stage_table(progress))

    redrawing = threading.Thread(target=redraw, daemon=True)
    redrawing.start()
    try:
        yield
    finally:
        over.set()
        redrawing.join()
        shown.update(stage_table(progress))


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this process."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return False
    shell = get_ipython()
    return shell is not None and shell.has_trait("kernel")


def stage_table(progress: Progress) -> Table:
    """A row per started stage: a bar and its numbers."""
    rows = [[line.stage, line.share or 0.0, *line.cells.values()] for line in stage_lines(progress)]
    return Table([*names("stage"), *bars(""), *numbers(*COLUMNS)], rows)
