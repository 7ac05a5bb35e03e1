"""Locality-sensitive hashing: who may be near whom, without comparing all pairs.

Hashes are cut into bands; those that share a band fall into one bucket. Each is then held against the first of its
bucket and against the one before it, so the work grows with the number of hashes, however full the buckets are: a
hundred thousand equal ones cost no more than as many different ones.
"""

from collections.abc import Callable, Iterator

import numpy as np

Near = Callable[[np.ndarray, np.ndarray], np.ndarray]


def earliest_near(bands: np.ndarray, near: Near) -> np.ndarray:
    """For each row an earlier one that it is near to, directly or through others; itself where there is none.

    bands: one row per hash and one column per band, in any type that sorts. near(rows, others) says, pair by pair,
    which are near indeed; a row for which one was found is not asked about again.
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
    """Where each row comes to by going on from row to earlier row."""
    while not np.array_equal(further := first[first], first):
        first = further
    return first
