"""Speed and memory of the table stages: select, filter, behaviours and the ledger, on a million samples of 2 KB.

    python benchmarks/tables.py                     # a million samples (2.1 GB of text) in a temporary folder
    python benchmarks/tables.py --samples 100000 --folder /tmp/tables

Four samples per question, all of them correct (verify is left out), are read from parquet and decided chunk by chunk as
a build does; kept rows and decisions go to parquet. Each measurement runs in its own process, so that peak memory is
not shared. Then pandas and datasets do a small part of the work on a slice (count words, take the shortest per
question, drop those of over 500 words), and so do our stages: ratios in one run.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from measuring import Measured, measure

from ovt.core import decisions
from ovt.core.schema import SAMPLES
from ovt.curate.decide import CHUNK
from ovt.curate.stages import behaviours, filter, select
from ovt.curate.versions.ledger import Ledger

K = 4
FEW = 100  # samples of a first run, which imports what is needed
MAX_WORDS = 500
TEXT = """the bar chart shows that red blue green tallest value is of and so we need angle side equal sum total count
two three four twelve objects compare larger smaller because triangle table row column price given first then each
label axis reaches about half difference between answer therefore follows left right image"""
WORDS = TEXT.split()
CUES = ("Wait, ", "But wait, ", "Hmm, ", "Let me check: ", "Maybe ", "First, ", "According to the caption, ")
ENDS = (".", ".", ".", "?", " × 60° = π.")


def sentence(rng: random.Random) -> str:
    """Six to eighteen words; one in fifteen starts with a cue, one in five leaves ASCII."""
    text = " ".join(rng.choices(WORDS, k=rng.randint(6, 18))) + rng.choice(ENDS)
    return rng.choice(CUES) + text if rng.random() < 1 / 15 else text.capitalize()


def response(sentences: list[str], answer: int) -> str:
    """The paper's format; every fifth sentence ends a paragraph, the last one is the solution."""
    *thinking, solution = sentences
    paragraphs = [" ".join(thinking[start : start + 5]) for start in range(0, len(thinking), 5)]
    return "<think>\n" + "\n\n".join(paragraphs) + f"\n</think>\n\n{solution}\n<answer>{answer}</answer>"


def generate(folder: Path, samples: int) -> None:
    """Parquet files of one chunk of SAMPLES each."""
    pool = np.array([sentence(random.Random(seed)) for seed in range(20_000)], dtype=object)
    numbers = np.random.default_rng(0)
    for start in range(0, samples, CHUNK * K):
        rows = range(start, min(start + CHUNK * K, samples))
        picks = [pool[numbers.integers(0, len(pool), numbers.integers(12, 39))] for _ in rows]
        table = pl.DataFrame(
            {
                "question_id": [f"{row // K:016x}" for row in rows],
                "index": [row % K for row in rows],
                "text": [response(list(picked), len(picked)) for picked in picks],
            }
        )
        fixed = {"stage": "reason", "finish_reason": "stop", "prompt_tokens": 400, "completion_tokens": 500}
        table = table.with_columns(**{name: pl.lit(value) for name, value in fixed.items()}).with_columns(
            sample_id=pl.format("{}-reason-{}", "question_id", "index"),
            reply_key=pl.col("text").hash().cast(pl.String),
        )
        full = table.select(
            (pl.col(name) if name in table.columns else pl.lit(None)).cast(dtype).alias(name)
            for name, dtype in SAMPLES.items()
        )
        full.write_parquet(folder / f"{start:09d}.parquet", compression="lz4")


def chunks(folder: Path, samples: int) -> Iterator[pl.DataFrame]:
    """The first `samples` of the generated rows, a file at a time."""
    for file in sorted(folder.glob("*.parquet")):
        table = pl.read_parquet(file).head(samples)
        samples -= len(table)
        if len(table):
            yield table


