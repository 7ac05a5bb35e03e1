"""The ledger of a build: its questions, samples, verdicts and decisions, the resulting funnel, and its
invariant: every question and every sample has exactly one decision, and the data is what was kept.

A violation is a bug in ovt, never caused by the user or a model: it raises `BrokenLedger`, and no version is written.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import polars as pl

from ovt.core.files import make_folder
from ovt.core.parquet import Series, TableFile
from ovt.core.schema import DECISIONS, FUNNEL, QUESTIONS, SAMPLES, SCREENS, SPLITS, STAGES, VERDICTS
from ovt.curate.versions.manifest import LEDGER

TABLES = dict(zip(LEDGER, (QUESTIONS, SAMPLES, VERDICTS, DECISIONS), strict=True))

# Captions are "sample" decisions too, but they enter at another stage, so the funnel counts them separately.
IS_CAPTION = (pl.col("level") == "sample") & pl.col("id").str.contains("-caption-", literal=True)
LEVEL = pl.when(IS_CAPTION).then(pl.lit("caption")).otherwise("level")
LEVELS = {
    "question": STAGES,
    "caption": ("caption", "version"),
    "sample": ("reason", "verify", "select", "filter", "version"),
}

KEPT = pl.col("decision") == "kept"

FILE_BYTES = 2**30  # of a table; a larger one comes in parts

# A broken rule (in words that follow a number), and the ids that break it.
Rule = tuple[str, pl.Series]


class BrokenLedger(RuntimeError):
    """The tables of a build contradict each other."""


class Ledger:
    """The four tables, written a chunk at a time; `kept` are the columns that sources keep, of the questions.

    closed: for the files of each table, as in `Series`."""

    def __init__(
        self, folder: Path, kept: pl.Schema, closed: Mapping[str, Sequence[int]] = MappingProxyType({})
    ) -> None:
        make_folder(folder)
        tables = {**TABLES, "questions": pl.Schema({**QUESTIONS, **kept})}
        self._files = {
            table: TableFile(folder / f"{table}.parquet", schema, most=FILE_BYTES, closed=closed.get(table, ()))
            for table, schema in tables.items()
        }

    def append(self, **frames: pl.DataFrame) -> None:
        """Adds a chunk of each table, by table name."""
        for table, frame in frames.items():
            self._files[table].append(frame)

    def close(self) -> dict[str, int]:
        """Closes the files and returns the rows of each table."""
        for file in self._files.values():
            file.close()
        return {table: file.rows for table, file in self._files.items()}

    @property
    def files(self) -> dict[str, Series]:
        """The files of each table."""
        return {table: file.files for table, file in self._files.items()}


def funnel(decisions: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    """How many rows each stage received, dropped (by reason) and passed on: a table of the schema FUNNEL.

    One row per level ("question", "caption", "sample") and stage, in the order of the work; in each,
    `rows_in == rows_out + Σ dropped.rows`. The last stage, "version", says what rows were kept as ("sft", "rl").
    """
    ended: dict[tuple[str, str], list[dict]] = {}
    for level, stage, reason, rows in _count_ends(decisions).iter_rows():
        ended.setdefault((level, stage), []).append({"reason": reason, "rows": rows})
    table = [row for level, stages in LEVELS.items() for row in _level_rows(level, stages, ended)]
    return pl.DataFrame(table, schema=FUNNEL)


def _count_ends(decisions: pl.DataFrame | pl.LazyFrame) -> pl.DataFrame:
    counted = (
        decisions.lazy().group_by(LEVEL.alias("level"), "stage", "reason").agg(pl.len().cast(pl.Int64).alias("rows"))
    )
    return counted.sort("rows", "reason", descending=[True, False]).collect()


def _level_rows(level: str, stages: tuple[str, ...], ended: dict[tuple[str, str], list[dict]]) -> list[dict]:
    rows_in = sum(end["rows"] for stage in stages for end in ended.get((level, stage), []))
    table = []
    for stage in stages if rows_in else ():
        ends = ended.get((level, stage), [])
        if stage in SCREENS and not ends:
            continue  # the recipe may not have it
        kept = stage == "version"
        rows_out = rows_in if kept else rows_in - sum(end["rows"] for end in ends)
        table.append(
            {
                "level": level,
                "stage": stage,
                "rows_in": rows_in,
                "rows_out": rows_out,
                "dropped": [] if kept else ends,
                "kept_as": ends if kept else [],
            }
        )
        rows_in = rows_out
    return table


def usage(samples: pl.DataFrame | pl.LazyFrame) -> list[dict]:
    """The usage of each stage's samples: the fields of `manifest.Usage`, in stage order."""
    grouped = (
        samples.lazy()
        .group_by("stage")
        .agg(
            pl.len().alias("samples"),
            pl.col("error").count().alias("failed"),
            pl.col("prompt_tokens", "completion_tokens").sum(),
            (pl.col("cost_usd").is_null() & pl.col("error").is_null()).any().alias("unpriced"),
        )
    )
    found = grouped.collect()
    # fsum: exact, so the order in which threads add up can't change the last digit.
    paid = found.select("stage", "unpriced").iter_rows()
    costs = [None if unpriced else math.fsum(_costs(samples, stage)) for stage, unpriced in paid]
    rows = found.drop("unpriced").to_dicts()
    used = [row | {"cost_usd": cost} for row, cost in zip(rows, costs, strict=True)]
    return sorted(used, key=lambda row: STAGES.index(row["stage"]))


