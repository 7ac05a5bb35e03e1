"""`import_sources`: every source of a recipe -> one table of questions, and one decision per row left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from ovt.curate.home import Home
from ovt.curate.sources.section import SourceSection


@dataclass(frozen=True)
class Imported:
    """What came in.

    questions    QUESTIONS, in the order of the sources and of their rows
    decisions    DECISIONS, stage "import", one per row left out
    rows_in      rows read, by source name; for each, rows_in = its questions + its decisions
    fingerprint  hex sha256 over the sources' settings and their contents
    notes        lines for people: which columns and splits were guessed
    """

    questions: pl.DataFrame
    decisions: pl.DataFrame
    rows_in: dict[str, int]
    fingerprint: str
    notes: tuple[str, ...] = ()


def import_sources(
    sections: Sequence[SourceSection],
    home: Home,
    limit: int | None = None,
    on_row: Callable[[int], None] | None = None,
) -> Imported:
    """Reads every source, stores its images under `home.images` and lints its golds.

    `limit` is the most rows to read in all, dealt evenly over the sources; `on_row(n)` hears how many rows are done.
    A source that was imported before, with the same settings and contents, is not read again.
    Raises OvtError for what the user can mend: a missing file or column, an unknown format, no rows.
    """
    raise NotImplementedError
