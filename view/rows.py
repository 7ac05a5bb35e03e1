"""The rows of a version in memory, without their texts: filtered, counted and searched in tens of milliseconds.

    level   id                         stage   reason  outcome  source  model  tokens  …
    sample  1f0c2d3e4a5b6c7d-reason-0  verify  wrong   wrong    bars    …          61

One row per decision, question by question, so that every count is the funnel's own. A million samples take less than
a gigabyte. The texts stay on disk: a search scans them once, and what it found is kept.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import and_
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.core.schema import SPLITS
from ovt.core.statistics import histogram, round_up
from ovt.core.text import did_you_mean
from ovt.curate.reports.diff.tables import known
from ovt.curate.stages.behaviours import COLUMNS as BEHAVIOURS
from ovt.curate.stages.behaviours import FAMILIES
from ovt.curate.versions.ledger import LEVEL
from ovt.view.shelf import Shelf

# The filters, in order: VALUES have a bar per value, RANGES a histogram ("tokens=100..200").
NAMED = ("stage", "reason", "outcome", "judged", "kind", "source", "model", "difficulty", "finish")
VALUES = (*NAMED, "behaviour", "label")
RANGES = ("tokens", "words", "pass_rate")
SHOWN = ("level", "id", "question_id", *NAMED, *RANGES, "extracted")
NONE = "–"  # the value of rows without one
MOST_VALUES = 100  # of a filter
BINS = 24
MOST_ROWS = 500  # of a page
LONGEST_SEARCHED = 500  # characters
AROUND = 70  # characters on each side of a match
SEARCHES = 16  # that are kept

Filters = Mapping[str, Sequence[str]]  # {"stage": ["verify"], "tokens": ["100..200"]}
Labels = Mapping[str, Sequence[str]]  # label → ids of questions and samples


@dataclass(frozen=True)
class Rows:
    """The table, its questions (a row each: question_id, question, gold, choices, images), and recent searches."""

    shelf: Shelf
    table: pl.DataFrame
    questions: pl.DataFrame
    searches: "OrderedDict[str, pl.Series]" = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Wanted:
    """What to show of the rows: of a level ("sample", "question", "caption"), under filters, holding a text.

    each      "question": only the first row of each question
    after, before   a question's id: rows that follow it, or that it follows (the nearest first)
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


def read_rows(shelf: Shelf) -> Rows:
    """Reads what the filters need of a version (or an evaluation, or a run's rollouts)."""
    with shelf.reading():
        asked = shelf.scan("questions").select("question_id", "question", "gold", "choices", "images")
        table, questions = pl.collect_all([_joined(shelf), asked])
    return Rows(shelf, table.with_row_index("row"), questions)


def _joined(shelf: Shelf) -> pl.LazyFrame:
    ends = shelf.scan("decisions").select("id", "question_id", "stage", "reason", level=LEVEL)
    failed = pl.when(pl.col("error").is_not_null()).then(pl.lit("failed")).otherwise("finish_reason")
    samples = shelf.scan("samples").with_row_index("text_at").select(
        "text_at", "model", "reply_key", id="sample_id", tokens="completion_tokens", finish=failed
    )  # fmt: skip
    verdicts = shelf.scan("verdicts").select("outcome", "kind", "extracted", id="sample_id", judged="reason")
    right = (pl.col("outcome") == "correct").mean().round(3)
    solved = shelf.scan("verdicts").group_by("question_id").agg(pass_rate=right)
    asked = shelf.scan("questions").with_row_index("asked_at").select("question_id", "asked_at", "source")
    kept = _data(shelf)
    edited = kept.drop("question_id", "difficulty").filter(pl.col("id").is_not_null())
    buckets = kept.select("question_id", "difficulty").unique("question_id")
    table = ends
    for other, key in (
        *((one, "id") for one in (samples, verdicts, edited)),
        *((one, "question_id") for one in (solved, buckets, asked)),
    ):
        table = table.join(other, on=key, how="left", maintain_order="left")
    return table.with_columns(pl.col("level", *NAMED).cast(pl.Categorical)).sort(
        "asked_at", "text_at", nulls_last=True, maintain_order=True
    )


