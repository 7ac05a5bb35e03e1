"""The figures of one version: lengths, pass rates, kinds of answers, behaviours, how replies ended, and what they took.

What is said of kept rows is `versions.stats.summarise`, as on the card; funnel and usage are the manifest's.
"""

from collections.abc import Iterable
from typing import Any

import polars as pl

from ovt.curate.reports.show import outline
from ovt.curate.versions.read import Version, reading, scan, scan_rows
from ovt.curate.versions.stats import NEEDED, behaviours, lengths, summarise

OUTCOMES = ("correct", "wrong", "abstain")
REASONED = pl.col("stage") == "reason"


def profile(version: Version) -> dict[str, Any]:
    """Everything that `ovt data stats` says of a version, as plain data.

    ref, content_hash, sft, rl, questions, cost_usd, …    `show.outline`; questions_kept: those with a row
    words, behaviours, pass_rates, difficulty, sources    of the kept rows: `versions.stats.summarise`
    kinds       kind of answer, questions, samples, correct, wrong, abstain
    finishes    stage, finish_reason ("failed" where no reply came), samples
    tokens      by stage: stage, samples, mean, median, p95, max and histogram of the completion tokens of a reply
    usage       by stage: samples, failed, tokens, cost_usd (null: not known), as in the manifest
    per_row     samples, tokens and cost_usd per kept row (null without rows)
    by_source   source, questions, samples, correct (share of those judged), cut_off (share of samples), sft, rl, words
                (mean), behaviours (cues per 1,000 words by family), tokens, cost_usd
    """
    with reading(version):
        rows = scan_rows(version.path, NEEDED).collect()
        samples = read_samples(version)
    about = outline(version)
    kept = len(rows)
    usage = [use.model_dump() for use in version.manifest.usage]
    tokens = sum(use["prompt_tokens"] + use["completion_tokens"] for use in usage)
    costs = {"samples": len(samples), "tokens": tokens, "cost_usd": about["cost_usd"]}
    return {
        **about,
        "questions_kept": count_kept(version),
        **summarise(rows.lazy()),
        "kinds": kinds(samples),
        "finishes": finishes(samples),
        "tokens": list(tokens_by_stage(samples)),
        "usage": usage,
        "per_row": {name: total / kept if kept and total is not None else None for name, total in costs.items()},
        "by_source": by_source(samples, rows),
    }


def count_kept(version: Version) -> int:
    """The questions that have a row, or several."""
    return sum(row.rows_out for row in version.manifest.funnel if (row.level, row.stage) == ("question", "version"))


def read_samples(version: Version) -> pl.DataFrame:
    """The samples without their texts, each with the source of its question and its verdict's outcome and kind."""
    columns = ["sample_id", "question_id", "stage", "finish_reason", "prompt_tokens", "completion_tokens", "cost_usd"]
    said = scan(version, "samples").select(*columns, failed=pl.col("error").is_not_null())
    sources = scan(version, "questions").select("question_id", "source")
    verdicts = scan(version, "verdicts").select("sample_id", "outcome", "kind")
    named = said.join(sources, on="question_id", how="left", maintain_order="left")
    return named.join(verdicts, on="sample_id", how="left", maintain_order="left").drop("sample_id").collect()


def kinds(samples: pl.DataFrame) -> list[dict[str, Any]]:
    """Judged samples by kind of answer, the most frequent first."""
    judged = samples.filter(pl.col("outcome").is_not_null()).group_by("kind").agg(
        pl.col("question_id").n_unique().alias("questions"), pl.len().alias("samples"), *count_outcomes()
    )  # fmt: skip
    return judged.sort("samples", "kind", descending=[True, False]).to_dicts()


def count_outcomes() -> list[pl.Expr]:
    """How many verdicts of each outcome there are."""
    return [(pl.col("outcome") == outcome).sum().alias(outcome) for outcome in OUTCOMES]


def finishes(samples: pl.DataFrame) -> list[dict[str, Any]]:
    """Samples by stage and by how they ended, as the server said it."""
    ended = pl.when("failed").then(pl.lit("failed")).otherwise(pl.col("finish_reason").fill_null("not said"))
    counted = samples.group_by("stage", ended.alias("finish_reason")).agg(samples=pl.len())
    return counted.sort("stage", "samples", "finish_reason", descending=[False, True, False]).to_dicts()


def tokens_by_stage(samples: pl.DataFrame) -> Iterable[dict[str, Any]]:
    """How long the replies of each stage are, in completion tokens; failed requests have none."""
    for stage in ("caption", "reason"):
        counts = samples.filter((pl.col("stage") == stage) & ~pl.col("failed"))["completion_tokens"].drop_nulls()
        if found := lengths(counts):
            found["samples"] = found.pop("rows")
            yield {"stage": stage} | found


def by_source(samples: pl.DataFrame, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """What each source asked for and gave, in the order of its first question."""
    judged = pl.col("outcome").is_in(["correct", "wrong"])
    said = samples.group_by("source", maintain_order=True).agg(
        questions=pl.col("question_id").n_unique(),
        samples=REASONED.sum(),
        correct=((pl.col("outcome") == "correct").sum() / judged.sum()).fill_nan(None),
        cut_off=((REASONED & (pl.col("finish_reason") == "length")).sum() / REASONED.sum()).fill_nan(None),
        tokens=(pl.col("prompt_tokens").fill_null(0) + pl.col("completion_tokens").fill_null(0)).sum(),
        cost_usd=pl.when((pl.col("cost_usd").is_null() & ~pl.col("failed")).any().not_()).then(
            pl.col("cost_usd").sum()
        ),
    )
    kept = rows.partition_by("source", as_dict=True)
    return [one | of_rows(kept.get((one["source"],), rows.clear())) for one in said.iter_rows(named=True)]


def of_rows(rows: pl.DataFrame) -> dict[str, Any]:
    """The kept rows of one source."""
    words = lengths(rows["response_words"].drop_nulls())
    return {
        "sft": int((rows["split"] == "sft").sum()),
        "rl": int((rows["split"] == "rl").sum()),
        "words": words["mean"] if words else None,
        "behaviours": behaviours(rows),
    }
