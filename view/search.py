"""Full-text search: the texts stay on disk (texts.py), a search reads all of them, and its result is kept."""

import polars as pl

from ovt.core.errors import OvtError
from ovt.view.rows import Rows

LONGEST_SEARCHED = 500  # characters
AROUND = 70  # characters on each side of a match
SEARCHES = 16  # kept


def pattern(text: str) -> str:
    """A regular expression for a text, ignoring case and white space. OvtError for texts too long to search for."""
    words = text.split()
    if len(text) > LONGEST_SEARCHED or not words:
        raise OvtError(f"a text of {len(text)} characters cannot be searched for: give at most {LONGEST_SEARCHED}")
    return "(?i)" + r"\s+".join(map(pl.escape_regex, words))


def search(rows: Rows, text: str) -> pl.Series:
    """Which rows contain a text, in their response, caption or question."""
    wanted = pattern(text)
    with rows.lock:
        if (kept := rows.searches.get(wanted)) is not None:
            rows.searches.move_to_end(wanted)
            return kept
    said = rows.texts.holding(wanted)
    asked = rows.questions["question"].str.contains(wanted).fill_null(False)
    hits = [table.gather(rows.table[at]).fill_null(False) for table, at in ((said, "text_at"), (asked, "asked_at"))]
    with rows.lock:
        rows.searches[wanted] = hits[0] | hits[1]
        while len(rows.searches) > SEARCHES:
            rows.searches.popitem(last=False)
        return rows.searches[wanted]


def around(rows: Rows, page: pl.DataFrame, text: str) -> dict[str, str]:
    """id → the match in its text, on one line. page: rows of the table."""
    match = rf"(.{{0,{AROUND}}}{pattern(text).removeprefix('(?i)')}.{{0,{AROUND}}})"
    line = pl.col("text").str.replace_all(r"\s+", " ").str.extract("(?i)" + match)
    said = page.select("id", "text_at").drop_nulls().sort("text_at")
    found = said.with_columns(text=rows.texts.at(said["text_at"])).select("id", line).drop_nulls()
    return dict(found.iter_rows())
