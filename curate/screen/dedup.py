"""The stage that drops questions that repeat an earlier one in other bytes or words.

    id                stage  decision  reason          detail
    77aa01f0c2d3e4a5  dedup  dropped   near_duplicate  of 1f0c2d3e4a5b6c7d: image off by 6 of 576 bits, text 1.0 alike

Two questions are twins only if all of this holds: their images look the same, slot by slot; their golds mean the same;
their choices are the same, in any order; and their texts are equal up to case and punctuation, or similar
with the same numbers, labels and negations. The same picture with another question is not a twin, nor is the same
question about another picture, nor with another gold (`lint` reports those). Byte-identical questions
were already left out at import (duplicate_question).

Not all pairs are compared: hashes are cut into bands, and hashes that share a band fall into one bucket. Each is
compared with the first of its bucket and with the one before it, so the work is linear in the number of hashes, however
full the buckets: a hundred thousand equal hashes cost no more than as many different ones.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated

import numpy as np
import polars as pl
from pydantic import Field

from ovt.core.decisions import dropped
from ovt.core.errors import not_installed
from ovt.curate.screen import fingerprints
from ovt.curate.screen.fingerprints import BITS, Looks, Nearness, Pictures
from ovt.curate.sources.cells import squeeze
from ovt.curate.sources.golds import gold_key
from ovt.verifiers.options import gold_index, read_options

PERMUTATIONS = 64  # of a MinHash
ROWS = 4  # of a band: pairs alike by 0.7 share one of the 16 bands in 99 of 100 cases

TWINS = pl.Schema({"question_id": pl.String, "twin_id": pl.String, "bits": pl.Int32, "similarity": pl.Float64})

Near = Callable[[np.ndarray, np.ndarray], np.ndarray]


class DedupSection(Nearness):
    """What counts as a repeat; the first question of each group is kept.

    min_similarity  shared 5-character shingles of the two questions, divided by all of theirs; 1 takes only questions
                    that are equal up to case and punctuation
    """

    min_similarity: Annotated[float, Field(gt=0, le=1)] = 0.8


def run(
    questions: pl.DataFrame, pictures: Pictures, section: DedupSection
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """QUESTIONS -> (those kept, those dropped, decisions on the latter), in order."""
    twins = find_twins(questions, pictures, section)
    again = questions.join(twins, on="question_id", maintain_order="left")
    off = pl.format("image off by {} of {} bits, ", "bits", pl.lit(BITS * BITS))
    looks = pl.when(pl.col("images").list.len() > 0).then(off).otherwise(pl.lit(""))
    detail = pl.format("of {}: {}text {} alike", "twin_id", looks, pl.col("similarity").round(2))
    kept = questions.join(twins, on="question_id", how="anti", maintain_order="left")
    gone = again.select(questions.columns)
    return kept, gone, dropped(again, "question", "dedup", "near_duplicate", detail)


def find_twins(questions: pl.DataFrame, pictures: Pictures, section: DedupSection) -> pl.DataFrame:
    """TWINS: every question of QUESTIONS that repeats an earlier one, in order, with the first one it repeats."""
    leaders = same_looks(pictures.looks, section)
    asked = pl.DataFrame(
        {
            "row": range(len(questions)),
            "key": subjects(questions, pictures, leaders),
            "text": [fingerprints.plain(question) for question in questions["question"]],
        }
    ).with_columns(first=pl.col("row").min().over("key", "text"))
    if section.min_similarity < 1:
        asked = asked.with_columns(leading(asked, questions["question"], section.min_similarity))
    again = asked.filter(pl.col("first") < pl.col("row"))
    return measured(again, questions, pictures, section)


def same_looks(looks: Looks, nearness: Nearness) -> np.ndarray:
    """For each image, the first one that looks the same, directly or transitively."""
    if not len(looks):
        return np.zeros(0, np.int64)
    _, first, place = np.unique(
        np.ascontiguousarray(looks).view(f"V{fingerprints.LOOK_BYTES}").ravel(), return_index=True, return_inverse=True
    )
    order = np.sort(first)  # of the different looks, each by its first image
    rows = looks[order]
    bands = np.ascontiguousarray(rows[:, : fingerprints.SHAPE_BYTES].reshape(len(rows), -1, 3)).view("V3")[..., 0]

    def near(some: np.ndarray, others: np.ndarray) -> np.ndarray:
        return fingerprints.are_near(rows[some], rows[others], nearness)

    found = earliest_near(ranks(bands), near)
    return order[found[np.searchsorted(order, first[place])]]


def ranks(bands: np.ndarray) -> np.ndarray:
    """Bands of any type as numbers: only equal ones are equal."""
    return np.stack([np.unique(band, return_inverse=True)[1] for band in bands.T], axis=1)


def subjects(questions: pl.DataFrame, pictures: Pictures, leaders: np.ndarray) -> list[str]:
    """Each question's content apart from its words: pictures, choices and gold; twins agree in it."""
    columns = questions.select("images", "choices", "gold").iter_rows()
    return [
        repr((*(int(leaders[pictures.row[image]]) for image in images), *meaning(choices, gold)))
        for images, choices, gold in columns
    ]


