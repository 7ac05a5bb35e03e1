"""Pairs of one question for preference training: a response that was kept, and one that the verifier found wrong.

    question_id       sample_id                  chosen                rejected_id                rejected
    1f0c2d3e4a5b6c7d  1f0c2d3e4a5b6c7d-reason-3  <think>… <answer>B…   1f0c2d3e4a5b6c7d-reason-0  <think>… <answer>C…

The chosen text is the one that SFT trains on, filters and edits applied. The rejected one ended by itself: a response
that was cut off teaches nothing about its content. Abstentions are in no pair. Rollouts of RL that were saved as a
version (`ovt train rollouts RUN --save-as NAME`) are paired like any others.
"""

import polars as pl

from ovt.core.text import count_words
from ovt.curate.versions.read import Version, scan

PAIRS = pl.Schema(dict.fromkeys(("question_id", "sample_id", "chosen", "rejected_id", "rejected"), pl.String))


def pairs(
    version: Version, kept: pl.DataFrame, per_question: int = 1, length_ratio: float | None = None
) -> pl.DataFrame:
    """The pairs of a version (PAIRS), in the order of its rows.

    kept           the rows of its split sft: question_id, sample_id, chosen (the text)
    per_question   at most this many of a question; no rejected response is in two
    length_ratio   only pairs where the longer response has at most this many times the words of the shorter, the
                   closest first; None: in the order in which they were sampled
    """
    wrong = scan(version, "verdicts").filter(pl.col("outcome") == "wrong").select("sample_id")
    ended = (pl.col("finish_reason") == "stop") & pl.col("text").is_not_null() & (pl.col("stage") == "reason")
    rejected = (
        scan(version, "samples")
        .filter(ended)
        .join(wrong, on="sample_id", how="semi", maintain_order="left")
        .select("question_id", "index", rejected_id="sample_id", rejected="text")
        .collect()
    )
    both = kept.with_row_index("row").join(rejected, on="question_id", maintain_order="left_right")
    one, other = count_words("chosen"), count_words("rejected")
    ratio = pl.max_horizontal(one, other) / pl.min_horizontal(one, other).clip(1) if length_ratio else pl.lit(1.0)
    both = both.with_columns(ratio=ratio).filter(pl.col("ratio") <= (length_ratio or 1))
    order = ["row", "ratio", "index"]
    chosen = both.sort(order).unique("rejected_id", keep="first", maintain_order=True)
    first = chosen.group_by("question_id", maintain_order=True).head(per_question)
    return first.sort(order).select(PAIRS.names())
