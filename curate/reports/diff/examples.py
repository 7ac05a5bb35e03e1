"""The rows to show: chosen so that every reason and kind of change appears, and read by position."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from ovt.curate.reports.diff.changes import KINDS, STATUSES
from ovt.curate.reports.diff.diff import Diff
from ovt.curate.reports.diff.recipes import compare_words
from ovt.curate.reports.diff.tables import collect, hashed
from ovt.curate.versions.data import TURNS
from ovt.curate.versions.read import Version, reading, scan

FIELDS = ("question_id", "sample_id", "question", "choices", "answer", "source", "difficulty", "n_correct", "n_samples")
SHOWN = STATUSES[:-1]

Place = tuple[str, int]  # the split, and the row in it


def examples(diff: Diff, limit: int, images: bool = False) -> list[dict[str, Any]]:
    """At most `limit` rows of each status but "same", with their texts.

    status, kinds        as in `changes.classify`; stage, reason and detail of added and removed rows
    question_id          in `a`, or in `b` for an added row
    a, b                 the row in each version: split, FIELDS, prompt, completion (and `images`: bytes); null if
                         absent
    pieces               the word-level difference of the completions (`recipes.compare_words`), where they differ
    """
    chosen = pl.concat(pick(diff.rows.filter(pl.col("status") == status), limit) for status in SHOWN).to_dicts()
    columns = [*FIELDS, *TURNS, *(["images"] if images else [])]
    with reading(diff.a):
        left = read_places(diff.a, _places(chosen, ""), columns)
    with reading(diff.b):
        right = read_places(diff.b, _places(chosen, "_b"), columns)
    details = {"removed": _details(diff.b, diff, chosen), "added": _details(diff.a, diff, chosen)}
    return [
        _example(row, left.get(_place(row, "")), right.get(_place(row, "_b")), details.get(row["status"], {}))
        for row in chosen
    ]


def pick(rows: pl.DataFrame, limit: int) -> pl.DataFrame:
    """The first rows, round-robin over reasons and kinds, most frequent first."""
    kinds = pl.concat_str([pl.when(f"is_{kind}").then(pl.lit(f"{kind} ")).otherwise(pl.lit("")) for kind in KINDS])
    named = rows.with_columns(why=pl.concat_str(pl.col("stage", "reason").fill_null(""), kinds, separator=" "))
    return (
        named.with_columns(turn=pl.int_range(pl.len()).over("why"), often=pl.len().over("why"))
        .sort("turn", "often", "why", descending=[False, True, False], maintain_order=True)
        .head(limit)
        .drop("turn", "often", "why")
    )


def _place(row: dict[str, Any], side: str) -> Place:
    return row[f"split{side}"], row[f"place{side}"]


def _places(chosen: Iterable[dict[str, Any]], side: str) -> list[Place]:
    return [_place(row, side) for row in chosen if row[f"row{side}"] is not None]


def read_places(version: Version, places: Iterable[Place], columns: list[str]) -> dict[Place, dict[str, Any]]:
    """The rows at these positions with their texts (and image bytes); reads only the row groups that hold them."""
    found = {}
    for split in sorted({split for split, _ in places}):
        wanted = sorted({place for one, place in places if one == split})
        for place, row in _read_split(version, split, wanted, columns):
            found[split, place] = {"split": split} | _flat(dict.fromkeys(columns) | row)
    return found


def _read_split(
    version: Version, split: str, wanted: list[int], columns: list[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    start = 0
    for path in sorted((version.path / "data").glob(f"{split}-*.parquet")):
        with pq.ParquetFile(path) as file:
            sizes = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
            ends = list(accumulate(sizes, initial=start))
            names = [name for name in columns if name in file.schema_arrow.names]
            inside = [place for place in wanted if start <= place < ends[-1]]
            for number in sorted({bisect_right(ends, place) - 1 for place in inside}):
                group = file.read_row_group(number, names)
                for place in inside:
                    if ends[number] <= place < ends[number + 1]:
                        yield place, group.slice(place - ends[number], 1).to_pylist()[0]
        start = ends[-1]


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """The turns as texts, the images as bytes."""
    turns = {turn: row[turn][0]["content"] if row.get(turn) else None for turn in TURNS}
    images = {"images": [image["bytes"] for image in row["images"] or ()]} if "images" in row else {}
    return row | turns | images


def _details(version: Version, diff: Diff, chosen: list[dict[str, Any]]) -> dict[int, str]:
    """This version's decision details for the questions of the chosen rows."""
    names = dict(diff.matches.select("question", "question_b").iter_rows()) if version is diff.b else {}
    ids = {names.get(row["question"], row["question"]): row["question"] for row in chosen}
    ends = scan(version, "decisions").filter(pl.col("level") == "question", pl.col("decision") == "dropped")
    named = ends.select(hashed("id").alias("question"), "detail").drop_nulls()
    wanted = pl.LazyFrame({"question": list(ids)}, schema={"question": pl.UInt64})
    with reading(version):
        return {ids[own]: detail for own, detail in collect(named.join(wanted, on="question", how="semi")).iter_rows()}


def _example(
    row: dict[str, Any], a: dict[str, Any] | None, b: dict[str, Any] | None, details: dict[int, str]
) -> dict[str, Any]:
    old, new = ((side or {}).get("completion") for side in (a, b))
    return {
        "status": row["status"],
        "kinds": [kind for kind in KINDS if row[f"is_{kind}"]],
        "stage": row["stage"],
        "reason": row["reason"],
        "detail": details.get(row["question"]) if row["stage"] else None,
        "question_id": (a or b or {}).get("question_id"),
        "a": a,
        "b": b,
        "pieces": compare_words(old, new) if old and new and old != new else None,
    }
