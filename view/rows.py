"""The rows of a version in memory, without their texts: filtered and counted in tens of milliseconds.

    level   id                         stage   reason  outcome  source  model  tokens  own.camera  …
    sample  1f0c2d3e4a5b6c7d-reason-0  verify  wrong   wrong    bars    …          61  left

One row per decision, question by question, so that every count is the funnel's own. A million samples take about a
gigabyte. The texts stay on disk (texts.py). Columns that are not ovt's are a version's own metadata, and those of a
run's rollouts (step, reward): they are filters like the others, called own.NAME.
"""

import math
import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from ovt.core.schema import SPLITS, TABLE_COLUMNS
from ovt.curate.reports.diff.tables import known
from ovt.curate.stages.behaviours import COLUMNS as BEHAVIOURS
from ovt.curate.versions.ledger import LEVEL
from ovt.view.shelf import Shelf
from ovt.view.texts import Texts

# The filters, in order: VALUES have a bar per value, RANGES a histogram ("tokens=100..200").
NAMED = ("stage", "reason", "outcome", "judged", "kind", "source", "model", "difficulty", "finish")
VALUES = (*NAMED, "behaviour", "label")
RANGES = ("tokens", "words", "pass_rate")
OWN = "own."  # what the names of other columns start with
MOST_OWN = 40  # of them
LARGEST = 2**53  # beyond, neither a filter nor a page tells whole numbers apart

Filters = Mapping[str, Sequence[str]]  # {"stage": ["verify"], "tokens": ["100..200"]}
Labels = Mapping[str, Sequence[str]]  # label → ids of questions and samples


@dataclass(frozen=True)
class Rows:
    """The table, its questions (a row each: question_id, question, gold, choices, images), the texts, and searches."""

    shelf: Shelf
    table: pl.DataFrame
    questions: pl.DataFrame
    texts: Texts
    searches: "OrderedDict[str, pl.Series]" = field(default_factory=OrderedDict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def own(self) -> dict[str, bool]:
        """The columns of its own metadata: whether each holds numbers."""
        kinds = self.table.schema
        return {name: kinds[name].is_numeric() for name in kinds if name.startswith(OWN)}

    @property
    def values(self) -> tuple[str, ...]:
        """The filters with a bar per value."""
        return (*VALUES, *(name for name, numbers in self.own.items() if not numbers))

    @property
    def ranges(self) -> tuple[str, ...]:
        """The filters with a histogram."""
        return (*RANGES, *(name for name, numbers in self.own.items() if numbers))


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
        questions.select(pl.col("source", "^own\\..*$").gather(asked_at)),
    ]
    order = parts[0].select(pl.arg_sort_by("asked_at", "text_at", nulls_last=True, maintain_order=True)).to_series()
    table = pl.concat([ends.select("level", "id", "question_id"), *parts], how="horizontal")
    asked = questions.select(pl.exclude("source", "^own\\..*$"))
    return Rows(shelf, _rounded(table[order]).with_row_index("row"), asked, Texts(shelf))


def _rounded(table: pl.DataFrame) -> pl.DataFrame:
    """Own numbers with as many decimals as a histogram's edges have, so that a bar holds what its edges say; without
    the columns that have numbers too large for that."""
    numbers = [name for name, kind in table.schema.items() if name.startswith(OWN) and kind.is_numeric()]
    own = [name for name in numbers if table.schema[name].is_float()]
    finite = table.with_columns(pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name) for name in own)
    large = [name for name in numbers if _most(finite[name]) > LARGEST]
    rounded = [pl.col(name).round(decimals(finite[name])) for name in own if name not in large]
    return finite.drop(large).with_columns(rounded)


def decimals(numbers: pl.Series) -> int:
    """How many decimals tell a thousandth of a column's range apart, of the 15 digits that a float holds; 0 for whole
    numbers."""
    low, high = numbers.min(), numbers.max()
    if not numbers.dtype.is_float() or not isinstance(low, float) or not isinstance(high, float):
        return 0
    wanted = 3 - math.floor(math.log10(high - low)) if high > low else 3
    return max(0, min(wanted, 12, 15 - math.ceil(math.log10(max(_most(numbers), 1)))))


def _most(numbers: pl.Series) -> float:
    """The largest size of a number."""
    return max((abs(edge) for edge in (numbers.min(), numbers.max()) if isinstance(edge, int | float)), default=0)


def _own(table: pl.LazyFrame, but: Collection[str] = ()) -> dict[str, pl.Expr]:
    """The columns of a table that are not ovt's, by their names here: texts, booleans and numbers."""
    found = {}
    for column, kind in table.collect_schema().items():
        if column in TABLE_COLUMNS or OWN + column in but or len(found) == MOST_OWN:
            continue
        if kind.is_numeric():
            found[OWN + column] = pl.col(column).cast(pl.Float64) if kind.is_decimal() else pl.col(column)
        elif kind.base_type() in (pl.String, pl.Boolean, pl.Categorical, pl.Enum):
            found[OWN + column] = pl.col(column).cast(pl.String).cast(pl.Categorical)
    return found


def _needed(shelf: Shelf) -> list[pl.LazyFrame]:
    """Decisions, samples, verdicts, the data and the questions, with the columns that the filters and lists need."""
    ends = shelf.scan("decisions").select("id", "question_id", "stage", "reason", level=LEVEL)
    failed = pl.when(pl.col("error").is_not_null()).then(pl.lit("failed")).otherwise("finish_reason")
    said = shelf.scan("samples")
    own = _own(said)
    samples = said.select("model", "reply_key", id="sample_id", tokens="completion_tokens", finish=failed, **own)
    verdicts = shelf.scan("verdicts").select(
        "question_id", "outcome", "kind", "extracted", id="sample_id", judged="reason"
    )
    asked = shelf.scan("questions")
    named = _own(asked, own)
    asked = asked.select("question_id", "question", "gold", "choices", "images", "source", **named)
    kept = _data(shelf, {*own, *named})
    return [_coded(table) for table in (ends, samples, verdicts, kept, asked)]


def _coded(table: pl.LazyFrame) -> pl.LazyFrame:
    """Columns with few values, as categoricals."""
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


def _data(shelf: Shelf, but: Collection[str]) -> pl.LazyFrame:
    """What the kept rows add: id, question_id, difficulty, words, the cues of each family, and own metadata."""
    parts = []
    for split in SPLITS:
        table = shelf.scan(split)
        columns = known(table, ("difficulty", "response_words", *BEHAVIOURS))
        parts.append(table.select("question_id", *columns, **_own(table, but), id="sample_id"))
    return pl.concat(parts, how="diagonal_relaxed").rename({"response_words": "words"})
