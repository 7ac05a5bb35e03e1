"""What a diff reads of a version: few columns, scanned lazily, in the streaming engine.

Ids and texts are read as 64-bit hashes, so a million rows take some hundred megabytes; of two million ids two share one
by chance once in ten million diffs. `question` is the hash of a question's id, `reply` that of a sample's reply key.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from ovt.curate.stages.behaviours import COLUMNS as BEHAVIOURS
from ovt.curate.versions.read import Version, scan
from ovt.curate.versions.schema import ROWS, SPLITS

CARRIED = ("source", "pass_rate", "difficulty", "response_words", *BEHAVIOURS)


@dataclass(frozen=True)
class Tables:
    """What was read of one version; in all of them `question` says which.

    rows       the data: split, place (its row in the split), sample and answer as hashes, prompt and text as hashes,
               CARRIED, and for a share of the rows `sampled`, the text itself
    questions  one row each: kind (of the answer), samples, cut, failed, tokens, cost (null: no price), edited
    samples    the judged replies: reply, sample (hashes), outcome
    ends       where each question ended: stage, decision, reason
    """

    rows: pl.DataFrame
    questions: pl.DataFrame
    samples: pl.DataFrame
    ends: pl.DataFrame


def read_tables(version: Version, share: float) -> Tables:
    """All tables of a version; `share` of the texts (0 to 1) are kept, the same questions in every version."""
    return Tables(_rows(version, share), _questions(version), _samples(version), _ends(version))


def hashed(column: str) -> pl.Expr:
    """A column as 64-bit hashes; null of null."""
    return pl.when(pl.col(column).is_not_null()).then(pl.col(column).hash())


def content(turn: str) -> pl.Expr:
    """The text of a column of chat turns; null where there is none."""
    return pl.col(turn).list.get(0, null_on_oob=True).struct.field("content")


def known(table: pl.LazyFrame, names: Iterable[str]) -> list[pl.Expr]:
    """These columns of a data file; null for one that the ovt that wrote it did not have."""
    there = set(table.collect_schema().names())
    return [pl.col(name) if name in there else pl.lit(None, ROWS[name]).alias(name) for name in names]


def collect(table: pl.LazyFrame) -> pl.DataFrame:
    """Memory stays bounded by what is selected; the order of rows stays."""
    return table.collect(engine="streaming")


def _rows(version: Version, share: float) -> pl.DataFrame:
    parts = []
    for split in SPLITS:
        table = scan(version, split)
        prompt, text = content("prompt"), content("completion")
        picked = pl.col("question_id").hash(1) <= min(int(share * 2**64), 2**64 - 1)
        parts.append(
            table.with_row_index("place").select(
                pl.lit(split).alias("split"),
                "place",
                hashed("question_id").alias("question"),
                hashed("sample_id").alias("sample"),
                hashed("answer").alias("answer"),
                prompt.hash().alias("prompt"),
                pl.when(text.is_not_null()).then(text.hash()).alias("text"),
                pl.when(picked).then(text).alias("sampled"),
                *known(table, CARRIED),
            )
        )
    return collect(pl.concat(parts))


def _questions(version: Version) -> pl.DataFrame:
    question = hashed("question_id").alias("question")
    reasoned = pl.col("stage") == "reason"
    said = scan(version, "samples").group_by(question).agg(
        samples=reasoned.sum(),
        cut=(reasoned & (pl.col("finish_reason") == "length")).sum(),
        failed=(reasoned & pl.col("error").is_not_null()).sum(),
        tokens=pl.col("prompt_tokens").sum() + pl.col("completion_tokens").sum(),
        cost=pl.when(pl.col("cost_usd").count() > 0).then(pl.col("cost_usd").sum()),
    )  # fmt: skip
    kinds = scan(version, "verdicts").group_by(question).agg(pl.col("kind").drop_nulls().min())
    notes = pl.col("detail").fill_null("").str.contains("reflection cut", literal=True)
    edited = scan(version, "decisions").filter(_kept_sample()).group_by(question).agg(edited=notes.sum())
    asked = scan(version, "questions").select(question)
    for table in (said, kinds, edited):
        asked = asked.join(table, on="question", how="left")
    return collect(asked.with_columns(pl.col("samples", "cut", "failed", "tokens", "edited").fill_null(0)))


def _kept_sample() -> pl.Expr:
    return (pl.col("level") == "sample") & (pl.col("stage") == "version") & (pl.col("reason") == "kept")


def _samples(version: Version) -> pl.DataFrame:
    name = hashed("sample_id").alias("sample")
    verdicts = scan(version, "verdicts").select(name, "outcome")
    replies = (
        scan(version, "samples")
        .filter(pl.col("stage") == "reason")
        .select(
            name, hashed("question_id").alias("question"), pl.coalesce("reply_key", "sample_id").hash().alias("reply")
        )
    )
    return collect(replies.join(verdicts, on="sample", how="left"))


def _ends(version: Version) -> pl.DataFrame:
    ends = scan(version, "decisions").filter(pl.col("level") == "question")
    return collect(ends.select(hashed("id").alias("question"), "stage", "decision", "reason"))