def _data(shelf: Shelf) -> pl.LazyFrame:
    """What the kept rows add: id, question_id, difficulty, words, and the cues of each family."""
    parts = []
    for split in SPLITS:
        table = shelf.scan(split)
        columns = known(table, ("difficulty", "response_words", *BEHAVIOURS))
        parts.append(table.select("question_id", *columns, id="sample_id"))
    return pl.concat(parts).rename({"response_words": "words"})


def answer(rows: Rows, wanted: Wanted, labels: Labels) -> dict[str, Any]:
    """The rows that are wanted, as JSON.

    total    rows under all filters (questions, with each="question")
    rows     those of the page: SHOWN, behaviours, labels, question, gold, choices, images; `found`: around the text
    values   by filter: value, rows; counted under the other filters, most frequent first
    ranges   by filter: `histogram` bins of all rows, counted under the other filters
    """
    masks = _masks(rows, wanted, labels)
    places = _places(rows, reduce(and_, masks.values()), wanted)
    page = rows.table[places.slice(max(wanted.offset, 0), min(wanted.limit, MOST_ROWS))]
    counted = {} if wanted.after or wanted.before else _counts(rows, masks, labels)
    return {"total": len(places), "offset": wanted.offset, "rows": _told(rows, page, wanted.text, labels)} | counted


def _masks(rows: Rows, wanted: Wanted, labels: Labels) -> dict[str, pl.Series]:
    masks = {"level": rows.table["level"] == wanted.level}
    for name, values in wanted.filters.items():
        masks[name] = rows.table.select(_condition(name, values, labels).fill_null(False)).to_series()
    if wanted.text.strip():
        masks["text"] = search(rows, wanted.text)
    return masks


def _condition(name: str, values: Sequence[str], labels: Labels) -> pl.Expr:
    """The rows that a filter lets through: those with any of its values."""
    if name in RANGES:
        return pl.any_horizontal(_between(name, value) for value in values)
    if name == "behaviour":
        chosen = [f"behaviour_{family}" for family in FAMILIES if family in values]
        return pl.any_horizontal(pl.lit(False), *(pl.col(column) > 0 for column in chosen))
    if name == "label":
        ids = sorted({one for value in values for one in labels.get(value, ())})
        return pl.col("id").is_in(ids) | pl.col("question_id").is_in(ids)
    if name not in NAMED:
        raise OvtError(
            f"{name[:40]!a} is not a filter; {did_you_mean(name, (*VALUES, *RANGES), ', '.join(VALUES + RANGES))}"
        )
    chosen = pl.col(name).cast(pl.String).is_in([value for value in values if value != NONE])
    return chosen.fill_null(False) | pl.col(name).is_null() if NONE in values else chosen


def _between(name: str, value: str) -> pl.Expr:
    low, dots, high = value.partition("..")
    try:
        return pl.col(name).is_between(float(low), float(high if dots else low))
    except ValueError:
        raise OvtError(f"{name} is {value[:40]!a}: expected two numbers, such as {name}=100..200") from None


def _places(rows: Rows, mask: pl.Series, wanted: Wanted) -> pl.Series:
    """The row numbers that are wanted, in their order."""
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
    if name not in RANGES:
        raise OvtError(f"rows cannot be sorted by {name[:40]!a}: choose one of {', '.join(RANGES)}")
    by = rows.table[name].gather(places)
    return places.gather(by.arg_sort(descending=sort.startswith("-"), nulls_last=True))


def _counts(rows: Rows, masks: Mapping[str, pl.Series], labels: Labels) -> dict[str, Any]:
    """The bars and histograms, each under all filters but its own."""
    everything = rows.table.filter(reduce(and_, masks.values()))
    under = {
        name: rows.table.filter(reduce(and_, (mask for other, mask in masks.items() if other != name)))
        for name in masks.keys() - {"level", "text"}
    }
    values = {name: _values(under.get(name, everything), name, labels) for name in VALUES}
    whole = rows.table.filter(masks["level"])
    ranges = {name: _bins(whole[name], under.get(name, everything)[name]) for name in RANGES}
    return {"values": values, "ranges": ranges}