def meaning(choices: Sequence[str] | None, gold: str) -> tuple[tuple[str, ...], str]:
    """(choices in alphabetical order, the meaning of the gold): independent of the lettering."""
    if not choices:
        return (), gold_key(gold)
    index = gold_index(gold, read_options(tuple(choices)))
    said = [squeeze(choice) for choice in choices]
    return tuple(sorted(said)), squeeze(gold) if index is None else said[index]


def leading(asked: pl.DataFrame, questions: pl.Series, min_similarity: float) -> pl.Series:
    """`first`, but texts that are similar to an earlier one with the same key also get that one's row."""
    crowd = asked.filter(pl.col("first") == pl.col("row")).filter(pl.len().over("key") > 1)
    if crowd.is_empty():
        return asked["first"]
    rows = crowd["row"].to_numpy()
    keys = crowd["key"].rank("dense").to_numpy()
    sets = [fingerprints.shingles(text) for text in crowd["text"]]
    marks = [fingerprints.particulars(questions[int(row)]) for row in rows]
    hashes = minhashes(sets)

    def near(some: np.ndarray, others: np.ndarray) -> np.ndarray:
        likely = (keys[some] == keys[others]) & ((hashes[some] == hashes[others]).mean(1) >= min_similarity - 0.2)
        return np.fromiter(
            (
                sure and marks[a] == marks[b] and fingerprints.similarity(sets[a], sets[b]) >= min_similarity
                for sure, a, b in zip(likely, some, others, strict=True)
            ),
            bool,
            len(some),
        )

    to = np.arange(len(asked))
    to[rows] = rows[earliest_near(bands_of(hashes, keys), near)]
    return pl.Series("first", to[asked["first"].to_numpy()])


def minhashes(sets: Sequence[set[str]]) -> np.ndarray:
    """PERMUTATIONS minimal hashes of each set. Raises OvtError without rensa, an optional dependency."""
    try:
        from rensa import RMinHash  # ty: ignore[missing-module-member] - a compiled module
    except ModuleNotFoundError as error:
        raise not_installed("finding similar texts", error, "similar") from error
    return np.array(RMinHash.digests_from_token_sets([sorted(one) for one in sets], PERMUTATIONS, 0), np.uint32)


def bands_of(hashes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The bands of MinHashes, such that only those with the same key share one."""
    parts = hashes.reshape(len(hashes), -1, ROWS)
    keyed = np.concatenate([parts, np.repeat(keys[:, None, None], parts.shape[1], 1).astype(np.uint32)], axis=2)
    return ranks(np.ascontiguousarray(keyed).view(f"V{4 * (ROWS + 1)}")[..., 0])


def measured(again: pl.DataFrame, questions: pl.DataFrame, pictures: Pictures, section: DedupSection) -> pl.DataFrame:
    """TWINS of the pairs (row, first) that are similar themselves, not only transitively."""
    images, said = questions["images"], [*questions["question"]]
    found = []
    for row, first in again.select("row", "first").iter_rows():
        bits = slot_bits(images[row], images[first], pictures, section)
        alike = text_similarity(said[row], said[first])
        if bits is not None and alike >= section.min_similarity:
            found.append((questions["question_id"][row], questions["question_id"][first], bits, alike))
    return pl.DataFrame(found, TWINS, orient="row")


def text_similarity(first: str, second: str) -> float:
    """The similarity of two questions; 0 if their numbers, labels or negations differ."""
    if fingerprints.plain(first) == fingerprints.plain(second):
        return 1.0
    if fingerprints.particulars(first) != fingerprints.particulars(second):
        return 0.0
    return fingerprints.similarity(
        fingerprints.shingles(fingerprints.plain(first)), fingerprints.shingles(fingerprints.plain(second))
    )


def slot_bits(images: pl.Series, others: pl.Series, pictures: Pictures, nearness: Nearness) -> int | None:
    """The most bits that differ in any slot of two questions; None if an image looks different."""
    if images.equals(others):
        return 0
    pairs = pictures.of(images), pictures.of(others)
    if not fingerprints.are_near(*pairs, nearness).all():
        return None
    return int(fingerprints.distances(*pairs)[0].max())


def earliest_near(bands: np.ndarray, near: Near) -> np.ndarray:
    """For each row, an earlier one that it is near, directly or transitively; itself if there is none.

    bands: one row per hash and one column per band, in any sortable type. near(rows, others) says, pair by pair,
    which really are near; rows with a match are not checked again.
    """
    first = np.arange(len(bands))
    for rows, others in candidates(bands):
        alone = first[rows] == rows
        rows, others = rows[alone], others[alone]
        sure = near(rows, others)
        first[rows[sure]] = others[sure]
    return follow(first)


def candidates(bands: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows, earlier rows that share a band with them), band by band; each pair once per band."""
    for band in bands.T:
        order = np.argsort(band, kind="stable")
        opens = np.r_[True, band[order][1:] != band[order][:-1]]
        starts = order[np.maximum.accumulate(np.where(opens, np.arange(len(order)), 0))]
        rows, leaders, previous = order[~opens], starts[~opens], order[np.flatnonzero(~opens) - 1]
        yield rows, leaders
        apart = previous != leaders
        yield rows[apart], previous[apart]


def follow(first: np.ndarray) -> np.ndarray:
    """The earliest row that each row leads to."""
    while not np.array_equal(further := first[first], first):
        first = further
    return first
