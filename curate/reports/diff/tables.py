"""What a diff reads of a version: few columns, scanned lazily with the streaming engine.

Ids and texts are read as 64-bit hashes, so a million rows take a few hundred megabytes; with two million ids, a
collision occurs once in ten million diffs. `question` is the hash of a question's id, `reply` of a sample's reply key.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import polars as pl

from ovt.core.schema import PLACE, ROWS, SPLITS
from ovt.curate.stages.behaviours import COLUMNS as BEHAVIOURS
from ovt.curate.versions.data import content
from ovt.curate.versions.read import Version, scan

SUMMED = ("samples", "cut", "failed", "tokens", "cost", "unpriced")
KEPT = "kept:"  # prefix of the names of columns that both versions' sources keep
CARRIED = ("source", "pass_rate", "difficulty", "response_words", *BEHAVIOURS)


@dataclass(frozen=True)
class Tables:
    """One version's columns; in all of them `question` identifies the question.

    rows       the data: split, place (its row in the split), sample and answer as hashes, prompt and text as hashes,
               CARRIED, and for a share of the rows `sampled`, the text itself
    questions  one row each: kind (of the answer), samples, cut, failed, tokens, cost (null throughout a version with a
               reply without a price), edited
    samples    the judged replies: reply, sample (hashes), outcome
    ends       where each question ended: stage, decision, reason
    """

    rows: pl.DataFrame
    questions: pl.DataFrame
    samples: pl.DataFrame
    ends: pl.DataFrame


def read_tables(version: Version, share: float, kept: Collection[str] = ()) -> Tables:
    """All tables of a version; `share` of the texts (0 to 1) are kept, the same questions in every version.

    kept: columns that its sources keep; the rows have them as texts, named KEPT + name.
    """
    replies = _replies(version)
    judged = _judged(version, replies)
    questions = _questions(version, replies, judged)
    return Tables(_rows(version, share, kept), questions, judged.drop("kind"), _ends(version))


def hashed(column: str) -> pl.Expr:
    """A column as 64-bit hashes; null for null."""
    return pl.when(pl.col(column).is_not_null()).then(pl.col(column).hash())


def known(table: pl.LazyFrame, names: Iterable[str]) -> list[pl.Expr]:
    """These columns of a data file; null for columns that an older ovt did not write."""
    there = set(table.collect_schema().names())
    return [pl.col(name) if name in there else pl.lit(None, ROWS[name]).alias(name) for name in names]


def collect(table: pl.LazyFrame) -> pl.DataFrame:
    """Collects in bounded memory, preserving the order of rows."""
    return table.collect(engine="streaming")


def _rows(version: Version, share: float, kept: Collection[str]) -> pl.DataFrame:
    parts = []
    for split in SPLITS:
        table = scan(version, split)
        prompt, text = content("prompt"), content("completion")
        picked = pl.col("question_id").hash(1) <= min(int(share * 2**64), 2**64 - 1)
        parts.append(
            table.with_row_index(PLACE).select(
                pl.lit(split).alias("split"),
                pl.col(PLACE).alias("place"),
                hashed("question_id").alias("question"),
                hashed("sample_id").alias("sample"),
                hashed("answer").alias("answer"),
                prompt.hash().alias("prompt"),
                pl.when(text.is_not_null()).then(text.hash()).alias("text"),
                pl.concat_str(pl.when(picked).then(text), pl.lit("")).alias("sampled"),  # a copy: it frees the others
                *known(table, CARRIED),
                *(pl.col(name).cast(pl.String).alias(KEPT + name) for name in kept),
            )
        )
    return collect(pl.concat(parts))


def _replies(version: Version) -> pl.DataFrame:
    """Every sample, captions included, in the ledger's order."""
    reasoned = pl.col("stage") == "reason"
    return collect(
        scan(version, "samples").select(
            hashed("sample_id").alias("sample"),
            hashed("question_id").alias("question"),
            pl.coalesce("reply_key", "sample_id").hash().alias("reply"),
            reasoned.alias("samples"),
            (reasoned & (pl.col("finish_reason") == "length")).fill_null(False).alias("cut"),
            (reasoned & pl.col("error").is_not_null()).alias("failed"),
            (pl.col("prompt_tokens").fill_null(0) + pl.col("completion_tokens").fill_null(0)).alias("tokens"),
            pl.col("cost_usd").alias("cost"),
            (pl.col("cost_usd").is_null() & pl.col("error").is_null()).alias("unpriced"),
        )
    )


def _judged(version: Version, replies: pl.DataFrame) -> pl.DataFrame:
    """The replies that have a verdict: sample, question, reply, outcome, kind."""
    named = hashed("sample_id").alias("sample")
    verdicts = collect(scan(version, "verdicts").select(named, "outcome", "kind"))
    answered = replies.filter("samples", ~pl.col("failed")).select("sample", "question", "reply")
    if answered["sample"].equals(verdicts["sample"]):  # as a build writes them: no join needed
        return answered.with_columns(verdicts["outcome"], verdicts["kind"])
    return collect(answered.lazy().join(verdicts.lazy(), on="sample"))


def _questions(version: Version, replies: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    question = hashed("question_id").alias("question")
    summed = replies.lazy().group_by("question").agg(pl.col(SUMMED).sum())
    said = summed.with_columns(cost=pl.when(pl.col("unpriced").sum() == 0).then("cost")).drop("unpriced")
    kinds = judged.lazy().group_by("question").agg(pl.col("kind").min())
    notes = pl.col("detail").fill_null("").str.contains("reflection cut", literal=True)
    edited = scan(version, "decisions").filter(_kept_sample(), notes).group_by(question).agg(edited=pl.len())
    table = scan(version, "questions").select(question)
    for counted in (said, kinds, edited):
        table = table.join(counted, on="question", how="left")
    return collect(table.with_columns(pl.col("samples", "cut", "failed", "tokens", "edited").fill_null(0)))


def _kept_sample() -> pl.Expr:
    return (pl.col("level") == "sample") & (pl.col("stage") == "version") & (pl.col("reason") == "kept")


def _ends(version: Version) -> pl.DataFrame:
    ends = scan(version, "decisions").filter(pl.col("level") == "question")
    return collect(ends.select(hashed("id").alias("question"), "stage", "decision", "reason"))
