"""The invariant of a ledger: every question and every sample has exactly one decision, and the data is what was kept.

A violation is a bug of ours, never the user's or a model's doing: it raises `BrokenLedger`, and no version is written.
"""

from collections.abc import Iterator
from itertools import chain

import polars as pl

from ovt.core.schema import SPLITS
from ovt.curate.versions.ledger import LEVEL, LEVELS

KEPT = pl.col("decision") == "kept"

# What is wrong (in words that follow a number), and the ids that it is wrong with.
Rule = tuple[str, pl.Series]


class BrokenLedger(RuntimeError):
    """The tables of a build contradict each other."""


def check(
    questions: pl.LazyFrame, samples: pl.LazyFrame, verdicts: pl.LazyFrame, decisions: pl.LazyFrame, rows: pl.LazyFrame
) -> None:
    """Raises BrokenLedger naming the first broken rule, how many ids break it, and some of them.

    `rows` are the kept rows: split, question_id, sample_id. What was left out at import has a decision but no row among
    the questions, since it may not have been one.
    """
    asked, said, judged, ended, kept = pl.collect_all(
        [
            questions.select("question_id"),
            samples.select("sample_id", "question_id", "stage", "index"),
            verdicts.select("sample_id"),
            decisions.drop("detail").with_columns(LEVEL.alias("funnel_level")),
            rows.select("split", "question_id", "sample_id"),
        ]
    )
    for broken_rule, ids in chain(_decision_rules(asked, said, judged, ended), _row_rules(ended, kept)):
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
    """Those of `ids` that are not in `known`; a null is never known."""
    return ids.unique().to_frame("id").join(known.to_frame("id"), on="id", how="anti")["id"]
