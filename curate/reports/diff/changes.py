"""Matches the rows of two versions, and finds each one's status and the reason for it.

status   kinds                        row  row_b
same     []                           0    0
changed  ["sample", "verdict"]        1    1
removed  []                           2    null

kinds of change:
split     it moved from sft to rl, or back
sample    another sample was chosen (another reply key: another index, model, prompt or setting)
text      the same sample, with other words
verdict   a reply that both versions judged is correct in one and not in the other
gold      the answer was corrected
question  the question's text or choices were edited
prompt    the user's turn reads differently, for the same question

A question's id is a hash of its images, text, choices and gold: editing any of these changes the id. So
questions whose ids only one version has are matched by images and text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ovt.curate.reports.diff.tables import Tables, collect, hashed
from ovt.curate.versions.read import Version, scan

KINDS = ("split", "sample", "text", "verdict", "gold", "question", "prompt")
COMPARED = ("split", "place", "sample", "answer", "prompt", "text", "reply")
STATUSES = ("changed", "removed", "added", "same")
MATCHES = pl.Schema(
    {"question": pl.UInt64, "question_b": pl.UInt64, "gold_changed": pl.Boolean, "question_changed": pl.Boolean}
)
NOT_SAMPLED = {"stage": "reason", "reason": "not_sampled"}  # the question is kept there, but without this reply
NOT_IN_SOURCES = {"stage": "import", "reason": "not_in_sources"}
NO_IMPORTS = pl.Schema({"question": pl.UInt64, "stage": pl.String, "reason": pl.String})
WHY = ("stage", "reason", "detail")
ODD = 0x9E3779B97F4A7C15


def normalised(text: pl.Expr) -> pl.Expr:
    """A question's text, normalised for letter case, white space and Unicode forms."""
    return text.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def find_same(version: Version, question: dict[str, Any]) -> str | None:
    """The id of the first question of `version` with the images and text of `question` (a row of QUESTIONS)."""
    images = pl.col("images").list.join(" ") == " ".join(question["images"])
    text = normalised(pl.col("question")) == normalised(pl.lit(question["question"]))
    found = scan(version, "questions").filter(images, text).select("question_id").head(1).collect()
    return found["question_id"].item() if len(found) else None


def match_questions(a: Version, b: Version, asked_a: pl.DataFrame, asked_b: pl.DataFrame) -> pl.DataFrame:
    """MATCHES: questions of `b` that are in `a` under another id, and what differs about them.

    asked: a table with `question` per version. Duplicates within a version are matched in order.
    """
    only_a = asked_a.select("question").join(asked_b, on="question", how="anti")
    only_b = asked_b.select("question").join(asked_a, on="question", how="anti")
    if only_a.is_empty() or only_b.is_empty():
        return MATCHES.to_frame()
    pairs = _contents(a, only_a).join(_contents(b, only_b), on=["content", "rank"], suffix="_b")
    edited = pl.col("text").ne_missing(pl.col("text_b")) | pl.col("choices").ne_missing(pl.col("choices_b"))
    return pairs.select(
        "question",
        "question_b",
        gold_changed=pl.col("gold") != pl.col("gold_b"),
        question_changed=edited,
    ).match_to_schema(MATCHES)


def _contents(version: Version, only: pl.DataFrame) -> pl.DataFrame:
    table = scan(version, "questions").with_columns(hashed("question_id").alias("id"))
    wanted = table.join(only.lazy(), left_on="id", right_on="question", how="semi", maintain_order="left")
    return collect(
        wanted.select(
            question="id",
            content=pl.concat_str(pl.col("images").list.join(" "), pl.lit("\n"), normalised(pl.col("question"))),
            text="question",
            choices=pl.col("choices").list.join("\n"),
            gold="gold",
        )
    ).with_columns(rank=pl.int_range(pl.len()).over("content"))


