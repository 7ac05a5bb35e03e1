"""Speed and memory of `ovt data what-if`, `funnel` and `stats` on a version of a million samples of 2 KB.

    python benchmarks/whatif.py                            # a million samples (2.1 GB of text) in a temporary home
    python benchmarks/whatif.py --samples 100000 --home /tmp/whatif

Four samples per question, three in four of them correct. Verdicts are made up; all else is decided and written as in a
build. For comparison, in the same run, what people would write instead: `datasets` (one process, default settings)
counts words and cues of every sample with `map` and selects by length with `filter`, which is less work than either
command does. Each measurement runs in its own process, imports included.
"""

import argparse
import hashlib
import io
import random
import re
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from measuring import measure
from PIL import Image
from tables import K, response, sentence

from ovt.core.home import Home
from ovt.core.schema import QUESTIONS, SAMPLES, VERDICTS
from ovt.curate.decide import CHUNK, decide
from ovt.curate.recipe import Recipe
from ovt.curate.reports.funnel import by_column
from ovt.curate.reports.what_if import Saving, what_if
from ovt.curate.sources.images import keep_image
from ovt.curate.stages.behaviours import FAMILIES
from ovt.curate.versions.manifest import Input, Provenance
from ovt.curate.versions.profile import profile
from ovt.curate.versions.read import open_version
from ovt.curate.versions.write import VersionWriter

MAX_WORDS = 300
SOURCES = ("figures", "tables", "maps")
RECIPE = {
    "name": "million",
    "sources": [{"path": "pocket:figures"}],
    "endpoints": {"server": {"base_url": "http://127.0.0.1:9/v1", "model": "reasoner"}},
    "reason": {"endpoint": "server", "k": K, "see": "image"},
}


def store_image(home: Home) -> str:
    out = io.BytesIO()
    Image.new("RGB", (28, 28)).save(out, "PNG")
    return keep_image(home, out.getvalue())


def make_questions(first: int, count: int, image: str) -> pl.DataFrame:
    numbers = range(first, first + count)
    fixed = {"images": [[image]] * count, "choices": [None] * count, "gold": ["12"] * count}
    ids = [hashlib.sha256(b"%d" % number).hexdigest()[:16] for number in numbers]
    named = {"question": [f"What is number {number}?" for number in numbers], "source_id": list(map(str, numbers))}
    sources = [SOURCES[number % len(SOURCES)] for number in numbers]
    return pl.DataFrame({"question_id": ids, "source": sources, **fixed, **named}, schema_overrides=QUESTIONS).select(
        QUESTIONS.names()
    )


def make_samples(questions: pl.DataFrame, texts: list[str]) -> pl.DataFrame:
    fixed: dict[str, object] = {"stage": "reason", "finish_reason": "stop", "prompt_tokens": 400}
    fixed |= {"completion_tokens": 500, "cost_usd": 0.001, "model": "reasoner", "endpoint": "server"}
    table = questions.select("question_id", index=pl.lit(list(range(K)))).explode("index").with_columns(
        text=pl.Series(texts), error=pl.lit(None), **{name: pl.lit(value) for name, value in fixed.items()}
    )  # fmt: skip
    named = table.with_columns(sample_id=pl.format("{}-reason-{}", "question_id", "index"))
    keyed = named.with_columns(reply_key=pl.col("sample_id").hash().cast(pl.String))
    return keyed.select(pl.col(name).cast(dtype) for name, dtype in SAMPLES.items())


def judge(answered: pl.DataFrame, _: pl.DataFrame) -> pl.DataFrame:
    right = pl.col("sample_id").hash() % 4 != 0
    made = {"kind": "number", "reason": "equal", "extracted": "12", "normalized_prediction": "12"}
    made |= {"normalized_gold": "12", "explanation": "'12' against '12': they are the same number"}
    return answered.select(
        "sample_id",
        "question_id",
        pl.when(right).then(pl.lit("correct")).otherwise(pl.lit("wrong")).alias("outcome"),
        *(pl.lit(value).alias(name) for name, value in made.items()),
    ).select(VERDICTS.names())


