"""Which question of one version is which of the other, and which row.

A question's id is a hash of its images, text, choices and gold: correct one of these, and the id is another. So the
questions whose ids only one version has are held against each other by images and text.
"""

import polars as pl

from ovt.curate.reports.diff.same_question import normalised
from ovt.curate.reports.diff.tables import Tables, collect, hashed
from ovt.curate.versions.read import Version, scan

ODD = 0x9E3779B97F4A7C15

MATCHES = pl.Schema(
    {"question": pl.UInt64, "question_b": pl.UInt64, "gold_changed": pl.Boolean, "question_changed": pl.Boolean}
)


def match_questions(a: Version, b: Version, asked_a: pl.DataFrame, asked_b: pl.DataFrame) -> pl.DataFrame:
    """MATCHES: the questions of `b` that are ones of `a` under another id, and what about them differs.

    asked: a table with `question` per version. Equal ones within a version are matched in their order.
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
    """`b`'s table with the questions of `matches` under the ids that they have in `a`."""
    if matches.is_empty():
        return table
    names = matches.select(pl.col("question").alias("as_a"), question="question_b")
    ids = table.select("question").join(names, on="question", how="left", maintain_order="left")
    return table.with_columns(ids.select(pl.coalesce("as_a", "question")).to_series().alias("question"))


def renamed(tables: Tables, matches: pl.DataFrame) -> Tables:
    """As `rename`, for all tables."""
    return Tables(**{name: rename(table, matches) for name, table in vars(tables).items()})


def with_replies(tables: Tables) -> pl.DataFrame:
    """The rows with `row` (their number) and `reply`: which reply they hold (null in rl)."""
    rows = tables.rows.with_row_index("row")
    held = tables.samples.lazy().select("sample", "reply").join(rows.lazy().select("sample"), on="sample", how="semi")
    return rows.join(collect(held), on="sample", how="left", maintain_order="left")


def both_hashes() -> pl.Expr:
    """One hash of `question` and `reply` (null in rl), since a join on one column costs half of one on two."""
    return pl.col("question") * ODD + pl.col("reply").fill_null(0)


def pair_rows(a: pl.DataFrame, b: pl.DataFrame) -> pl.DataFrame:
    """question, row, row_b: each row of either side once; null where the other side has none.

    Rows of one question pair by their reply first, and what is left of them in their order.
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
