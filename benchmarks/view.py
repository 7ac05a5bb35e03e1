"""Speed and memory of what `ovt view` answers, for a version of a million samples of 2 KB.

    python benchmarks/view.py                            # a million samples (2.1 GB of text) in a temporary home
    python benchmarks/view.py --samples 100000 --home /tmp/view

The version is that of whatif.py. Each answer is computed in one process, as in the server, JSON included; the peak
memory is that process's. The rows are read, and the texts unpacked in the background, when the version is first shown.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import measure
from pydantic_core import to_json
from whatif import generate

from ovt.core.home import Home
from ovt.view.answers import View, get

REF = {"version": ["million"]}
Asked = dict[str, tuple[str, dict[str, list[str]]]]
FIRST: Asked = {"first screen (funnel)": ("version", {}), "rows, read for the first time": ("rows", {})}
ASKED: Asked = {
    "rows": ("rows", {}),
    "filter: verdict": ("rows", {"outcome": ["wrong"]}),
    "filter: three at once": ("rows", {"outcome": ["correct"], "source": ["maps", "tables"], "words": ["200..300"]}),
    "pictures: a row per question": ("rows", {"each": ["question"], "outcome": ["wrong"]}),
    "sorted by words": ("rows", {"sort": ["-words"]}),
    "search, many rows": ("rows", {"text": ["but wait, the"]}),
    "search, few rows": ("rows", {"text": ["larger image larger angle"]}),
    "search, no row": ("rows", {"text": ["let me check again"]}),
    "the first search again, filtered": ("rows", {"text": ["but wait, the"], "outcome": ["wrong"]}),
    "stats": ("stats", {}),
}


def answer_all(folder: Path) -> dict[str, tuple[float, float, int]]:
    """Wall and CPU seconds and bytes of each answer; those of a question; and the peak memory in MB."""
    view = View(Home(folder))
    start, cpu = time.perf_counter(), time.process_time()
    told = {name: timed(view, asked, params) for name, (asked, params) in FIRST.items()}
    told["a search right after them"] = timed(view, "rows", {"text": ["smaller image larger angle"]})
    time.sleep(max(0.0, start + 8 - time.perf_counter()))
    told["a search 8 s after the first screen"] = timed(view, "rows", {"text": ["let me look again"]})
    while not view.rows("million").texts.unpacked:
        time.sleep(0.1)
    told["texts unpacked, from the first screen"] = time.perf_counter() - start, time.process_time() - cpu, 0
    told |= {name: timed(view, asked, params) for name, (asked, params) in ASKED.items()}
    first = get(view, "rows", REF)["rows"][0]["question_id"]
    further = {
        "a question": ("question", {"id": [first]}),
        "the next question": ("rows", {"after": [first], "each": ["question"]}),
        "where else it is": ("life", {"id": [first]}),
    }
    told |= {name: timed(view, asked, params) for name, (asked, params) in further.items()}
    return told | {"peak": (0.0, 0.0, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000)}


def timed(view: View, name: str, params: dict[str, Any]) -> tuple[float, float, int]:
    start, cpu = time.perf_counter(), time.process_time()
    size = len(to_json(get(view, name, REF | params)))
    return time.perf_counter() - start, time.process_time() - cpu, size


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of what `ovt view` answers.")
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path, help="where the version is kept for the next run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.home or Path(temporary)
        if not Home(folder).versions.is_dir():
            measure(generate, folder, options.samples)
        told = measure(answer_all, folder).result
        *_, peak = told.pop("peak")
        for name, (seconds, cpu, size) in told.items():
            print(f"{name:<38} {1000 * seconds:8,.0f} ms, CPU {1000 * cpu:8,.0f} ms  {size / 1000:8,.1f} kB")
        print(f"peak memory {peak:,} MB")


if __name__ == "__main__":
    main()
