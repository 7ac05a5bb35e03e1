"""Time and memory of deciding and writing many samples: here, and on Ray with one and two workers.

    python benchmarks/scale.py                                         # 100,000 and 1,000,000 samples of 2 KB
    python benchmarks/scale.py --samples 10000000 --engines ray:2      # 20 GB of text, tiled; 15 GB of disk
    python benchmarks/scale.py --samples 10000000 --decide-once        # the same in a quarter of the time

A chunk of 2,000 questions with four samples each is tiled under other ids, and goes the way of a build's second half:
verify → select → filter → rows → version, as `curate/build.py` writes it, with what was decided kept for a resume. Each
measurement is a process of its own; a worker reports its peak memory with each chunk. CPU is given for all processes,
and for the one that reads and writes. `--decide-once`: every chunk gets the first one's result and is not decided, so
that what is left is the work that grows with a version. With each tenth, the memory of the process at that moment.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from measuring import peak_of
from PIL import Image
from tables import response, sentence

from ovt.core.engine import HERE, map_chunks
from ovt.core.home import Home
from ovt.core.schema import QUESTIONS, SAMPLES
from ovt.curate.decide import CHUNK, Tables, deciding
from ovt.curate.on_ray import OnRay
from ovt.curate.parts import Frames, Part, Results, decide_part, marked
from ovt.curate.recipe import Recipe
from ovt.curate.sources.images import store_image
from ovt.curate.versions.manifest import Provenance
from ovt.curate.versions.write import VersionWriter

K = 4
RECIPE = {
    "name": "tiled",
    "sources": [{"path": "pocket:figures"}],
    "endpoints": {"server": {"base_url": "http://127.0.0.1:9/v1", "model": "tiled"}},
    "reason": {"endpoint": "server", "k": K, "see": "image"},
}


def first_part(home: Home) -> Part:
    """A chunk of questions, of whose samples every second one is right."""
    import random

    image = store_image(home, Image.new("RGB", (56, 56), (200, 30, 90)), 10**6)
    rng = random.Random(0)
    questions, samples = [], []
    for number in range(CHUNK):
        question_id, gold = f"{number:016x}", str(number)
        questions.append((question_id, [image], f"How many are in figure {number}?", gold, None, "tiled", str(number)))
        for index in range(K):
            said = number + index % 2
            text = response([sentence(rng) for _ in range(rng.randint(12, 38))], said)
            told = (text, "stop", 400, 500, 0.001, "tiled", "server", None, f"{number:08x}{index:056x}")
            samples.append((f"{question_id}-reason-{index}", question_id, "reason", index, *told))
    return Part(pl.DataFrame(questions, QUESTIONS, orient="row"), pl.DataFrame(samples, SAMPLES, orient="row"))


def tiled(part: Part, samples: int) -> Iterator[Part]:
    """The part again and again, under ids of its own each time."""
    for number in range(-(-samples // len(part.samples))):
        own = pl.lit(f"{number:08x}") + pl.col("question_id").str.slice(8)
        said = part.samples.with_columns(own.alias("question_id")).with_columns(
            sample_id=pl.format("{}-{}-{}", "question_id", "stage", "index")
        )
        yield marked(Part(part.questions.with_columns(own.alias("question_id")), said))


def measured(work: Callable[[Recipe, Part], Frames], recipe: Recipe, part: Part) -> Frames:
    """What `work` makes of a part, and what its process has needed so far."""
    made = work(recipe, part)
    return made | {"worker": pl.DataFrame({"pid": [os.getpid()], "peak": [peak_of(resource.RUSAGE_SELF)]})}


def like_the_first(first: Frames, recipe: Recipe, part: Part) -> Frames:
    """The result of the first part, under this one's ids."""
    own = pl.lit(part.questions["question_id"][0][:8])
    ids = ("id", "question_id", "sample_id")
    return {
        name: table.with_columns((own + pl.col(each).str.slice(8)).alias(each) for each in table.columns if each in ids)
        for name, table in first.items()
    }


