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
        ends, samples, verdicts, kept, questions = pl.collect_all(_needed(shelf))
    asked_at = _places_in(ends["question_id"], questions["question_id"])
    text_at = _places_in(ends["id"], samples["id"])
    parts = [
        ends.drop("id", "question_id", "level").with_columns(asked_at=asked_at, text_at=text_at),
        samples.drop("id").select(pl.all().gather(text_at)),
        verdicts.drop("id", "question_id").select(pl.all().gather(_places_in(ends["id"], verdicts["id"]))),
        kept.drop("id", "question_id", "difficulty").select(pl.all().gather(_places_in(ends["id"], kept["id"]))),
        _by_question(questions["question_id"], verdicts, kept).select(pl.all().gather(asked_at)),
        questions.select(pl.col("source").gather(asked_at)),
    ]
    order = parts[0].select(pl.arg_sort_by("asked_at", "text_at", nulls_last=True, maintain_order=True)).to_series()
    table = pl.concat([ends.select("level", "id", "question_id"), *parts], how="horizontal")
    return Rows(shelf, table[order].with_row_index("row"), questions.drop("source"))


def _needed(shelf: Shelf) -> list[pl.LazyFrame]:
    """Decisions, samples, verdicts, the data and the questions, with the columns that the filters and lists need."""
    ends = shelf.scan("decisions").select("id", "question_id", "stage", "reason", level=LEVEL)
    failed = pl.when(pl.col("error").is_not_null()).then(pl.lit("failed")).otherwise("finish_reason")
    samples = shelf.scan("samples").select(
        "model", "reply_key", id="sample_id", tokens="completion_tokens", finish=failed
    )
    verdicts = shelf.scan("verdicts").select(
        "question_id", "outcome", "kind", "extracted", id="sample_id", judged="reason"
    )
    asked = shelf.scan("questions").select("question_id", "question", "gold", "choices", "images", "source")
    return [_coded(table) for table in (ends, samples, verdicts, _data(shelf), asked)]


def _coded(table: pl.LazyFrame) -> pl.LazyFrame:
    """Names with few values as numbers into a table of them."""
    there = [name for name in ("level", *NAMED) if name in table.collect_schema()]
    return table.with_columns(pl.col(there).cast(pl.Categorical))


def _places_in(ids: pl.Series, known: pl.Series) -> pl.Series:
    """Where each id stands in `known`; null if nowhere. By 64-bit hashes, as in a diff."""
    places = pl.DataFrame({"key": known.hash(), "place": pl.int_range(len(known), dtype=pl.UInt32, eager=True)})
    wanted = pl.DataFrame({"key": ids.hash()})
    found = wanted.join(places.filter(known.is_not_null()), on="key", how="left", maintain_order="left")
    return found["place"].alias("place")


def _by_question(ids: pl.Series, verdicts: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    """pass_rate and difficulty of each question, in the order of `ids`."""
    right = (pl.col("outcome") == "correct").mean().round(3)
    judged = verdicts.select("outcome", at=_places_in(verdicts["question_id"], ids))
    buckets = kept.select("difficulty", at=_places_in(kept["question_id"], ids)).unique("at")
    table = pl.DataFrame({"at": pl.int_range(len(ids), dtype=pl.UInt32, eager=True)})
    for other in (judged.group_by("at").agg(pass_rate=right), buckets):
        table = table.join(other, on="at", how="left", maintain_order="left")
    return table.drop("at")


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
    everything = reduce(and_, masks.values())
    under = {
        name: reduce(and_, (mask for other, mask in masks.items() if other != name))
        for name in masks.keys() - {"level", "text"}
    }
    values = {name: _values(rows.table, under.get(name, everything), name, labels) for name in VALUES}
    whole = {name: rows.table[name].filter(masks["level"]).max() for name in RANGES}
    ranges = {name: _bins(rows.table[name].filter(under.get(name, everything)), whole[name]) for name in RANGES}
    return {"values": values, "ranges": ranges}


def _values(table: pl.DataFrame, mask: pl.Series, name: str, labels: Labels) -> list[dict[str, Any]]:
    """Rows under a mask by value of a filter."""
    if name in ("behaviour", "label"):
        rules = {one: _condition(name, [one], labels) for one in (FAMILIES if name == "behaviour" else labels)}
        counts = table.select((rule.fill_null(False) & mask).sum().alias(one) for one, rule in rules.items())
        return (
            [{"value": one, "rows": count} for one, count in counts.row(0, named=True).items() if count]
            if rules
            else []
        )
    counted = table[name].filter(mask).value_counts(sort=True, name="rows").head(MOST_VALUES)
    return [{"value": value or NONE, "rows": count} for value, count in counted.cast({name: pl.String}).iter_rows()]


def _bins(under: pl.Series, most: Any) -> list[dict[str, Any]]:
    """Bins from 0 to the largest value of all rows; shares (0 to 1) as twenty of them."""
    if not isinstance(most, int | float):
        return []
    if under.dtype.is_float():
        bins = histogram({"rows": (under.drop_nulls() * 1000).round().cast(pl.Int64)}, 50, 20)
        return [one | {"from": one["from"] / 1000, "to": min(one["to"], 1000) / 1000} for one in bins]
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
