"""How fast a source is imported, and in how much memory, against reading the same Parquet files with `datasets` and
hashing their images: rows a second by the clock and of CPU (its workers' too), peak memory, and the second import.

    python benchmarks/importing.py [--rows 1000000] [--pictures 100000] [--kilobytes 5]

Each picture has rows / pictures questions, which follow each other in the files, with its bytes in each row, as the
Hub's data sets have them.
"""

import argparse
import hashlib
import io
import random
import resource
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from measuring import Measured, measure
from PIL import Image

from ovt.core.home import Home
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.section import SourceSection

ROWS_A_FILE, ROWS_A_GROUP = 50_000, 100


def picture(number: int, size: int) -> bytes:
    """A PNG of about this many bytes, different for each number."""
    side = max(8, round((size / 3) ** 0.5))
    out = io.BytesIO()
    noise = random.Random(number).randbytes(side * side * 3)
    Image.frombytes("RGB", (side, side), noise).save(out, "PNG", compress_level=0)
    return out.getvalue()


def write(folder: Path, rows: int, pictures: int, size: int) -> None:
    """The Parquet files."""
    schema = pa.schema(
        {
            "question": pa.string(),
            "answer": pa.string(),
            "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        }
    )
    each = max(1, rows // pictures)
    for first in range(0, rows, ROWS_A_FILE):
        with pq.ParquetWriter(folder / f"train-{first // ROWS_A_FILE:05}.parquet", schema) as writer:
            for start in range(first, min(first + ROWS_A_FILE, rows), ROWS_A_GROUP):
                numbers = range(start, min(start + ROWS_A_GROUP, rows))
                shown = {number // each: picture(number // each, size) for number in numbers}
                table = {
                    "question": [f"What is the value of bar {number} in the chart?" for number in numbers],
                    "answer": [str(number % 1_000) for number in numbers],
                    "image": [{"bytes": shown[number // each], "path": None} for number in numbers],
                }
                writer.write_table(pa.Table.from_pydict(table, schema))


def with_datasets(folder: Path) -> tuple[int, float]:
    """The rows that `datasets` prepares and reads, with a sha256 of each image."""
    from datasets import Image as ImageFeature
    from datasets import load_dataset

    files = sorted(str(file) for file in folder.glob("*.parquet"))
    with tempfile.TemporaryDirectory() as cache:
        data = load_dataset("parquet", data_files=files, split="train", cache_dir=cache)
        count = 0
        for row in data.cast_column("image", ImageFeature(decode=False)):
            hashlib.sha256(row["image"]["bytes"])
            count += 1
    return count, 0.0


def with_ovt(folder: Path, home: Path) -> tuple[int, float]:
    """The questions of an import, and the CPU seconds of the processes that check golds."""
    imported = import_sources([SourceSection(path=str(folder))], Home(home))
    from ovt.verifiers.process import pool

    pool._pool.end()  # what an ended process used is only then counted
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return len(imported.questions), used.ru_utime + used.ru_stime


def line(name: str, done: Measured) -> str:
    rows, workers = done.result
    seconds, cpu = max(done.seconds, 1e-9), max(done.cpu + workers, 1e-9)
    return f"{name:<22} {rows / seconds:>9,.0f} {rows / cpu:>9,.0f} {done.peak:>9.2f} {seconds:>9.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--kilobytes", type=float, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "data"
        folder.mkdir()
        write(folder, args.rows, args.pictures, round(args.kilobytes * 1_000))
        print(f"{args.rows:,} rows, {args.pictures:,} pictures of {args.kilobytes:g} kB")
        print(f"{'':<22} {'rows/s':>9} {'rows/CPU-s':>10} {'peak GB':>8} {'seconds':>9}")
        print(line("datasets, and sha256", measure(with_datasets, folder)))
        print(line("ovt, the first time", measure(with_ovt, folder, Path(place) / "home")))
        print(line("ovt, again", measure(with_ovt, folder, Path(place) / "home")))


if __name__ == "__main__":
    main()
