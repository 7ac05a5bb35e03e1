"""The responses of a shelf, which stay on disk: as they are, or unpacked.

Most of the time of a search goes into unpacking the texts. Those of a large version are therefore written out once, in
order, while it is being viewed: into an unnamed file that disappears with the server. A search meanwhile uses what is
already there, and takes most of the cores' time.
"""

import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import polars as pl
import pyarrow as pa

from ovt.core.errors import OvtError
from ovt.view.shelf import Shelf

FEW = 20_000  # texts that are searched quickly enough as they are
PART = 16_384  # texts that are unpacked together: a row group of a version
BLOCK = 1_024  # texts that are read together
SPARE = 5 << 30  # bytes of the disk that stay free
PATIENCE_S = 0.5  # a part waits this long for searches at most: however many come, the rest gets unpacked
SCHEMA = pa.schema([("text", pa.large_string())])


class Unpacked:
    """Texts in an unnamed file, in Arrow record batches of BLOCK; the last may have fewer. OSError for a folder that
    cannot be written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  (open for as long as `self` exists)
        weakref.finalize(self, self._file.close).atexit = False  # a thread may still write
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._file, "w"), SCHEMA)
        self._writer.write_batch(pa.RecordBatch.from_pylist([], SCHEMA))  # along with the header before the first one
        self._places: list[tuple[int, int]] = []  # where each block begins, and its bytes
        self.count = 0  # texts

    def append(self, texts: pl.Series) -> bool:
        """Whether there was room for them. OSError if the disk fills up; then none of them is added."""
        if shutil.disk_usage(self._folder).free < SPARE:
            return False
        batch = pa.record_batch([texts.to_arrow(compat_level=pl.CompatLevel.oldest())], SCHEMA)
        places = [self._write(batch.slice(start, BLOCK)) for start in range(0, len(texts), BLOCK)]
        self._file.flush()
        self._places.extend(places)
        self.count += len(texts)
        return True

    def _write(self, block: pa.RecordBatch) -> tuple[int, int]:
        start = self._file.tell()
        self._writer.write_batch(block)
        return start, self._file.tell() - start

    def block(self, number: int) -> pl.Series:
        start, size = self._places[number]
        held = pa.py_buffer(os.pread(self._file.fileno(), size, start))
        return pl.Series(pl.from_arrow(pa.ipc.read_record_batch(held, SCHEMA).column(0)))


class Texts:
    """The texts of a shelf's samples, in order."""

    def __init__(self, shelf: Shelf) -> None:
        self._samples = shelf.scan("samples").select("text")
        self._reading = shelf.reading
        self._unpacked: Unpacked | None = None  # of a large version: its first texts, or all
        self._begun = threading.Lock()
        self._searches = 0  # under way
        self._searched = threading.Condition()

    @property
    def unpacked(self) -> bool:
        """Whether all of them are unpacked."""
        return self._unpacked is not None and self._unpacked.count == self._count()

    def holding(self, pattern: str) -> pl.Series:
        """Which texts match a regular expression."""
        ready = self._unpacked.count if self._unpacked else 0
        rest = self._samples.slice(ready).select(pl.col("text").str.contains(pattern))
        with self._searching(), self._reading(), ThreadPoolExecutor(pl.thread_pool_size()) as cores:
            blocks = range(-(-ready // BLOCK))
            found = [*cores.map(lambda number: self._block(number).str.contains(pattern), blocks)]
            if ready < self._count():
                found.append(rest.collect(engine="streaming").to_series())
        return pl.concat([pl.Series([], dtype=pl.Boolean), *found]).fill_null(False)

    def at(self, places: pl.Series) -> pl.Series:
        """The texts at these places, which are in ascending order."""
        blocks = places.to_frame("place").with_columns(block=pl.col("place") // BLOCK)
        found = [pl.Series([], dtype=pl.String)]
        for (number,), wanted in blocks.group_by("block", maintain_order=True):
            found.append(self._block(number).gather(wanted["place"] - number * BLOCK))
        return pl.concat(found)

    def begin(self, folder: Path) -> None:
        """Unpacks them in the background, if there are many; once."""
        if self._begun.acquire(blocking=False):
            threading.Thread(target=self.unpack, args=(folder,), daemon=True).start()

    def unpack(self, folder: Path, few: int = FEW) -> None:
        """Writes them, if more than a few, into a file in `folder`. Without room or permission, the rest stays."""
        with suppress(OSError, OvtError, pl.exceptions.PolarsError):  # reported to whoever reads them
            if self._count() <= few:
                return
            self._unpacked = Unpacked(folder)
            for first in range(0, self._count(), PART):
                with self._searched:
                    self._searched.wait_for(lambda: not self._searches, PATIENCE_S)
                if not self._unpacked.append(self._slice(first, PART)):
                    return

    def _count(self) -> int:
        return self._samples.select(pl.len()).collect().item()

    def _block(self, number: int) -> pl.Series:
        if self._unpacked and number * BLOCK < self._unpacked.count:
            return self._unpacked.block(number)
        return self._slice(number * BLOCK, BLOCK)

    def _slice(self, first: int, count: int) -> pl.Series:
        with self._reading():
            return self._samples.slice(first, count).collect()["text"]

    @contextmanager
    def _searching(self) -> Generator[None]:
        """Less is unpacked meanwhile."""
        with self._searched:
            self._searches += 1
        try:
            yield
        finally:
            with self._searched:
                self._searches -= 1
                self._searched.notify()