def generate(folder: Path, samples: int) -> None:
    """The version million@v1."""
    home, recipe = Home(folder), Recipe.model_validate(RECIPE)
    pool = np.array([sentence(random.Random(seed)) for seed in range(20_000)], dtype=object)
    numbers, image = np.random.default_rng(0), store_image(home)
    inputs = tuple(Input(source=name, location="-", fingerprint="-", rows=samples // K) for name in SOURCES)
    with VersionWriter(home, "million") as writer:
        for first in range(0, samples // K, CHUNK):
            questions = make_questions(first, min(CHUNK, samples // K - first), image)
            picks = [pool[numbers.integers(0, len(pool), numbers.integers(12, 39))] for _ in range(len(questions) * K)]
            said = make_samples(questions, [response(list(picked), 12) for picked in picks])
            writer.append(**vars(decide(recipe, questions, said, judge)))
        made = {"recipe": recipe.model_dump(mode="json"), "inputs": inputs, "models": (), "rebuild": "-"}
        writer.finish(Provenance.model_validate(made | {"ovt_version": "-", "verifier_version": "-"}))


def decide_again(folder: Path, *overrides: str, save_as: str | None = None) -> str:
    home = Home(folder)
    saving = Saving(save_as, home, rebuild="-") if save_as else None
    about = what_if(open_version("million", home), overrides, saving=saving)
    return ", ".join(f"{name} {about['rows'][name]:,}" for name in ("same", "changed", "removed", "added"))


def count_sources(folder: Path) -> str:
    return f"{len(by_column(open_version('million', Home(folder))))} rows"


def profile_all(folder: Path) -> str:
    return f"median {profile(open_version('million', Home(folder)))['words']['median']} words"


def with_datasets(folder: Path) -> str:
    """Words and cues of every sample by `map`, those up to a length by `filter`: no verdicts, funnel or rows."""
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    cues = {family: re.compile(rf"\b(?:{'|'.join(said)})\b", re.I | re.A) for family, said in FAMILIES.items()}

    def count(batch: dict[str, list[str]]) -> dict[str, list[int]]:
        counted = {family: [len(cue.findall(text)) for text in batch["text"]] for family, cue in cues.items()}
        return {"words": [len(text.split()) for text in batch["text"]]} | counted

    samples = open_version("million", Home(folder)).path / "ledger" / "samples.parquet"
    with tempfile.TemporaryDirectory() as cache:
        table = Dataset.from_parquet(str(samples), columns=["sample_id", "text"], cache_dir=cache)
        counted = table.map(count, batched=True)
        short = counted.filter(lambda batch: [words <= MAX_WORDS for words in batch["words"]], batched=True)
        words = sum(short["words"])
        rates = {family: 1000 * sum(short[family]) / words for family in cues}
    return f"{len(short):,} of {len(counted):,} samples, {sum(rates.values()):.1f} cues per 1,000 words"


def report(folder: Path) -> None:
    shorter = partial(decide_again, folder, f"filter.length.max_words={MAX_WORDS}")
    told = {
        "what-if, as it is": measure(decide_again, folder),
        "what-if, other length": measure(shorter),
        "the same, saved": measure(partial(shorter, save_as="shorter")),
        "funnel --by source": measure(count_sources, folder),
        "stats": measure(profile_all, folder),
        "datasets, map and filter": measure(with_datasets, folder),
    }
    for name, one in told.items():
        print(f"{name:<25} {one.seconds:6.1f} s, CPU {one.cpu:6.1f} s, peak {one.peak:.2f} GB: {one.result}")
    peer = told["datasets, map and filter"]
    for name, note in {"what-if, other length": "", "stats": ", which read what the build had counted"}.items():
        ratios = f"{peer.seconds / told[name].seconds:.1f} × the time and {peer.cpu / told[name].cpu:.1f} × the CPU"
        print(f"datasets takes {ratios} of {name}{note}")


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of what-if, funnel and stats.")
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--home", type=Path, help="where the version is kept for the next run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.home or Path(temporary)
        if not Home(folder).versions.is_dir():
            measure(generate, folder, options.samples)
        report(folder)


if __name__ == "__main__":
    main()
