"""Model replies as rows of the samples table, and the ways in which a reply can be missing.

    sample_id                  question_id       stage   index  text                 finish_reason  error
    1f0c2d3e4a5b6c7d-reason-0  1f0c2d3e4a5b6c7d  reason  0      <think>\\nThe bar …  stop           null

A failed request is a row too, with an error instead of a text.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import polars as pl

from ovt.core.schema import SAMPLES
from ovt.curate.endpoints.chat import FAILURES, Reply, ReplyKind

NO_REPLY = Reply(text=None, error="no reply was stored")

REASONS: dict[ReplyKind, str] = {
    "empty": "empty_reply",
    "filtered": "filtered_reply",
    "refusal": "refused",
    "tool_calls": "tool_call",
}

# Why a sample without a text is dropped; null for one that has a text.
unanswered = pl.coalesce(
    *(pl.when(pl.col("error").str.starts_with(FAILURES[kind])).then(pl.lit(code)) for kind, code in REASONS.items()),
    pl.when(pl.col("text").is_null()).then(pl.lit("request_failed")),
    pl.when(pl.col("text").str.strip_chars() == "").then(pl.lit("empty_reply")),
)

PICTURED = pl.col("images").list.len() > 0


def pictured(questions: pl.DataFrame) -> pl.DataFrame:
    """The questions that have a picture."""
    return questions.filter(PICTURED)


def table(
    questions: pl.DataFrame,
    stage: Literal["vision", "caption", "reason"],
    keys: Sequence[Sequence[tuple[str, str]]],
    replies: Mapping[str, Reply],
) -> pl.DataFrame:
    """SAMPLES rows by (question, index).

    keys: for each question, its indexes' endpoints (names in the recipe) and reply keys (`Endpoint.keys`), in order.
    replies: by key, failures too; a key without a reply is a failed one.
    """
    rows = [
        _row((question_id, stage, index), key, replies.get(key, NO_REPLY), endpoint)
        for question_id, of_question in zip(questions["question_id"], keys, strict=True)
        for index, (endpoint, key) in enumerate(of_question)
    ]
    return pl.DataFrame(rows, schema=SAMPLES, orient="row")


def _row(place: tuple[str, str, int], key: str, reply: Reply, endpoint: str) -> tuple:
    return (
        "-".join(map(str, place)),
        *place,
        reply.text,
        reply.finish_reason,
        reply.prompt_tokens,
        reply.completion_tokens,
        reply.cost_usd,
        reply.model,
        endpoint,
        reply.error,
        key,
    )