def run(engine: str, samples: int, folder: Path, once: bool) -> dict[str, Any]:
    """Decides and writes this many samples; seconds, and the peak memory of this process and of its workers in GB."""
    home, recipe = Home(folder), Recipe.model_validate(RECIPE)
    cores = engine.partition(":")[2]
    workers: dict[int, float] = {}
    resident: list[float] = []
    late = 0  # verdicts that a machine too busy did not come to: they change the version
    with OnRay(cores=int(cores)) if cores else nullcontext(HERE) as place:
        part = first_part(home)
        work = partial(measured, decide_part, deciding(recipe))
        ((_, first),) = map_chunks(place, work, tiled(part, 1))  # imports what is needed
        del first["worker"]
        if once:
            work = partial(measured, partial(like_the_first, first), deciding(recipe))
        began, used, own = time.perf_counter(), cpu_of_all(), time.process_time()
        with VersionWriter(home, recipe.name, key="tiled") as writer:
            memory = Results(writer.decided, "decided")
            for number, (one, made) in enumerate(map_chunks(place, work, tiled(part, samples), memory)):
                pid, peak = made.pop("worker").row(0)
                workers[pid] = max(workers.get(pid, 0.0), peak)
                late += int(made["verdicts"]["reason"].is_in(["timeout", "worker_lost"]).sum())
                writer.append(one.mark, **vars(Tables(one.questions, one.samples, **made)))
                if number * 10 * len(part.samples) // samples >= len(resident):
                    resident.append(round(memory_now(), 2))
            decided = time.perf_counter() - began
            version = writer.finish(provenance(recipe))
        took = time.perf_counter() - began
        used, own = cpu_of_all() - used, time.process_time() - own
    workers.pop(os.getpid(), None)
    return {
        "engine": engine,
        "samples": version.manifest.rows["samples"],
        "seconds": took,
        "of them at the end": took - decided,
        "cpu": used,
        "own cpu": own,
        "driver": peak_of(resource.RUSAGE_SELF),
        "resident": resident,
        "workers": max(workers.values(), default=0.0),
        "bytes": sum(entry.size for entry in version.manifest.files.values()),
        "late": late,
        "hash": version.manifest.content_hash[:12],
    }


def memory_now() -> float:
    """The memory of this process, in GB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e9


def cpu_of_all() -> float:
    """The CPU seconds of this process and of all that it has started, directly or not."""
    stats = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            stats[int(stat.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    total, family = 0, {os.getpid()}
    while family:
        total += sum(stats[pid][1] for pid in family if pid in stats)
        family = {pid for pid, (parent, _) in stats.items() if parent in family}
    return total / os.sysconf("SC_CLK_TCK")


def provenance(recipe: Recipe) -> Provenance:
    fields = {"recipe": recipe.model_dump(mode="json"), "inputs": (), "models": (), "rebuild": "benchmarks/scale.py"}
    return Provenance.model_validate(fields | {"ovt_version": "0", "verifier_version": "0"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--engines", nargs="+", default=["here", "ray:1", "ray:2"])
    parser.add_argument("--folder", type=Path, help="where the versions are written, and removed")
    parser.add_argument("--decide-once", action="store_true", help="give every chunk the first one's result")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(options.engines[0], options.samples[0], options.folder, options.decide_once)))
        return
    for samples in options.samples:
        for engine in options.engines:
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                command = [sys.executable, __file__, "--one", "--samples", str(samples), "--engines", engine]
                command += ["--decide-once"] * options.decide_once
                done = subprocess.run([*command, "--folder", folder], stdout=subprocess.PIPE, text=True, check=True)
            print(line(json.loads(done.stdout)), flush=True)


def line(told: dict[str, Any]) -> str:
    each, own = (1e6 * told[name] / told["samples"] for name in ("cpu", "own cpu"))
    return (
        f"{told['engine']:<6} {told['samples']:>11,} samples {told['seconds']:8.1f} s "
        f"({told['samples'] / told['seconds']:,.0f}/s, {told['of them at the end']:.1f} s of it at the end), "
        f"CPU {each:.0f} µs each, {own:.0f} of them here, peak: driver {told['driver']:.2f} GB "
        f"({' '.join(map(str, told['resident']))}), worker {told['workers']:.2f} GB; "
        f"{told['bytes'] / 1e9:.2f} GB, {told['hash']}, {told['late']} verdicts too late"
    )


if __name__ == "__main__":
    main()
