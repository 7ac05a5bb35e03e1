"""What became of each row between two versions, and why.

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
prompt    the user's turn reads otherwise, of the same question
"""

import polars as pl

from ovt.curate.reports.diff.matching import both_hashes
from ovt.curate.reports.diff.tables import Tables, collect, hashed
from ovt.curate.versions.read import Version, scan

KINDS = ("split", "sample", "text", "verdict", "gold", "question", "prompt")
COMPARED = ("split", "place", "sample", "answer", "prompt", "text", "reply")

NOT_SAMPLED = {"stage": "reason", "reason": "not_sampled"}  # the question is kept there, but this reply was never made
NOT_IN_SOURCES = {"stage": "import", "reason": "not_in_sources"}


def same_replies(a: Tables, b: Tables) -> pl.DataFrame:
    """The replies that both versions judged: question, outcome, outcome_b."""
    left = a.samples.lazy().select("question", "outcome", key=both_hashes())
    right = b.samples.lazy().select("outcome", key=both_hashes())
    return collect(left.join(right, on="key", suffix="_b").drop("key"))


def classify(
    pairs: pl.DataFrame, a: pl.DataFrame, b: pl.DataFrame, replies: pl.DataFrame, matches: pl.DataFrame
) -> pl.DataFrame:
    """`pairs` with `status`, `is_KIND` for each kind, and split, place, sample and reply of both sides (suffix _b).

    a, b: rows with replies, in the order of their `row`; replies: of `same_replies`; matches: of `match_questions`.
    """
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
    changed = pl.any_horizontal(*kinds)
    status = (
        pl.when(pl.col("row_b").is_null())
        .then(pl.lit("removed"))
        .when(pl.col("row").is_null())
        .then(pl.lit("added"))
        .when(changed)
        .then(pl.lit("changed"))
        .otherwise(pl.lit("same"))
    )
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


def explain(gone: pl.DataFrame, owner: Version, other: Version, tables: Tables) -> pl.DataFrame:
    """`gone` (rows of `owner` that `other` has not: question, reply, …) with the `stage` and `reason` why not.

    tables: those of `other`. The reason is the end of the question there; where the question is kept with other
    samples, the end of this sample; where it was left out at import, that; else `not_in_sources`.
    """
    ended = gone.join(tables.ends, on="question", how="left", maintain_order="left")
    by_sample = _sample_ends(ended.filter(pl.col("decision") == "kept"), other, tables.samples)
    by_import = _import_ends(ended.filter(pl.col("decision").is_null()), owner, other)
    fallen = pl.col("decision") == "dropped"
    told = ended.join(by_sample, on=["question", "reply"], how="left", maintain_order="left", suffix="_of_sample")
    told = told.join(by_import, on="question", how="left", maintain_order="left", suffix="_of_import")
    columns = {
        name: pl.when(fallen)
        .then(name)
        .when(pl.col("decision") == "kept")
        .then(pl.col(f"{name}_of_sample").fill_null(NOT_SAMPLED[name]))
        .otherwise(pl.col(f"{name}_of_import").fill_null(NOT_IN_SOURCES[name]))
        for name in ("stage", "reason")
    }
    return told.with_columns(**columns).select(*gone.columns, "stage", "reason")


def _sample_ends(rows: pl.DataFrame, other: Version, samples: pl.DataFrame) -> pl.DataFrame:
    """question, reply, stage, reason of the replies that `other` has, too."""
    keys = ["question", "reply"]
    there = samples.join(rows.select(keys).unique(), on=keys, how="semi")
    ends = scan(other, "decisions").filter(pl.col("level") == "sample")
    if there.is_empty():
        ends = ends.head(0)
    named = ends.select(hashed("id").alias("sample"), "stage", "reason").join(there.lazy(), on="sample")
    return collect(named.select(*keys, "stage", "reason")).unique(keys)


def _import_ends(rows: pl.DataFrame, owner: Version, other: Version) -> pl.DataFrame:
    """question, stage, reason of the questions whose source rows `other` left out at import.

    Such a row has no question_id, as it may not be a question; its decision names source and row: "figures 12: …".
    """
    left_out = scan(other, "decisions").filter(pl.col("stage") == "import").select("stage", "reason", "detail")
    named = collect(left_out.with_columns(where=pl.col("detail").str.split(": ").list.first()).drop("detail"))
    if rows.is_empty() or named.is_empty():
        return pl.DataFrame(schema={"question": pl.UInt64, "stage": pl.String, "reason": pl.String})
    asked = scan(owner, "questions").select(
        hashed("question_id").alias("question"), where=pl.format("{} {}", "source", "source_id")
    )
    wanted = asked.join(rows.lazy().select("question").unique(), on="question", how="semi")
    return collect(wanted.join(named.lazy(), on="where").select("question", "stage", "reason")).unique("question")
