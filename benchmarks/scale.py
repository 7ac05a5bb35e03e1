"""Time and memory of deciding and writing many samples: here, and on Ray with one and two workers.

    python benchmarks/scale.py                                         # 100,000 and 1,000,000 samples of 2 KB
    python benchmarks/scale.py --samples 10000000 --engines ray:2      # 20 GB of text, tiled; 15 GB of disk

A chunk of 2,000 questions with four samples each is tiled under other ids, and goes the way of a build's second half:
verify → select → filter → rows → version, as `curate/build.py` writes it, with what was decided kept for a resume. Each
measurement is a process of its own; a worker says its peak memory with each chunk. CPU is that of all processes.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
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


def decide_measured(recipe: Recipe, part: Part) -> Frames:
    """`decide_part`, and what its process has needed so far."""
    made = decide_part(recipe, part)
    return made | {"worker": pl.DataFrame({"pid": [os.getpid()], "peak": [peak_of(resource.RUSAGE_SELF)]})}


def run(engine: str, samples: int, folder: Path) -> dict[str, Any]:
    """Decides and writes so many samples; seconds, and the peak memory of this process and of its workers in GB."""
    home, recipe = Home(folder), Recipe.model_validate(RECIPE)
    cores = engine.partition(":")[2]
    workers: dict[int, float] = {}
    with OnRay(cores=int(cores)) if cores else nullcontext(HERE) as place:
        part = first_part(home)
        [*map_chunks(place, partial(decide_measured, deciding(recipe)), tiled(part, 1))]  # imports what is needed
        began = time.perf_counter()
        with VersionWriter(home, recipe.name, key="tiled") as writer:
            memory = Results(writer.decided, "decided")
            work = partial(decide_measured, deciding(recipe))
            for one, made in map_chunks(place, work, tiled(part, samples), memory):
                pid, peak = made.pop("worker").row(0)
                workers[pid] = max(workers.get(pid, 0.0), peak)
                writer.append(one.mark, **vars(Tables(one.questions, one.samples, **made)))
            decided = time.perf_counter() - began
            version = writer.finish(provenance(recipe))
        took = time.perf_counter() - began
    workers.pop(os.getpid(), None)
    return {
        "engine": engine,
        "samples": version.manifest.rows["samples"],
        "seconds": took,
        "of them at the end": took - decided,
        "driver": peak_of(resource.RUSAGE_SELF),
        "workers": max(workers.values(), default=0.0),
        "bytes": sum(entry.size for entry in version.manifest.files.values()),
        "hash": version.manifest.content_hash[:12],
    }


def provenance(recipe: Recipe) -> Provenance:
    fields = {"recipe": recipe.model_dump(mode="json"), "inputs": (), "models": (), "rebuild": "benchmarks/scale.py"}
    return Provenance.model_validate(fields | {"ovt_version": "0", "verifier_version": "0"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--engines", nargs="+", default=["here", "ray:1", "ray:2"])
    parser.add_argument("--folder", type=Path, help="where the versions are written, and removed")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        print(json.dumps(run(options.engines[0], options.samples[0], options.folder)))
        return
    for samples in options.samples:
        for engine in options.engines:
            with tempfile.TemporaryDirectory(dir=options.folder) as folder:
                command = [sys.executable, __file__, "--once", "--samples", str(samples), "--engines", engine]
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                done = subprocess.run([*command, "--folder", folder], stdout=subprocess.PIPE, text=True, check=True)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            print(line(json.loads(done.stdout), cpu), flush=True)


def line(told: dict[str, Any], cpu: float) -> str:
    return (
        f"{told['engine']:<6} {told['samples']:>11,} samples {told['seconds']:8.1f} s "
        f"({told['samples'] / told['seconds']:,.0f}/s, {told['of them at the end']:.1f} s of it at the end), "
        f"CPU {1e6 * cpu / told['samples']:.0f} µs each, peak: driver {told['driver']:.2f} GB, "
        f"worker {told['workers']:.2f} GB; {told['bytes'] / 1e9:.2f} GB, {told['hash']}"
    )


if __name__ == "__main__":
    main()
