"""What makes images and texts alike. An image's fingerprint of 180 bytes is stable under scaling and recompression,
and different for different drawings:

    72 bytes   the perceptual hash of ImageHash (phash): 24 × 24 bits of the image's coarse shapes, without colour
    108 bytes  the mean colours of 6 × 6 tiles, RGB

The usual 64-bit grey hash confuses drawings: of 400 tables of numbers it cannot tell many apart,
nor a red circle from a blue one. docs/screen.md has the measurements.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Annotated, Any

import numpy as np
import polars as pl
from PIL import Image
from pydantic import Field

from ovt.core.engine import Engine, Threads, map_chunks
from ovt.core.errors import not_installed
from ovt.core.home import Home
from ovt.core.section import Section
from ovt.curate.sources.images import decoded, image_bytes, image_path

BITS = 24  # per side
SHAPE_BYTES = BITS * BITS // 8
FIELDS = 6  # per side
LOOK_BYTES = SHAPE_BYTES + FIELDS * FIELDS * 3
SOME = 32  # images that are processed together
LOOK = "phash 24x24, highfreq 2; mean RGB 6x6"  # how a pack says its images were hashed

Looks = np.ndarray  # uint8, one row of LOOK_BYTES per image
Stored = tuple[str, bytes]  # where an image is, for errors, and its bytes


class Nearness(Section):
    """When two images look the same.

    max_bits    how many of the perceptual hash's 576 bits may differ
    max_colour  largest difference of a tile's mean colour, of 255
    """

    max_bits: Annotated[int, Field(ge=0, le=48)] = 24  # the index is sure to find pairs up to 48
    max_colour: Annotated[int, Field(ge=0, le=255)] = 16


@dataclass(frozen=True)
class Pictures:
    """The images of a table of questions: `looks` has one row per image, `row` maps image ids to rows."""

    row: Mapping[str, int]
    looks: Looks

    def of(self, images: Iterable[str]) -> Looks:
        """The looks of some images, in order."""
        return np.stack([self.looks[self.row[image]] for image in images])


def look(image: Image.Image) -> bytes:
    """LOOK_BYTES bytes for an image of any size and mode."""
    rgb = image.convert("RGB")
    shape = phash()(rgb, hash_size=BITS, highfreq_factor=2).hash
    return np.packbits(shape).tobytes() + rgb.resize((FIELDS, FIELDS), Image.Resampling.BOX).tobytes()


@cache
def phash() -> Callable[..., Any]:
    """ImageHash's `phash`; optional, since it needs SciPy and PyWavelets. Raises OvtError without it."""
    try:
        from imagehash import phash
    except ModuleNotFoundError as error:
        raise not_installed("comparing images", error, "similar") from error
    return phash


def looks_of(stored: Iterable[Stored], engine: Engine | None = None) -> Looks:
    """The looks of stored images, one row each, worked out by `engine` (None: threads; Pillow releases Python's lock).
    OvtError for a broken one, and as `phash`."""
    images = iter(stored)
    chunks = iter(lambda: list(islice(images, SOME)), [])
    with Threads() if engine is None else nullcontext(engine) as place:
        found = b"".join(looks for _, looks in map_chunks(place, looks_in, chunks))
    return np.frombuffer(found, np.uint8).reshape(-1, LOOK_BYTES)


def looks_in(chunk: Sequence[Stored]) -> bytes:
    """The looks of a chunk of images, one after the other."""
    return b"".join(look(decoded(content, place)) for place, content in chunk)


def distances(first: Looks, second: Looks) -> tuple[np.ndarray, np.ndarray]:
    """(bits that differ, largest difference of a colour), row by row; shapes as numpy broadcasts them."""
    bits = np.bitwise_count(_words(first) ^ _words(second)).sum(-1, dtype=np.int32)
    a, b = first[..., SHAPE_BYTES:], second[..., SHAPE_BYTES:]
    return bits, (np.maximum(a, b) - np.minimum(a, b)).max(-1).astype(np.int32)


def are_near(first: Looks, second: Looks, nearness: Nearness) -> np.ndarray:
    """Whether they look the same, row by row."""
    bits, colours = distances(first, second)
    return (bits <= nearness.max_bits) & (colours <= nearness.max_colour)


