"""Questions that ask the same about the same picture: the twins of a table.

    question_id       twin_id           bits  similarity
    77aa01f0c2d3e4a5  1f0c2d3e4a5b6c7d  6     1.0         the same picture, recompressed
    90b1c2d3e4f5a6b7  1f0c2d3e4a5b6c7d  0     0.91        "Please tell me: how many …"

Two questions are twins only if all of this holds: their images look the same, slot by slot; their golds mean the same;
their choices are the same, in any order; and their texts are equal but for case and punctuation, or near each other
with the same numbers, labels and denials. The same picture with another question is no twin, nor is the same question
about another picture, nor the same question with another gold (`lint` tells of those).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from ovt.curate.screen import image_hashes as look
from ovt.curate.screen import texts
from ovt.curate.screen.image_hashes import Looks, Nearness
from ovt.curate.screen.lsh import earliest_near
from ovt.curate.sources.texts import squeeze
from ovt.verifiers.kinds.choice import gold_index, read_options

PERMUTATIONS = 64  # of a MinHash
ROWS = 4  # of a band: pairs alike by 0.7 share one of the 16 bands in 99 of 100 cases

TWINS = pl.Schema({"question_id": pl.String, "twin_id": pl.String, "bits": pl.Int32, "similarity": pl.Float64})


def find_twins(
    questions: pl.DataFrame, looks: Mapping[str, int], table: Looks, nearness: Nearness, min_similarity: float
) -> pl.DataFrame:
    """TWINS: every question that repeats an earlier one, in order, with the first that it repeats.

    questions: QUESTIONS. looks: the row of each image in `table`. min_similarity: of the texts' shingles, from 0 to 1;
    1 takes only texts that are equal but for case and punctuation.
    """
    leaders = same_looks(table, nearness)
    asked = pl.DataFrame(
        {
            "row": range(len(questions)),
            "key": subjects(questions, looks, leaders),
            "text": [texts.plain(question) for question in questions["question"]],
        }
    ).with_columns(first=pl.col("row").min().over("key", "text"))
    if min_similarity < 1:
        asked = asked.with_columns(leading(asked, questions["question"], min_similarity))
    again = asked.filter(pl.col("first") < pl.col("row"))
    return measured(again, questions, looks, table, nearness, min_similarity)


def same_looks(table: Looks, nearness: Nearness) -> np.ndarray:
    """For each image the first one that looks the same, directly or through others."""
    if not len(table):
        return np.zeros(0, np.int64)
    _, first, place = np.unique(
        np.ascontiguousarray(table).view(f"V{look.LOOK_BYTES}").ravel(), return_index=True, return_inverse=True
    )
    order = np.sort(first)  # of the different looks, each by its first image
    rows = table[order]
    bands = np.ascontiguousarray(rows[:, : look.SHAPE_BYTES].reshape(len(rows), -1, 3)).view("V3")[..., 0]

    def near(some: np.ndarray, others: np.ndarray) -> np.ndarray:
        return look.are_near(rows[some], rows[others], nearness)

    found = earliest_near(ranks(bands), near)
    return order[found[np.searchsorted(order, first[place])]]


def ranks(bands: np.ndarray) -> np.ndarray:
    """Bands of any type as numbers: equal ones alone are equal."""
    return np.stack([np.unique(band, return_inverse=True)[1] for band in bands.T], axis=1)


def subjects(questions: pl.DataFrame, looks: Mapping[str, int], leaders: np.ndarray) -> list[str]:
    """What each question is about, apart from its words: pictures, choices and gold; twins agree in it."""
    columns = questions.select("images", "choices", "gold").iter_rows()
    return [
        repr((*(int(leaders[looks[image]]) for image in images), *meaning(choices, gold)))
        for images, choices, gold in columns
    ]


def meaning(choices: Sequence[str] | None, gold: str) -> tuple[tuple[str, ...], str]:
    """(choices in the order of the alphabet, what the gold says): the same however they are lettered."""
    if not choices:
        return (), number_or(squeeze(gold))
    index = gold_index(gold, read_options(tuple(choices)))
    said = [squeeze(choice) for choice in choices]
    return tuple(sorted(said)), squeeze(gold) if index is None else said[index]


def number_or(text: str) -> str:
    """3, 3.0 and 03 as one; any other text as it is."""
    try:
        return repr(float(text)) if len(text) < 40 else text
    except ValueError:
        return text


def leading(asked: pl.DataFrame, questions: pl.Series, min_similarity: float) -> pl.Series:
    """`first`, where also a text that is only near an earlier one of its key comes to that one's row."""
    crowd = asked.filter(pl.col("first") == pl.col("row")).filter(pl.len().over("key") > 1)
    if crowd.is_empty():
        return asked["first"]
    rows = crowd["row"].to_numpy()
    keys = crowd["key"].rank("dense").to_numpy()
    sets = [texts.shingles(text) for text in crowd["text"]]
    marks = [texts.particulars(questions[int(row)]) for row in rows]
    hashes = minhashes(sets)

    def near(some: np.ndarray, others: np.ndarray) -> np.ndarray:
        likely = (keys[some] == keys[others]) & ((hashes[some] == hashes[others]).mean(1) >= min_similarity - 0.2)
        return np.fromiter(
            (
                sure and marks[a] == marks[b] and texts.similarity(sets[a], sets[b]) >= min_similarity
                for sure, a, b in zip(likely, some, others, strict=True)
            ),
            bool,
            len(some),
        )

    to = np.arange(len(asked))
    to[rows] = rows[earliest_near(bands_of(hashes, keys), near)]
    return pl.Series("first", to[asked["first"].to_numpy()])