def rename(table: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """`b`'s table with the questions of `matches` under their ids in `a`."""
    if matches.is_empty():
        return table
    names = matches.select(pl.col("question").alias("as_a"), question="question_b")
    ids = table.select("question").join(names, on="question", how="left", maintain_order="left")
    return table.with_columns(ids.select(pl.coalesce("as_a", "question")).to_series().alias("question"))


def renamed(tables: Tables, matches: pl.DataFrame) -> Tables:
    """As `rename`, for all tables."""
    return Tables(**{name: rename(table, matches) for name, table in vars(tables).items()})


def with_replies(tables: Tables) -> pl.DataFrame:
    """The rows with `row` (their number) and `reply`: the reply they hold (null in rl)."""
    rows = tables.rows.with_row_index("row")
    held = tables.samples.lazy().select("sample", "reply").join(rows.lazy().select("sample"), on="sample", how="semi")
    return rows.join(collect(held), on="sample", how="left", maintain_order="left")


def both_hashes() -> pl.Expr:
    """One hash of `question` and `reply` (null in rl), since joining on one column is twice as fast as on two."""
    return pl.col("question") * ODD + pl.col("reply").fill_null(0)


def pair_rows(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """question, row, row_b: each row of either side once; null if the other side has no counterpart.

    Rows of one question are paired by reply first, then the rest in order.
    """
    left, right = (side.select("row", "question", key=both_hashes()) for side in (a, b))
    same = left.join(right.drop("question"), on="key", suffix="_b")
    left = _ranked(left.join(same, on="row", how="anti", maintain_order="left"))
    right = _ranked(right.join(same, left_on="row", right_on="row_b", how="anti", maintain_order="left"))
    rest = left.join(right, on=["question", "rank"], how="full", coalesce=True, suffix="_b")
    pairs = pl.concat([same.select("question", "row", "row_b"), rest.select("question", "row", "row_b")])
    return pairs.sort("row", "row_b", nulls_last=True)


def _ranked(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select("question", "row", rank=pl.int_range(pl.len()).over("question"))


def same_replies(a: Tables, b: Tables) -> pl.DataFrame:
    """The replies that both versions judged: question, outcome, outcome_b."""
    left = a.samples.lazy().select("question", "outcome", key=both_hashes())
    right = b.samples.lazy().select("outcome", key=both_hashes())
    return collect(left.join(right, on="key", suffix="_b").drop("key"))


def classify(a: pl.DataFrame, b: pl.DataFrame, replies: pl.DataFrame, matches: pl.DataFrame) -> pl.DataFrame:
    """`pair_rows` with `status`, `is_KIND` for each kind, and split, place, sample and reply of both sides (suffix _b).

    a, b: rows with replies, in the order of their `row`; replies: of `same_replies`; matches: of `match_questions`.
    """
    pairs = pair_rows(a, b)
    edited = matches.filter("question_changed").select("question", edited=True)
    flipped = replies.filter(pl.col("outcome") != pl.col("outcome_b")).select("question", flipped=True).unique()
    joined = (
        pairs.with_columns(a[name].gather(pairs["row"]) for name in COMPARED)
        .with_columns(b[name].gather(pairs["row_b"]).alias(f"{name}_b") for name in COMPARED)
        .lazy()
        .join(edited.lazy(), on="question", how="left", maintain_order="left")
        .join(flipped.lazy(), on="question", how="left", maintain_order="left")
    )
    both = pl.col("row").is_not_null() & pl.col("row_b").is_not_null()
    kinds = {f"is_{kind}": both & rule.fill_null(False) for kind, rule in _kinds().items()}
    status = (
        pl.when(pl.col("row_b").is_null()).then(pl.lit("removed"))
        .when(pl.col("row").is_null()).then(pl.lit("added"))
        .when(pl.any_horizontal(*kinds)).then(pl.lit("changed"))
        .otherwise(pl.lit("same"))
    )  # fmt: skip
    places = [f"{name}{side}" for side in ("", "_b") for name in ("row", "split", "place", "sample", "reply")]
    told = joined.with_columns(**kinds).with_columns(status=status)
    return told.select("status", "question", *places, *kinds).collect()


def _kinds() -> dict[str, pl.Expr]:
    def differs(column: str) -> pl.Expr:
        return pl.col(column).ne_missing(pl.col(f"{column}_b"))

    answered = (pl.col("split") == "sft") & (pl.col("split_b") == "sft")
    edited = pl.col("edited").fill_null(False)
    return {
        "split": differs("split"),
        "sample": answered & differs("reply"),
        "text": answered & ~differs("reply") & differs("text"),
        "verdict": pl.col("flipped"),
        "gold": differs("answer"),
        "question": edited,
        "prompt": differs("prompt") & ~edited,
    }


@dataclass(frozen=True)
class Ends:
    """Where questions and replies ended in a version: `stage`, `reason` (and `detail`), of `questions` (by `question`,
    with `decision`), of `replies` (by `question` and `reply`) and of rows left out at the import (by `question`)."""

    questions: pl.DataFrame
    replies: pl.DataFrame
    imported: pl.DataFrame = field(default_factory=NO_IMPORTS.to_frame)


def trace(told: pl.DataFrame, find_ends: Mapping[str, Callable[[pl.DataFrame], Ends]]) -> pl.DataFrame:
    """`classify`'s rows with stage, reason (and detail) of those added or removed.

    find_ends: for "removed" and "added", returns the ends of such rows in the version that does not have them,
    including their `reply`.
    """
    parts = [told.filter(pl.col("status").is_in(["same", "changed"]))]
    for status, reply in (("removed", "reply"), ("added", "reply_b")):
        gone = told.filter(pl.col("status") == status)
        held = gone.select("question", reply=reply)
        parts.append(gone.hstack(explain(held, find_ends[status](held))))
    return pl.concat(parts, how="diagonal").sort("row", "row_b", nulls_last=True)


def explain(held: pl.DataFrame, ends: Ends) -> pl.DataFrame:
    """Stage, reason (and detail) that excluded these rows (question, reply) from the version of `ends`, in order.

    The end of the question; if the question is kept there with other samples, the end of this one; if
    it was left out at import, that; else `not_in_sources`.
    """
    ended = held.join(ends.questions, on="question", how="left", maintain_order="left")
    ended = ended.join(ends.replies, on=["question", "reply"], how="left", maintain_order="left", suffix="_of_reply")
    ended = ended.join(ends.imported, on="question", how="left", maintain_order="left", suffix="_of_import")
    kept, dropped = (pl.col("decision") == decision for decision in ("kept", "dropped"))
    never_made, never_read = pl.col("stage_of_reply").is_null(), pl.col("stage_of_import").is_null()
    return ended.select(
        pl.when(dropped).then(name)
        .when(kept & never_made).then(pl.lit(NOT_SAMPLED.get(name), pl.String))
        .when(kept).then(f"{name}_of_reply")
        .when(never_read).then(pl.lit(NOT_IN_SOURCES.get(name), pl.String))
        .otherwise(f"{name}_of_import" if name in ends.imported.columns else None)
        .alias(name)
        for name in WHY if name in ends.questions.columns
    )  # fmt: skip


def ends_in(version: Version, tables: Tables, owner: Version, held: pl.DataFrame) -> Ends:
    """The ends in `version` (whose `tables` were read) of rows (question, reply) of `owner`."""
    asked = held.join(tables.ends, on="question", how="left", maintain_order="left")
    kept = asked.filter(pl.col("decision") == "kept")
    absent = asked.filter(pl.col("decision").is_null())
    return Ends(tables.ends, _reply_ends(kept, version, tables.samples), _import_ends(absent, owner, version))


def _reply_ends(rows: pl.DataFrame, version: Version, samples: pl.DataFrame) -> pl.DataFrame:
    """question, reply, stage, reason of the replies that `version` also has."""
    keys = ["question", "reply"]
    there = samples.join(rows.select(keys).unique(), on=keys, how="semi")
    ends = scan(version, "decisions").filter(pl.col("level") == "sample")
    if there.is_empty():
        ends = ends.head(0)
    named = ends.select(hashed("id").alias("sample"), "stage", "reason").join(there.lazy(), on="sample")
    return collect(named.select(*keys, "stage", "reason")).unique(keys)


def _import_ends(rows: pl.DataFrame, owner: Version, version: Version) -> pl.DataFrame:
    """question, stage, reason of the questions whose source rows `version` left out at import.

    Such a row has no question_id, as it may not be a question; its decision names source and row: "figures 12: …".
    """
    left_out = scan(version, "decisions").filter(pl.col("stage") == "import").select("stage", "reason", "detail")
    named = collect(left_out.with_columns(where=pl.col("detail").str.split(": ").list.first()).drop("detail"))
    if rows.is_empty() or named.is_empty():
        return NO_IMPORTS.to_frame()
    asked = scan(owner, "questions").select(
        hashed("question_id").alias("question"), where=pl.format("{} {}", "source", "source_id")
    )
    wanted = asked.join(rows.lazy().select("question").unique(), on="question", how="semi")
    return collect(wanted.join(named.lazy(), on="where").select("question", "stage", "reason")).unique("question")
