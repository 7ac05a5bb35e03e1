"""Two versions, evaluations or models side by side: the questions that flipped first."""

from typing import Any

import polars as pl

from ovt.core.home import Home
from ovt.curate.reports.diff.changes import normalised
from ovt.evaluation.compare import answers_of
from ovt.evaluation.results import open_evaluation
from ovt.evaluation.scores import difference
from ovt.view.rows import Rows

MOST_FLIPS = 300  # in each direction


def flips(a: Rows, b: Rows, home: Home) -> dict[str, Any]:
    """The questions that both were asked, by how the share of right samples changed.

    better, worse, same    numbers of questions
    flips    the questions whose share changed, the largest change first: question_id, question_id_b (differs after
             an edit), question, gold, image, right, judged, right_b, judged_b
    """
    pairs = _pairs(_judged(a, home), _judged(b, home)).with_columns(
        change=pl.col("right_b") / pl.col("judged_b") - pl.col("right") / pl.col("judged")
    )
    changed = pairs.with_columns(size=pl.col("change").abs()).sort("size", descending=True, maintain_order=True)
    shown = [changed.filter(side).head(MOST_FLIPS) for side in (pl.col("change") < 0, pl.col("change") > 0)]
    counts = {name: int(pairs.select(rule.sum()).item()) for name, rule in _directions().items()}
    return counts | {"flips": pl.concat(shown).drop("size").to_dicts()}


def _directions() -> dict[str, pl.Expr]:
    change = pl.col("change")
    return {"worse": change < 0, "better": change > 0, "same": change == 0}


def _pairs(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """The judged questions of both: by id, else by their images and text (the first question with these)."""
    same = left.join(
        right.select("question_id", "right", "judged"), on="question_id", suffix="_b", maintain_order="left"
    )
    same = same.with_columns(question_id_b="question_id")
    rest = [side.join(same, on="question_id", how="anti", maintain_order="left") for side in (left, right)]
    single = [side.filter(pl.col("content").is_first_distinct()) for side in rest]
    edited = single[0].join(
        single[1].select("question_id", "right", "judged", "content"), on="content", suffix="_b", maintain_order="left"
    )
    return pl.concat([same, edited.select(same.columns)]).drop("content")


def _judged(rows: Rows, home: Home) -> pl.DataFrame:
    """Each question with its judged samples, and what identifies it after an edit."""
    kind, _, name = rows.shelf.ref.rpartition(":")
    if kind == "eval":
        judged = known_answers(name, home)
    else:
        judged = rows.table.filter(pl.col("outcome").is_not_null()).with_columns(right=pl.col("outcome") == "correct")
    counts = judged.group_by("question_id", maintain_order=True).agg(right=pl.col("right").sum(), judged=pl.len())
    images = pl.col("images").list.join(" ")
    about = rows.questions.select(
        "question_id", "question", "gold", image=pl.col("images").list.first(),
        content=pl.concat_str(images.fill_null(""), pl.lit("\n"), normalised(pl.col("question"))),
    )  # fmt: skip
    return counts.join(about, on="question_id", maintain_order="left")


def gain(a: str, b: str, home: Home) -> dict[str, float] | None:
    """How much better the evaluation `b` is than `a` ("eval:NAME"), paired, with its 95% interval."""
    names = [ref.removeprefix("eval:") for ref in (a, b)]
    if [f"eval:{name}" for name in names] != [a, b]:
        return None
    return difference(*(known_answers(name, home) for name in reversed(names)))._asdict()


def known_answers(name: str, home: Home) -> pl.DataFrame:
    """An evaluation's answers as `ovt eval list` and `compare` count them: of a benchmark, in our reading."""
    return answers_of(open_evaluation(name, home), home, "ours")
