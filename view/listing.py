"""A page of rows as the view lists them: the wanted ones, in the wanted order, with the counts at the side."""

from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.curate.stages.behaviours import FAMILIES
from ovt.view.filters import counts, masks
from ovt.view.rows import NAMED, RANGES, Filters, Labels, Rows
from ovt.view.search import around, search

SHOWN = ("level", "id", "question_id", *NAMED, *RANGES, "extracted")
MOST_ROWS = 500  # of a page


@dataclass(frozen=True)
class Wanted:
    """Which rows to show: of a level ("sample", "question", "caption"), under filters, containing a text.

    each      "question": only the first row of each question
    after, before   a question's id: the rows after it, or before it (the nearest first)
    """

    level: str = "sample"
    filters: Filters = field(default_factory=dict)
    text: str = ""
    each: str = ""
    sort: str = ""
    after: str = ""
    before: str = ""
    offset: int = 0
    limit: int = 48


def answer(rows: Rows, wanted: Wanted, labels: Labels) -> dict[str, Any]:
    """The rows that are wanted, as JSON.

    total    rows under all filters (questions, with each="question")
    rows     those of the page: SHOWN, own metadata, behaviours, labels, question, gold, choices, images; `found`: the
             text and what is around it
    values   by filter: value, rows; counted under the other filters, most frequent first
    ranges   by filter: `histogram` bins of all rows, counted under the other filters
    """
    passing = masks(rows, wanted.level, wanted.filters, labels)
    if wanted.text.strip():
        passing["text"] = search(rows, wanted.text)
    places = _places(rows, reduce(and_, passing.values()), wanted)
    page = rows.table[places.slice(max(wanted.offset, 0), min(wanted.limit, MOST_ROWS))]
    counted = {} if wanted.after or wanted.before else counts(rows, passing, wanted.filters, labels)
    return {"total": len(places), "offset": wanted.offset, "rows": _told(rows, page, wanted.text, labels)} | counted


def _places(rows: Rows, mask: pl.Series, wanted: Wanted) -> pl.Series:
    """The wanted row numbers, in the wanted order."""
    ids = rows.table["question_id"]
    if anchor := wanted.after or wanted.before:
        at = ((ids == anchor) & (rows.table["level"] == wanted.level)).arg_true()
        if not len(at):
            raise OvtError(f"{rows.shelf.ref} has no question {anchor[:40]!a} here")
        mask = mask & (rows.table["row"] > at[-1] if wanted.after else rows.table["row"] < at[0])
    places = mask.arg_true()
    if wanted.sort:
        places = _sorted(rows, places, wanted.sort)
    if wanted.each == "question":
        places = (
            places.to_frame("row")
            .with_columns(id=ids.gather(places))
            .unique("id", keep="first", maintain_order=True)["row"]
        )
    return places.reverse() if wanted.before else places


def _sorted(rows: Rows, places: pl.Series, sort: str) -> pl.Series:
    name = sort.removeprefix("-")
    if name not in rows.ranges:
        raise OvtError(f"rows cannot be sorted by {name[:40]!a}: choose one of {', '.join(rows.ranges)}")
    by = rows.table[name].gather(places)
    return places.gather(by.arg_sort(descending=sort.startswith("-"), nulls_last=True))


def _told(rows: Rows, page: pl.DataFrame, text: str, labels: Labels) -> list[dict[str, Any]]:
    asked = rows.questions[page["asked_at"].drop_nulls()]
    by_question = {one["question_id"]: one for one in asked.iter_rows(named=True)}
    marks: dict[str, list[str]] = {}
    for label, ids in labels.items():
        for one in ids:
            marks.setdefault(one, []).append(label)
    found = around(rows, page, text) if text.strip() else {}
    told = []
    cues = pl.concat_list(pl.when(pl.col(f"behaviour_{name}") > 0).then(pl.lit(name)) for name in FAMILIES)
    for row in page.select(*SHOWN, *rows.own, behaviours=cues.list.drop_nulls()).iter_rows(named=True):
        own = {"labels": marks.get(row["id"], []) + marks.get(row["question_id"], []) * (row["level"] != "question")}
        told.append((by_question.get(row["question_id"]) or {}) | row | own | {"found": found.get(row["id"])})
    return told
