"""Faults of a row, as reason codes, and duplicate questions.

A row that passes has a question, images, and a gold that the verifier can compare with an answer.
"""

import re
from collections.abc import Sequence
from threading import Lock
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.verifiers import lint_golds
from ovt.verifiers.guard import MAX_GOLD_CHARS

MAX_CELL = 64 * 2**20  # bytes of a row, and of an image
MAX_TEXT = 1_000_000  # characters of one text
REMEMBERED = 100_000  # golds of a source that have been checked
IMAGE_TAG = re.compile(r"<image(?: ?(\d{1,3}))?>")


class Unfit(Exception):
    """A row that cannot become a question: `reason` is a code, for counting; `detail` is for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def too_large(size: int) -> Unfit:
    """The fault of a row or cell of this many bytes."""
    return Unfit("cell_too_large", f"{size:,} bytes, at most {MAX_CELL:,}")


_OF_THE_MOMENT = ("worker_lost", "gold_takes_too_long")  # the machine may be the cause: such a gold is checked again


class GoldCheck:
    """Sets the verifier's objection to a gold, if any, as the reason of its row, for rows of ROWS that have none yet.

    Skips golds that are an index beyond the choices (`mark_readings`). Equal golds of a source are judged once, and by
    one worker process at a time: each takes half a second to start.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[str, ...]], str | None] = {}
        self._alone = Lock()

    def __call__(self, records: Sequence[dict[str, Any]]) -> None:
        fit = [record for record in records if not record.get("reason") and record["read_as"] != "beyond"]
        keys = [(record["gold"], tuple(record["choices"] or ())) for record in fit]
        for record, reason in zip(fit, self._reasons(keys), strict=True):
            if reason:
                record |= {"reason": reason, "detail": f"gold {record['gold'][:80]!r}"}

    def _reasons(self, keys: list[tuple[str, tuple[str, ...]]]) -> list[str | None]:
        with self._alone:
            if len(self._known) > REMEMBERED:
                self._known.clear()
            new = [key for key in dict.fromkeys(keys) if key not in self._known]
            found = dict(zip(new, lint_golds(new), strict=True))
            self._known |= {key: reason for key, reason in found.items() if reason not in _OF_THE_MOMENT}
            return [found[key] if key in found else self._known[key] for key in keys]


def check_length(gold: str) -> None:
    """Raises Unfit("gold_too_long"): such a gold is an essay, and must not reach a parser."""
    if len(gold) > MAX_GOLD_CHARS:
        raise Unfit("gold_too_long", f"{len(gold):,} characters, at most {MAX_GOLD_CHARS:,}; begins {gold[:40]!r}")


def check_tags(question: str, images: int) -> None:
    """Raises Unfit if the number of `<image>` tags does not match the images, or a tag names a missing one."""
    if "<image" not in question:
        return
    tags = [match[1] for match in IMAGE_TAG.finditer(question)]
    plain = tags.count(None)
    if plain and plain != images:
        raise Unfit("image_tags_mismatch", f"{plain} <image> tags, {images} images")
    for number in tags:
        if number and not 1 <= int(number) <= images:
            raise Unfit("image_tags_mismatch", f"<image {number}>, {images} images")


def mark_readings(rows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Checks golds that are bare numbers against the other golds of the same source (read_as of `named_choice.Gold`).

    A source either numbers its choices or names them: if it names some, a gold that only fits as an index is
    ambiguous_gold; if it numbers some, so is one that fits both ways. Raises OvtError if it counts from 1.
    """
    seen = set(rows["read_as"].drop_nulls())
    first = rows["gold_key"].str.contains(r"\b[0a]\b")  # its position, or its letter among others
    counts_from_0 = ((rows["read_as"] == "index") & first).any()
    if "beyond" in seen and "text" not in seen and not counts_from_0:
        raise OvtError(
            f"source {source}: its golds look like numbers counted from 1, expected letters, texts or indexes from 0: "
            'set gold_is = "number" (from 1) or gold_is = "index" (from 0)'
        )
    doubtful = {"index"} if "text" in seen else {"either"} if "index" in seen else set()
    return rows.with_columns(
        reason=pl.when(pl.col("read_as").is_in(doubtful))
        .then(pl.lit("ambiguous_gold"))
        .when(pl.col("read_as") == "beyond")
        .then(pl.lit("gold_not_in_choices"))
        .otherwise("reason"),
        detail=pl.when(pl.col("read_as").is_in({*doubtful, "beyond"}))
        .then(pl.format("gold {}: an index or a text? set gold_is", "gold"))
        .otherwise("detail"),
    )


def mark_repeats(rows: pl.DataFrame) -> pl.DataFrame:
    """Adds a reason and a detail to the fit rows of a table (reason is null) that repeat another row's question.

    Columns used: asked (images, question and choices, as a hash), gold_key, question_id, reason, detail. If golds
    contradict each other, none can be trusted: all are dropped (conflicting_gold). Else the first row stays and the
    others are duplicate_question.
    """
    rows = rows.with_columns(_asked=pl.when(pl.col("reason").is_null()).then("asked"))
    again = (
        rows.filter(pl.col("_asked").is_not_null() & pl.col("_asked").is_duplicated())
        .group_by("_asked")
        .agg(
            _golds=pl.col("gold_key").n_unique(),
            _first=pl.col("question_id").first(),
            _said=pl.col("gold").unique(maintain_order=True).head(3),
        )
    )
    rows = rows.join(again, on="_asked", how="left", maintain_order="left")
    conflict = pl.col("_golds") > 1
    repeat = (pl.col("_golds") == 1) & ~pl.col("_asked").is_first_distinct()
    said = pl.format("golds {} for one question", pl.col("_said").list.join(" | ").str.slice(0, 200))
    return rows.with_columns(
        reason=pl.when(conflict)
        .then(pl.lit("conflicting_gold"))
        .when(repeat)
        .then(pl.lit("duplicate_question"))
        .otherwise("reason"),
        detail=pl.when(conflict)
        .then(said)
        .when(repeat)
        .then(pl.format("same as question {}", "_first"))
        .otherwise("detail"),
    ).drop("_asked", "_golds", "_first", "_said")
