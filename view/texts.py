"""The responses of a shelf: searched on disk as they are, or unpacked.

Searching the texts of a large version takes a fifth of the time that unpacking them takes. They are therefore written
out once, while it is being looked at: in order, into a file without a name, which goes when the server does.
"""

import os
import shutil
import tempfile
import threading
import time
import weakref
from bisect import bisect_right
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import polars as pl
import pyarrow as pa

from ovt.curate.versions.read import rows_at
from ovt.view.shelf import Shelf

FEW = 20_000  # texts that are searched quickly enough as they are
UNPACKED = 16_384  # texts at a time: a row group of a version
TOGETHER = 1_024  # texts in a block
SPARE = 5 << 30  # bytes of the disk that stay free


@dataclass(frozen=True)
class Blocks:
    """Texts in a file, in blocks: the number of its first text, where it begins, and its bytes."""

    file: IO[bytes]
    places: list[tuple[int, int, int]] = field(default_factory=list)

    def append(self, texts: pl.Series, first: int) -> None:
        start = self.file.tell()
        self.file.write(pa.record_batch([texts.to_arrow(compat_level=pl.CompatLevel.oldest())], ["text"]).serialize())
        self.places.append((first, start, self.file.tell() - start))

    def read(self, number: int) -> pl.Series:
        _, start, size = self.places[number]
        held = pa.py_buffer(os.pread(self.file.fileno(), size, start))
        batch = pa.ipc.read_record_batch(held, pa.schema([("text", pa.large_string())]))
        return pl.Series("text", pl.from_arrow(batch.column(0)))

    def each(self, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
        """What `work` makes of all texts, on all cores."""
        with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
            return pl.concat(pool.map(lambda number: work(self.read(number)), range(len(self.places))))

    def at(self, places: pl.Series) -> pl.Series:
        """The texts at these places, which rise."""
        starts = [first for first, _, _ in self.places]
        blocks = places.to_frame("place").with_columns(
            block=pl.Series([bisect_right(starts, one) - 1 for one in places])
        )
        found = [pl.Series("text", [], pl.String)]
        for (number,), part in blocks.group_by("block", maintain_order=True):
            found.append(self.read(number).gather(part["place"] - starts[number]))
        return pl.concat(found)


class Texts:
    """The texts of a shelf's samples, in order."""

    def __init__(self, shelf: Shelf) -> None:
        self._samples = shelf.scan("samples").select("text")
        self._reading = shelf.reading
        self._blocks: Blocks | None = None  # once all of them are there
        self._begun = threading.Lock()

    @property
    def unpacked(self) -> bool:
        return self._blocks is not None

    def holding(self, pattern: str) -> pl.Series:
        """Which texts match a regular expression."""
        if self._blocks:
            return self._blocks.each(lambda texts: texts.str.contains(pattern).fill_null(False))
        with self._reading():
            found = self._samples.select(pl.col("text").str.contains(pattern).fill_null(False))
            return found.collect(engine="streaming").to_series()

    def at(self, places: pl.Series) -> pl.Series:
        """The texts at these places, which rise."""
        if self._blocks:
            return self._blocks.at(places)
        with self._reading():
            return rows_at(self._samples, places)["text"]

    def begin(self, folder: Path) -> None:
        """Unpacks them in the background, if there are many; once."""
        if self._begun.acquire(blocking=False):
            threading.Thread(target=self.unpack, args=(folder,), daemon=True).start()

    def unpack(self, folder: Path, few: int = FEW) -> None:
        """Writes more than a few into a file in `folder`. Without the room or the right to, they stay as they are."""
        try:
            if self._samples.select(pl.len()).collect().item() <= few:
                return
            blocks = Blocks(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115  (open for as long as `self` is there)
            weakref.finalize(self, blocks.file.close)
            if self._write(blocks, folder):
                blocks.file.flush()
                self._blocks = blocks
        except (OSError, pl.exceptions.PolarsError):
            return

    def _write(self, blocks: Blocks, folder: Path) -> bool:
        """Whether there was room for all of them."""
        first, began = 0, time.perf_counter()
        while len(part := self._samples.slice(first, UNPACKED).collect()):
            if shutil.disk_usage(folder).free < SPARE:
                return False
            for start in range(0, len(part), TOGETHER):
                blocks.append(part["text"].slice(start, TOGETHER), first + start)
            first += len(part)
            time.sleep(time.perf_counter() - began)  # half of the time is for answers that others wait for
            began = time.perf_counter()
        return True
