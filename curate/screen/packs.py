"""A hash pack: a benchmark as hashes, so that questions can be compared with it without having it.

A Parquet file with one row per hash; docs/screen.md describes it. It holds no text and no image, and neither can be
recovered from it (someone who already has a text can check whether it is in there).

    item  kind  hash
    0     look  72 bytes of a perceptual hash, 108 of mean colours    one per image of the item
    0     gram  8 bytes                                               one per run of 13 words of question and choices
    1     text  8 bytes                                               the whole of a shorter one

Its metadata says, in the key "ovt-pack", the format's version, the benchmark's name, fingerprint and number of items,
and how the hashes were made; packs made differently are refused.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.errors import OvtError
from ovt.core.files import disk_errors, replacing
from ovt.core.pages import read_chunks
from ovt.core.untrusted import parse_json
from ovt.curate.screen import fingerprints
from ovt.curate.screen.fingerprints import LOOK, LOOK_BYTES, Looks, Pictures

KEY = "ovt-pack"
MOST_HASHES = 50_000_000  # a benchmark of 100,000 items has about a tenth; more take gigabytes of memory
FORMAT = {"version": 1, "look": LOOK, "gram": f"{fingerprints.GRAM} words, blake2b-64"}
HASHES = pl.Schema({"item": pl.Int32, "kind": pl.String, "hash": pl.Binary})


@dataclass(frozen=True)
class Pack:
    """A benchmark, hashed. `items` are counted from 0; `fingerprint` is a sha256 over the hashes."""

    name: str
    fingerprint: str
    items: int
    hashes: pl.DataFrame

    @property
    def looks(self) -> tuple[np.ndarray, Looks]:
        """(item, look) of each image."""
        rows = self.hashes.filter(pl.col("kind") == "look")
        return rows["item"].to_numpy(), np.frombuffer(b"".join(rows["hash"]), np.uint8).reshape(-1, LOOK_BYTES)


def make_pack(name: str, questions: pl.DataFrame, pictures: Pictures) -> Pack:
    """The hashes of QUESTIONS, each an item."""
    rows: list[tuple[int, str, bytes]] = []
    for item, (images, question, choices) in enumerate(questions.select("images", "question", "choices").iter_rows()):
        rows += [(item, "look", look.tobytes()) for look in pictures.looks[[pictures.row[image] for image in images]]]
        rows += [(item, kind, one) for kind, one in text_hashes(question, choices)]
    digest = hashlib.sha256()
    for item, kind, one in rows:
        digest.update(f"{item} {kind} {one.hex()}\n".encode())
    return Pack(name, digest.hexdigest(), len(questions), pl.DataFrame(rows, HASHES, orient="row"))


def text_hashes(question: str, choices: list[str] | None) -> list[tuple[str, bytes]]:
    """(kind, hash): the distinct grams of a question and its choices; the whole text if it has none."""
    said = fingerprints.whole(question, choices)
    found = list(dict.fromkeys(fingerprints.grams(said)))
    return [("gram", one) for one in found] or ([("text", fingerprints.text_hash(said))] if said else [])


def save_pack(pack: Pack, path: Path) -> None:
    """Writes a pack; the same pack gives the same bytes."""
    about = {**FORMAT, "name": pack.name, "fingerprint": pack.fingerprint, "items": pack.items}
    with disk_errors(path), replacing(path) as made:
        pack.hashes.write_parquet(made, metadata={KEY: json.dumps(about, sort_keys=True)}, compression="zstd")


def is_pack(path: Path) -> bool:
    """Whether a file is marked as a pack."""
    return about_pack(path) is not None


def about_pack(path: Path) -> str | None:
    try:
        return pl.read_parquet_metadata(path).get(KEY)
    except (OSError, pl.exceptions.PolarsError):
        return None


def load_pack(path: Path) -> Pack:
    """The pack in a file. Raises OvtError for another format, or differently made hashes."""
    try:
        about = parse_json(about_pack(path) or "")
        made = {key: about[key] for key in FORMAT}
        name, fingerprint, items = str(about["name"]), str(about["fingerprint"]), int(about["items"])
        _refuse_bomb(path)
        hashes = pl.read_parquet(path, glob=False).match_to_schema(HASHES)
    except (
        ValueError,
        KeyError,
        TypeError,
        OSError,
        RecursionError,
        pa.ArrowException,
        pl.exceptions.PolarsError,
    ) as error:
        raise OvtError(f"{path} is not a readable hash pack ({error}): make it again with --save-pack") from None
    if made != FORMAT:
        raise OvtError(f"{path} was made as {made}, this ovt compares {FORMAT}: make it again with --save-pack")
    lengths = pl.when(pl.col("kind") == "look").then(LOOK_BYTES).otherwise(8)
    if any(hashes.null_count().row(0)) or hashes.filter(pl.col("hash").bin.size() != lengths).height:
        raise OvtError(f"{path} holds hashes of the wrong length for its format: make it again with --save-pack")
    return Pack(name, fingerprint, items, hashes)


def _refuse_bomb(path: Path) -> None:
    """Raises OvtError for a file that would unpack to far more than any benchmark has: packs are shared."""
    with pq.ParquetFile(path) as file:
        metadata = file.metadata
    if metadata.num_rows > MOST_HASHES:
        raise OvtError(f"{path} claims to have {metadata.num_rows:,} hashes, at most {MOST_HASHES:,}: is it a pack?")
    for group in range(metadata.num_row_groups):
        read_chunks(path, metadata, file.schema_arrow.names, group)
