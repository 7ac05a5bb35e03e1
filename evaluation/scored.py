"""A benchmark's replies as readings and scores: of a run, of a file, and of kept ones that are read again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ovt.core.schema import SAMPLES
from ovt.evaluation.benchmark import Item, find_benchmark
from ovt.evaluation.benchmark_scores import BenchmarkScores, score
from ovt.evaluation.outputs import REPLIES
from ovt.evaluation.readings import readings
from ovt.evaluation.results import AskedBenchmark, Sizes


@dataclass(frozen=True)
class Read:
    """READINGS, and the scores of them."""

    table: pl.DataFrame
    scores: BenchmarkScores


def read(
    run: str,
    asked: AskedBenchmark,
    items: Mapping[str, Item],
    replies: pl.DataFrame,
    kind: str = "auto",
) -> Read:
    """The readings of a run's REPLIES. items: all that were to be answered, by question id."""
    benchmark = find_benchmark(asked.title)[0]
    table = readings(items, replies.with_columns(run=pl.lit(run)), benchmark.rule(asked.rule), kind)
    return Read(table, scores_of(run, asked, items, table))


def scores_of(
    run: str,
    asked: AskedBenchmark,
    items: Mapping[str, Item],
    table: pl.DataFrame,
    further: Mapping[str, Any] | None = None,
) -> BenchmarkScores:
    """The scores of READINGS. further: fields of `BenchmarkScores` that no table tells, such as `judge`."""
    benchmark, variant = find_benchmark(asked.title)
    about = {
        "benchmark": benchmark.name,
        "variant": variant,
        "run": run,
        "rule": asked.rule,
        "expected": len(items),
        "subset": benchmark.variants[variant].rows,
        **(further or {}),
    }
    return score(table, items, benchmark, about)


def replies_of(samples: pl.DataFrame) -> pl.DataFrame:
    """SAMPLES with a text as REPLIES."""
    answered = samples.filter(pl.col("text").is_not_null())
    return answered.rename({"text": "response"}).match_to_schema(
        REPLIES, missing_columns="insert", extra_columns="ignore"
    )


def samples_of(replies: pl.DataFrame) -> pl.DataFrame:
    """REPLIES of one run as SAMPLES: what a file says, and nothing that it does not."""
    stage = pl.lit("reason")
    told = replies.with_columns(
        sample_id=pl.format("{}-reason-0", "question_id"), stage=stage, index=pl.lit(0), text=pl.col("response")
    )
    known = {name: kind for name, kind in SAMPLES.items() if name in told.columns}
    return told.cast(known).match_to_schema(SAMPLES, missing_columns="insert", extra_columns="ignore")  # ty: ignore


def sizes_of(samples: pl.DataFrame, pictures: pl.DataFrame) -> Sizes:
    """What was sent. pictures: width and height of each."""
    pixels = [width * height for width, height in pictures.select("width", "height").iter_rows()]
    tokens = samples["prompt_tokens"].to_list()
    return Sizes(
        pictures=len(pixels),
        mean_pixels=sum(pixels) / max(len(pixels), 1),
        most_pixels=max(pixels, default=0),
        mean_prompt_tokens=sum(tokens) / max(len(tokens), 1),
        most_prompt_tokens=max(tokens, default=0),
    )