def minhashes(sets: Sequence[set[str]]) -> np.ndarray:
    """PERMUTATIONS minimal hashes of each set."""
    from rensa import RMinHash  # ty: ignore[missing-module-member] - a compiled module

    return np.array(RMinHash.digests_from_token_sets([sorted(one) for one in sets], PERMUTATIONS, 0), np.uint32)


def bands_of(hashes: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """The bands of MinHashes, such that only those with the same key share one."""
    parts = hashes.reshape(len(hashes), -1, ROWS)
    keyed = np.concatenate([parts, np.repeat(keys[:, None, None], parts.shape[1], 1).astype(np.uint32)], axis=2)
    return ranks(np.ascontiguousarray(keyed).view(f"V{4 * (ROWS + 1)}")[..., 0])


def measured(
    again: pl.DataFrame,
    questions: pl.DataFrame,
    looks: Mapping[str, int],
    table: Looks,
    nearness: Nearness,
    min_similarity: float,
) -> pl.DataFrame:
    """TWINS of the pairs (row, first) that are near themselves, and not only through others."""
    images, said = questions["images"], [*questions["question"]]
    found = []
    for row, first in again.select("row", "first").iter_rows():
        bits = slot_bits(images[row], images[first], looks, table, nearness)
        alike = text_similarity(said[row], said[first])
        if bits is not None and alike >= min_similarity:
            found.append((questions["question_id"][row], questions["question_id"][first], bits, alike))
    return pl.DataFrame(found, TWINS, orient="row")


def text_similarity(first: str, second: str) -> float:
    """How alike two questions are; 0 where their numbers, labels or denials differ."""
    if texts.plain(first) == texts.plain(second):
        return 1.0
    if texts.particulars(first) != texts.particulars(second):
        return 0.0
    return texts.similarity(texts.shingles(texts.plain(first)), texts.shingles(texts.plain(second)))


def slot_bits(
    images: pl.Series, others: pl.Series, looks: Mapping[str, int], table: Looks, nearness: Nearness
) -> int | None:
    """The most bits that differ in any slot of two questions; None where an image looks different."""
    if images.equals(others):
        return 0
    pairs = [np.stack([table[looks[image]] for image in slots]) for slots in (images, others)]
    if not look.are_near(*pairs, nearness).all():
        return None
    return int(look.distances(*pairs)[0].max())
