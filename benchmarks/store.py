"""The reply store alone: what it writes in proportion to its size, and how long a reply waits until it is in its file.

    python benchmarks/store.py [--replies 10000000] [--chars 600]

Replies with random keys are put four at a time, as a call of n = 4 does. At every tenfold size: the bytes that this
process made the disk write (/proc/self/io, so the index's own journal is counted) over the size of all files, the CPU
time of a reply, the slowest hundredth of the puts, and how long the store takes to open and to look up 10,000 keys.
"""

import argparse
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ovt.curate.endpoints.chat import Reply
from ovt.curate.endpoints.store import ReplyStore


def key(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def written() -> int:
    """The bytes that this process has sent to the disk, or will have when its pages are written back."""
    io = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(io["write_bytes"])


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def sizes(most: int) -> Iterator[int]:
    """100,000, a million, …, `most`."""
    size = 100_000
    while size < most:
        yield size
        size *= 10
    yield most


def grow(store: ReplyStore, first: int, last: int, text: str) -> tuple[float, float]:
    """(CPU seconds a reply, the slowest hundredth of the puts in seconds) of putting the replies `first` … `last`."""
    reply = Reply(text, "stop", 200, 180, 0.0004, 2.1, "http://127.0.0.1:8000/v1", "m")
    took, used = [], time.process_time()
    for number in range(first, last, 4):
        replies = {key(number + place): reply for place in range(4)}
        began = time.perf_counter()
        store.put_many(replies)
        took.append(time.perf_counter() - began)
    return (time.process_time() - used) / (last - first), sorted(took)[len(took) * 99 // 100]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=int, default=1_000_000)
    parser.add_argument("--chars", type=int, default=600, help="the length of a reply's text")
    options = parser.parse_args()
    titles = ("replies", "GB", "written/size", "CPU µs each", "p99 put ms", "open s", "10k look-ups s")
    print(("{:>15}" * len(titles)).format(*titles))
    with tempfile.TemporaryDirectory(dir=os.environ.get("OVT_BENCH_DIR")) as name:
        folder, first, before = Path(name), 0, written()
        for last in sizes(options.replies):
            with ReplyStore(folder / "replies.sqlite") as store:
                cpu, slowest = grow(store, first, last, "x" * options.chars)
            began = time.perf_counter()
            with ReplyStore(folder / "replies.sqlite") as store:
                opened = time.perf_counter() - began
                step = max(1, last // 10_000)
                found = store.known(map(key, range(0, last, step)))
                looked = time.perf_counter() - began - opened
            if len(found) != len(range(0, last, step)):
                sys.exit(f"{len(found)} replies found")
            size = size_of(folder)
            told = (last, f"{size / 1e9:.2f}", f"{(written() - before) / size:.2f}", f"{cpu * 1e6:.1f}")
            print(("{:>15}" * 7).format(*told, f"{slowest * 1e3:.2f}", f"{opened:.2f}", f"{looked:.2f}"), flush=True)
            first = last


if __name__ == "__main__":
    main()