def _values(rows: pl.DataFrame, name: str, labels: Labels) -> list[dict[str, Any]]:
    if name == "behaviour":
        sums = rows.select((pl.col(column) > 0).sum() for column in BEHAVIOURS).row(0) if len(rows) else ()
        return [{"value": family, "rows": count} for family, count in zip(FAMILIES, sums, strict=False) if count]
    if name == "label":
        counts = {label: rows.select(_condition(name, [label], labels).sum()).item() for label in labels}
        return [{"value": label, "rows": count} for label, count in counts.items() if count]
    counted = rows[name].value_counts(sort=True, name="rows").head(MOST_VALUES)
    return [{"value": value or NONE, "rows": count} for value, count in counted.cast({name: pl.String}).iter_rows()]


def _bins(whole: pl.Series, under: pl.Series) -> list[dict[str, Any]]:
    """Bins from 0 to the largest of all rows; shares (0 to 1) as twenty of them."""
    most = whole.max()
    if not isinstance(most, int | float):
        return []
    if whole.dtype.is_float():
        bins = histogram({"rows": (under.drop_nulls() * 100).round().cast(pl.Int64)}, 5, 20)
        return [one | {"from": one["from"] / 100, "to": min(one["to"], 100) / 100} for one in bins]
    width = round_up(max(1, most) / BINS)
    return histogram({"rows": under.drop_nulls().cast(pl.Int64)}, width, int(most) // width)


def _told(rows: Rows, page: pl.DataFrame, text: str, labels: Labels) -> list[dict[str, Any]]:
    asked = rows.questions[page["asked_at"].drop_nulls()]
    by_question = {one["question_id"]: one for one in asked.iter_rows(named=True)}
    marks: dict[str, list[str]] = {}
    for label, ids in labels.items():
        for one in ids:
            marks.setdefault(one, []).append(label)
    found = _around(rows, page, text) if text.strip() else {}
    told = []
    cues = pl.concat_list(pl.when(pl.col(f"behaviour_{name}") > 0).then(pl.lit(name)) for name in FAMILIES)
    for row in page.select(*SHOWN, behaviours=cues.list.drop_nulls()).iter_rows(named=True):
        own = {"labels": marks.get(row["id"], []) + marks.get(row["question_id"], []) * (row["level"] != "question")}
        told.append((by_question.get(row["question_id"]) or {}) | row | own | {"found": found.get(row["id"])})
    return told


def pattern(text: str) -> str:
    """A regular expression for a text, whatever its case and white space. OvtError for texts too long to search for."""
    words = text.split()
    if len(text) > LONGEST_SEARCHED or not words:
        raise OvtError(f"a text of {len(text)} characters cannot be searched: give at most {LONGEST_SEARCHED}")
    return "(?i)" + r"\s+".join(map(pl.escape_regex, words))


def search(rows: Rows, text: str) -> pl.Series:
    """Which rows hold a text, in their response, their caption or their question."""
    wanted = pattern(text)
    with rows.lock:
        if (kept := rows.searches.get(wanted)) is not None:
            rows.searches.move_to_end(wanted)
            return kept
    said = rows.shelf.scan("samples").select(pl.col("text").str.contains(wanted).fill_null(False))
    with rows.shelf.reading():
        said = said.collect(engine="streaming").to_series()
    asked = rows.questions["question"].str.contains(wanted).fill_null(False)
    hits = [table.gather(rows.table[at]).fill_null(False) for table, at in ((said, "text_at"), (asked, "asked_at"))]
    with rows.lock:
        rows.searches[wanted] = hits[0] | hits[1]
        while len(rows.searches) > SEARCHES:
            rows.searches.popitem(last=False)
        return rows.searches[wanted]


def _around(rows: Rows, page: pl.DataFrame, text: str) -> dict[str, str]:
    """id → the match in its text, on one line."""
    match = rf"(.{{0,{AROUND}}}{pattern(text).removeprefix('(?i)')}.{{0,{AROUND}}})"
    said = rows.shelf.scan("samples").filter(pl.col("sample_id").is_in(page["id"].to_list()))
    line = pl.col("text").str.replace_all(r"\s+", " ").str.extract("(?i)" + match)
    return dict(said.select("sample_id", line).drop_nulls().collect().iter_rows())
