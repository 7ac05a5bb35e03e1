"""The figures of one version: lengths, pass rates, kinds of answers, behaviours, finish reasons, and usage.

Everything that describes a version reads them here: its card and plots, `ovt data list`, `show`, `stats`, `diff` and
`what-if`, and the pages. Plain dicts and lists, deterministic.
"""

import math
from collections.abc import Iterable
from typing import Any

import polars as pl

from ovt.core.schema import SPLITS
from ovt.core.statistics import histogram, quantile, round_up
from ovt.curate.stages.behaviours import COLUMNS as BEHAVIOURS
from ovt.curate.stages.behaviours import per_thousand_words
from ovt.curate.versions.models import by_model, several
from ovt.curate.versions.read import Version, check_column, reading, scan, scan_rows

BUCKETS = ("easy", "medium", "hard", "unsolved")  # of difficulty
NEEDED = ("source", "pass_rate", "difficulty", "response_words", *BEHAVIOURS)
OUTCOMES = ("correct", "wrong", "abstain")
REASONED = pl.col("stage") == "reason"
BINS = 10


def outline(version: Version) -> dict[str, Any]:
    """One version in one line: ref, content_hash, parent, path; rows by split, questions asked, bytes; cost_usd, null
    if the price of any reply is unknown; incomplete, only if more requests failed than its recipe allows."""
    manifest = version.manifest
    costs = [use.cost_usd for use in manifest.usage if use.samples > use.failed]
    return {
        "ref": version.ref,
        "content_hash": manifest.content_hash,
        "parent": manifest.provenance.parent,
        "path": str(version.path),
        **{split: manifest.rows[split] for split in SPLITS},
        "questions": manifest.rows["questions"],
        "bytes": sum(entry.size for entry in manifest.files.values()),
        "cost_usd": None if None in costs else math.fsum(cost for cost in costs if cost),
        **({"incomplete": True} if manifest.incomplete else {}),
    }


def profile(version: Version, by: str = "source") -> dict[str, Any]:
    """The content of `ovt data stats` for a version. by: "source", or a column that its sources keep.

    ref, content_hash, sft, rl, questions, cost_usd, …    `outline`; questions_kept: those with a row
    words, behaviours, pass_rates, difficulty, sources    of the kept rows: `summarise`
    kinds       kind of answer, questions, samples, correct, wrong, abstain
    finishes    stage, finish_reason ("failed" where no reply came), samples
    tokens      by stage: stage, samples, mean, median, p95, max and histogram of the completion tokens of a reply
    usage       by stage: samples, failed, tokens, cost_usd (null: not known), as in the manifest
    per_row     samples, tokens and cost_usd per kept row (null without rows)
    by          that column, unless it is "source"
    by_source   source (the column's value), questions, samples, correct (share of those judged), cut_off (share of
                samples), sft, rl, words (mean), behaviours (cues per 1,000 words by family), tokens, cost_usd
    by_model    only with several reasoners: `models.by_model`
    """
    check_column(version, by)
    with reading(version):
        rows = scan_rows(version.path, dict.fromkeys((*NEEDED, by))).collect()
        samples = read_samples(version, by)
        models = by_model(version.manifest, version.path) if several(version.manifest) else []
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
        **({} if by == "source" else {"by": by}),
        "by_source": by_source(samples, rows.with_columns(source=pl.col(by).cast(pl.String))),
        **({"by_model": models} if models else {}),
    }


def count_kept(version: Version) -> int:
    """The questions with one or more rows."""
    return sum(row.rows_out for row in version.manifest.funnel if (row.level, row.stage) == ("question", "version"))


def read_samples(version: Version, by: str = "source") -> pl.DataFrame:
    """The samples without their texts, with their question's source (or `by`, under that name), their
    verdict's outcome and kind."""
    columns = ["sample_id", "question_id", "stage", "finish_reason", "prompt_tokens", "completion_tokens", "cost_usd"]
    said = scan(version, "samples").select(*columns, failed=pl.col("error").is_not_null())
    sources = scan(version, "questions").select("question_id", source=pl.col(by).cast(pl.String))
    verdicts = scan(version, "verdicts").select("sample_id", "outcome", "kind")
    named = said.join(sources, on="question_id", how="left", maintain_order="left")
    return named.join(verdicts, on="sample_id", how="left", maintain_order="left").drop("sample_id").collect()


def kinds(samples: pl.DataFrame) -> list[dict[str, Any]]:
    """Judged samples by kind of answer, most frequent first."""
    judged = samples.filter(pl.col("outcome").is_not_null()).group_by("kind").agg(
        pl.col("question_id").n_unique().alias("questions"), pl.len().alias("samples"), *count_outcomes()
    )  # fmt: skip
    return judged.sort("samples", "kind", descending=[True, False]).to_dicts()


def count_outcomes() -> list[pl.Expr]:
    """How many verdicts of each outcome there are."""
    return [(pl.col("outcome") == outcome).sum().alias(outcome) for outcome in OUTCOMES]


def finishes(samples: pl.DataFrame) -> list[dict[str, Any]]:
    """Samples by stage and finish reason, as reported by the server."""
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
    """Each source's questions and results, in the order of its first question."""
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
        "behaviours": behaviours(rows.lazy()),
    }


def summarise(rows: pl.LazyFrame) -> dict[str, Any]:
    """The statistics of kept rows (columns `split` and NEEDED), each read by itself: together they need more memory.

    words        of the completions in sft: `lengths`
    behaviours   cues per 1,000 words of the completions in sft, by family
    pass_rates   rows by split and pass rate; difficulty and sources: rows by split and value
    """
    answered = rows.filter(pl.col("response_words").is_not_null())
    return {
        "words": lengths(answered.select("response_words").collect().to_series()),
        "behaviours": behaviours(answered),
        "pass_rates": _count(rows.with_columns(pl.col("pass_rate").round(3)), "pass_rate"),
        "difficulty": _count(rows, "difficulty"),
        "sources": _count(rows, "source"),
    }


def lengths(counts: pl.Series) -> dict[str, Any] | None:
    """Distribution of whole numbers without nulls (words, tokens): rows, mean, median, p95, max and `histogram` of
    at most BINS + 1 bins, as wide as a round number allows; None if there are none."""
    if not len(counts):
        return None
    counts = counts.cast(pl.Int64)  # a sum of Int32 would overflow
    longest, middle = int(counts.to_numpy().max()), quantile(counts, 0.5)
    width = round_up(max(1, longest) / BINS)
    return {
        "rows": len(counts),
        "mean": round(counts.sum() / len(counts), 1),
        "median": int(middle) if middle == int(middle) else middle,
        "p95": int(quantile(counts, 0.95)),
        "max": longest,
        "histogram": histogram({"rows": counts}, width, longest // width),
    }


def behaviours(rows: pl.LazyFrame) -> dict[str, float]:
    """Cues per 1,000 words of rows that have a response, by family; 0 without words."""
    rates = rows.select(per_thousand_words()).collect().row(0, named=True)
    return {name.removeprefix("behaviour_"): round(rate or 0.0, 2) for name, rate in rates.items()}


def _count(rows: pl.LazyFrame, column: str) -> list[dict[str, Any]]:
    """Rows by value of a column, in all and by split, in the values' order (nulls last)."""
    counted = rows.group_by(column).agg(
        sft=(pl.col("split") == "sft").sum().cast(pl.Int64), rl=(pl.col("split") == "rl").sum().cast(pl.Int64)
    )
    return counted.collect().sort(column, nulls_last=True).rename({column: "value"}).to_dicts()
