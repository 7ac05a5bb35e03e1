"""Several tables in one file, as Arrow: the results of a chunk, kept while more are to come.

A zip archive without compression of its own, whose checksums tell a file that a power cut has damaged.
"""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from ovt.core.files import write_file


def write_frames(path: Path, frames: Mapping[str, pl.DataFrame]) -> None:
    """Writes tables by name; the file appears whole."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, frame in frames.items():
            inside = io.BytesIO()
            frame.write_ipc(inside, compression="zstd")
            archive.writestr(name, inside.getvalue())
    write_file(path, out.getvalue(), durable=False)


def read_frames(path: Path) -> dict[str, pl.DataFrame] | None:
    """The tables of a file; None if it is not there, or damaged."""
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: pl.read_ipc(archive.read(name)) for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, pl.exceptions.PolarsError):
        return None