def _costs(samples: pl.DataFrame | pl.LazyFrame, stage: str) -> Iterator[float]:
    """What each sample of a stage cost, where it is known; a few at a time, since there may be a hundred million."""
    known = samples.lazy().filter(pl.col("stage") == stage).select(pl.col("cost_usd").drop_nulls())
    for some in known.collect_batches():
        yield from some["cost_usd"]


class Check:
    """The rules that tables keep, checked chunk by chunk: a chunk has everything that belongs to its questions, and the
    first one also what was left out before.

    It remembers 8 bytes per row and question, to see that none comes in two chunks.
    """

    def __init__(self) -> None:
        self._seen: list[pl.Series] = []

    def chunk(
        self, *, questions: pl.DataFrame, samples: pl.DataFrame, verdicts: pl.DataFrame, decisions: pl.DataFrame,
        rows: pl.DataFrame
    ) -> None:  # fmt: skip
        """Raises BrokenLedger naming the first broken rule, how many ids break it, and some of them.

        `rows` are the kept rows. Rows left out at import have a decision but are not among the questions, since they
        may not have been any.
        """
        ended = decisions.with_columns(LEVEL.alias("funnel_level"))
        rules = chain(_decision_rules(questions, samples, verdicts, ended), _row_rules(ended, rows))
        _refuse(rules)
        self._seen.append(_questions_of(decisions.lazy()).collect().to_series().hash())

    def whole(self, decisions: pl.LazyFrame) -> None:
        """The same for what can only be seen at the end. decisions: all of them."""
        seen = (pl.concat(self._seen) if self._seen else pl.Series([], dtype=pl.UInt64)).sort(in_place=True)
        twice = seen.filter(seen == seen.shift()).unique()  # sorted: a set would take several times the memory
        if len(twice):
            suspect = pl.col("id").hash().is_in(twice.implode())
            again = _questions_of(decisions).filter(suspect).collect().to_series()
            _refuse([("questions or samples with two decisions", _repeated(again))])


def _questions_of(decisions: pl.LazyFrame) -> pl.LazyFrame:
    """The ids of all questions, and of rows that were left out."""
    return decisions.filter(pl.col("level") == "question").select("id")


def _refuse(rules: Iterable[Rule]) -> None:
    for broken_rule, ids in rules:
        if len(ids):
            some = ", ".join(map(str, ids.sort().head(3).to_list()))
            raise BrokenLedger(f"{len(ids)} {broken_rule}, such as {some}")


def _decision_rules(
    asked: pl.DataFrame, said: pl.DataFrame, judged: pl.DataFrame, ended: pl.DataFrame
) -> Iterator[Rule]:
    questions, samples = asked["question_id"], said["sample_id"]
    question_ends = ended.filter((pl.col("level") == "question") & (pl.col("stage") != "import"))["id"]
    sample_ends = ended.filter(pl.col("level") == "sample")["id"]
    yield "decisions that their stage cannot take", _impossible(ended)
    yield "question ids that occur twice", _repeated(questions)
    yield "sample ids that occur twice", _repeated(samples)
    yield "questions or samples with two decisions", _repeated(ended["id"])
    yield "questions without a decision", _missing(questions, question_ends)
    yield "decisions about unknown questions", _missing(question_ends, questions)
    yield "samples without a decision", _missing(samples, sample_ends)
    yield "decisions about unknown samples", _missing(sample_ends, samples)
    yield "samples of unknown questions", _missing(said["question_id"], questions)
    yield "samples with another id than their question, stage and index give", _misnamed(said)
    yield "samples with two verdicts", _repeated(judged["sample_id"])
    yield "verdicts on unknown samples", _missing(judged["sample_id"], samples)


def _row_rules(ended: pl.DataFrame, kept: pl.DataFrame) -> Iterator[Rule]:
    for split in SPLITS:
        rows = kept.filter(pl.col("split") == split)["question_id"]
        ends = ended.filter((pl.col("level") == "question") & KEPT & (pl.col("reason") == split))["id"]
        yield f"questions kept for {split} that are not in its data", _missing(ends, rows)
        yield f"questions in the data of {split} that were not kept for it", _missing(rows, ends)
    chosen = kept.filter(pl.col("split") == "sft")["sample_id"]
    sample_ends = ended.filter((pl.col("funnel_level") == "sample") & KEPT)["id"]
    yield "samples that are in the data twice", _repeated(chosen)
    yield "kept samples that are not in the data", _missing(sample_ends, chosen)
    yield "samples in the data that were not kept", _missing(chosen, sample_ends)


def _impossible(ended: pl.DataFrame) -> pl.Series:
    known = [f"{level} {stage}" for level, stages in LEVELS.items() for stage in stages]
    possible = pl.concat_str("funnel_level", pl.lit(" "), "stage").is_in(known)
    dropped = (pl.col("decision") == "dropped") & (pl.col("stage") != "version")
    kept = KEPT & (pl.col("stage") == "version")
    known_split = (pl.col("level") == "sample") | (pl.col("stage") != "version") | pl.col("reason").is_in(SPLITS)
    fine = possible & (dropped | kept) & pl.col("reason").is_not_null() & known_split
    return ended.filter(~fine.fill_null(False))["id"]


def _misnamed(said: pl.DataFrame) -> pl.Series:
    name = pl.format("{}-{}-{}", "question_id", "stage", "index")
    return said.filter(pl.col("sample_id").ne_missing(name))["sample_id"]


def _repeated(ids: pl.Series) -> pl.Series:
    return ids.filter(ids.is_duplicated()).unique()


def _missing(ids: pl.Series, known: pl.Series) -> pl.Series:
    """The `ids` that are not in `known`; a null is never known."""
    return ids.unique().to_frame("id").join(known.to_frame("id"), on="id", how="anti")["id"]