def nearest(looks: Looks, known: Looks, nearness: Nearness) -> tuple[np.ndarray, np.ndarray]:
    """(row of the nearest of `known` that looks the same, or -1; bits that differ), for each row of `looks`.

    Every pair is compared, in blocks: exact, at about a nanosecond per pair and word of the hash.
    """
    rows, bits = np.full(len(looks), -1), np.zeros(len(looks), np.int32)
    words = np.ascontiguousarray(_words(known))
    for at in range(len(looks)) if len(known) else ():
        differ = np.bitwise_count(words ^ _words(looks[at])).sum(-1, dtype=np.int32)
        close = np.flatnonzero(differ <= nearness.max_bits)
        close = close[are_near(known[close], looks[at], nearness)]
        if len(close):
            rows[at] = close[np.argmin(differ[close])]
            bits[at] = differ[rows[at]]
    return rows, bits


def _words(looks: Looks) -> np.ndarray:
    return np.ascontiguousarray(looks[..., :SHAPE_BYTES]).view(np.uint64)


def pictures_in(questions: pl.DataFrame, home: Home, engine: Engine | None = None) -> Pictures:
    """All images of QUESTIONS, in order; engine: as in `looks_of`."""
    ids = questions["images"].explode().drop_nulls().unique(maintain_order=True).to_list()
    stored = ((str(image_path(home, image_id)), image_bytes(home, image_id)) for image_id in ids)
    return Pictures({image_id: row for row, image_id in enumerate(ids)}, looks_of(stored, engine))


# Texts: words, shingles, particulars, n-grams.
#
#     "How many bars are higher than 4?"  ->  plain "how many bars are higher than 4"

GRAM = 13  # words; GPT-3's decontamination used this length, and most later work
SHINGLE = 5  # characters

_TAG = re.compile(r"<image(?: ?\d{1,3})?>")
_APART = re.compile(r"[^\w+*/=<>%^°√π∠.,:-]+|(?<!\d)[.,:]|[.,:](?!\d)|(?<!\w)_+|(?<!_)_+(?!\w)")
_LONE_DASH = re.compile(r"-+(?!\w)")  # applied last: what followed a dash may be gone
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_LABEL = re.compile(r"\b[A-Z]{1,4}\d?\b")
_DENIAL = re.compile(r"\b(?:not|no|never|none|neither|nor|without|except|cannot)\b|n't\b")


def plain(text: str) -> str:
    """A text without case, `<image>` tags, punctuation and extra white space; signs and numbers stay."""
    text = unicodedata.normalize("NFKC", _TAG.sub(" ", text)).casefold()
    return " ".join(_LONE_DASH.sub(" ", _APART.sub(" ", text)).split())


def whole(question: str, choices: Sequence[str] | None) -> str:
    """A question with its choices as plain text: the key for recognising a benchmark item."""
    return plain(" ".join([question, *(choices or ())]))


def particulars(text: str) -> tuple[list[str], list[str], list[str]]:
    """(numbers, labels such as "AB", negations) of a text, sorted: if they differ, the questions differ."""
    return sorted(_NUMBER.findall(text)), sorted(_LABEL.findall(text)), sorted(_DENIAL.findall(text.casefold()))


def shingles(text: str) -> set[str]:
    """The runs of SHINGLE characters in a plain text; a shorter text is a single shingle."""
    return {text[at : at + SHINGLE] for at in range(max(1, len(text) - SHINGLE + 1))}


def similarity(first: set[str], second: set[str]) -> float:
    """Jaccard: shared shingles by all shingles, from 0 to 1."""
    return len(first & second) / (len(first | second) or 1)


def grams(text: str) -> Iterator[bytes]:
    """Hashes of the runs of GRAM words in a plain text; empty if it is shorter."""
    words = text.split()
    for at in range(len(words) - GRAM + 1):
        yield text_hash(" ".join(words[at : at + GRAM]))


def text_hash(text: str) -> bytes:
    """An eight-byte hash of a text, the same on every machine (BLAKE2b)."""
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