def decide(folder: Path, samples: int, strategy: select.Strategy) -> tuple[dict[str, float], int]:
    """(seconds by part, rows kept) of all the work on `samples` rows."""
    spent = dict.fromkeys(("read", "select", "filter", "behaviours", "decisions", "ledger"), 0.0)
    kept = 0
    clock = time.perf_counter()

    def lap(part: str) -> None:
        nonlocal clock
        spent[part] += time.perf_counter() - clock
        clock = time.perf_counter()

    with tempfile.TemporaryDirectory() as out:
        ledger = Ledger(Path(out) / "ledger", pl.Schema())
        for table in chunks(folder, samples):
            lap("read")
            selected, left = select.run(table, select.SelectSection(strategy=strategy))
            lap("select")
            filtered, fallen = filter.run(selected, filter.FilterSection(length={"max_words": MAX_WORDS}))
            lap("filter")
            kept += len(behaviours.run(filtered))
            lap("behaviours")
            decided = pl.concat([left, fallen, decisions.kept(filtered, "sample", "kept", pl.col("edit"))])
            questions = table.select("question_id").unique(maintain_order=True)
            decided.vstack(decisions.settle(questions, filtered, decided), in_place=True)
            lap("decisions")
            ledger.append(samples=table, decisions=decided)
            lap("ledger")
        ledger.close()
        lap("ledger")
    return spent, kept


def ours(folder: Path, samples: int) -> int:
    """The shortest sample per question, dropped when it is too long: our two stages, every other filter off."""
    off = {"mode": "off"}
    section = filter.FilterSection(
        format=off, reflection=off, mentions=off, repetition=off, length={"max_words": MAX_WORDS}
    )
    selected = (select.run(table, select.SelectSection())[0] for table in chunks(folder, samples))
    return sum(len(filter.run(table, section)[0]) for table in selected)


def with_pandas(folder: Path, samples: int) -> int:
    table = pl.concat(chunks(folder, samples)).select("question_id", "index", "text").to_pandas()
    table["words"] = table["text"].str.split().str.len()
    shortest = table.sort_values(["question_id", "words", "index"]).drop_duplicates("question_id")
    return int((shortest["words"] <= MAX_WORDS).sum())


def with_datasets(folder: Path, samples: int) -> int:
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    table = Dataset(pl.concat(chunks(folder, samples)).select("question_id", "index", "text").to_arrow())
    table = table.map(lambda batch: {"words": [len(text.split()) for text in batch["text"]]}, batched=True)
    best: dict[str, tuple[int, int]] = {}
    for question, words, index in zip(table["question_id"], table["words"], table["index"], strict=True):
        best[question] = min(best.get(question, (words, index)), (words, index))
    kept = table.filter(
        lambda batch: [
            words <= MAX_WORDS and best[question] == (words, index)
            for question, words, index in zip(batch["question_id"], batch["words"], batch["index"], strict=True)
        ],
        batched=True,
    )
    return len(kept)


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of the table stages.")
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--slice", type=int, default=50_000, help="samples for the comparison with pandas and datasets")
    parser.add_argument("--folder", type=Path, help="where the samples are kept for the next run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        if not any(folder.glob("*.parquet")):
            measure(generate, folder, options.samples)
        report(folder, options.samples, options.slice)


def line(name: str, samples: int, kept: int, measured: Measured) -> str:
    rate = samples / measured.seconds
    return (
        f"{name:<17} {samples:,} samples, {kept:,} kept: {measured.seconds:.1f} s ({rate:,.0f} samples/s), "
        f"CPU {measured.cpu:.1f} s, peak {measured.peak:.2f} GB"
    )


def report(folder: Path, samples: int, few: int) -> None:
    for strategy in ("shortest_correct", "all_correct"):
        measured = measure(decide, folder, samples, strategy, first=(folder, FEW, strategy))
        spent, kept = measured.result
        parts = ", ".join(f"{part} {seconds:.1f}" for part, seconds in spent.items())
        print(line(strategy, samples, kept, measured) + f"; seconds: {parts}", flush=True)
    ovt = measure(ours, folder, few, first=(folder, FEW))
    print(line("ovt, small part", few, ovt.result, ovt), flush=True)
    for work in (with_pandas, with_datasets):
        peer = measure(work, folder, few, first=(folder, FEW))
        ratio = f"; {peer.seconds / ovt.seconds:.1f} × ovt's time, {peer.cpu / ovt.cpu:.1f} × its CPU"
        print(line(work.__name__.replace("_", " "), few, peer.result, peer) + ratio, flush=True)


if __name__ == "__main__":
    main()
