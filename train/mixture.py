"""Several versions as one: `charts:2,geometry:0.5` feeds each row of charts twice in an epoch, and half of geometry's.

A weight counts how often a row is fed, so 1, or none, leaves a version as it is. What a fraction chooses is drawn from
the seed. Rows are held out for evaluation before any is repeated, so none is on both sides.
"""

import hashlib
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ovt.core.errors import RecipeError
from ovt.core.files import find_folder

PART = re.compile(r"(?P<ref>[^,]+?)(?::(?P<weight>[0-9.]+))?", re.ASCII)
MOST = 1000  # a weight above this is a slip


@dataclass(frozen=True)
class Part:
    """A version of a mixture: `asked` as it was given, `ref` in full; its weight, and its number of rows in the dataset
    of all parts, in their order."""

    asked: str
    ref: str
    weight: float
    rows: int


def read_mixture(ref: str) -> list[tuple[str, float]]:
    """The versions that a reference names, each with its weight. RecipeError for one that cannot be read.

    A folder that exists is one version, whatever its name.
    """
    if find_folder(ref):
        return [(ref, 1.0)]
    found = [read_part(part.strip(), ref) for part in ref.split(",")]
    names = [name for name, _ in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise RecipeError(f"{ref} names {twice} twice: give it once, with a weight such as {twice}:2")
    return found


def read_part(part: str, ref: str) -> tuple[str, float]:
    """A version and its weight."""
    if not (match := PART.fullmatch(part)):
        raise RecipeError(f"{ref!r} names no version in {part!r}: write NAME or NAME:WEIGHT, separated by commas")
    if match["weight"] is None:
        return part, 1.0
    try:
        weight = float(match["weight"])
    except ValueError:
        weight = 0.0
    if not 0 < weight <= MOST:
        raise RecipeError(f"the weight of {part!r} is how often a row is fed: give a number above 0, at most {MOST}")
    return match["ref"], weight


def told(parts: Sequence[Part]) -> str:
    """The reference of a mixture, in full: "charts@v1:2,geometry@v3:0.5"; of one version with the weight 1, its own."""
    if len(parts) == 1 and parts[0].weight == 1:
        return parts[0].ref
    return ",".join(f"{part.ref}:{part.weight:g}" for part in parts)


def content_hash(parts: Sequence[Part], hashes: Sequence[str]) -> str:
    """A hash of what a mixture holds; for one version alone, its own."""
    if len(parts) == 1 and parts[0].weight == 1:
        return hashes[0]
    pairs = (f"{one}:{part.weight:g}" for part, one in zip(parts, hashes, strict=True))
    return hashlib.sha256(",".join(pairs).encode()).hexdigest()


def names(ref: str) -> str:
    """The versions' names, for a run: "charts-geometry"."""
    found = [Path(name).name.partition("@")[0] for name, _ in read_mixture(ref)]
    return "-".join(found)[:60]


def repeated(indexes: Sequence[int], parts: Sequence[Part], seed: int) -> list[int]:
    """Indexes into the rows of all parts, in their order, each as often as its part's weight says. RecipeError for a
    weight that leaves none of a part's."""
    fed: list[int] = []
    start = 0
    for part in parts:
        own = [index for index in indexes if start <= index < start + part.rows]
        start += part.rows
        whole, rest = divmod(part.weight, 1)
        more = set(random.Random(f"{seed}-{part.ref}").sample(own, round(rest * len(own))))
        if own and not whole and not more:
            raise RecipeError(
                f"{part.ref}:{part.weight:g} feeds none of its {len(own):,} rows: give it a weight of at least "
                f"{1 / len(own):.2g}"
            )
        fed += [index for index in own for _ in range(int(whole) + (index in more))]
    return fed
