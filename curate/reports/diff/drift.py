"""How the kept data drifted: difficulty, lengths, behaviours, sources, answers, cut-offs and cost, with intervals.

    group       name    unit             a      b      change  low    high   direction
    behaviours  visual  per 1,000 words  12.31  10.02  -2.29   -3.10  -1.48  down

The figures are those of the card (`versions/profile.py`), the intervals those of `core/statistics.py`. Reflection cues
and the variety of phrases are measured on a sample of the responses.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from ovt.core.statistics import Estimate, Ratio, estimate, histogram, paired_blocks, quantile_influence, round_up
from ovt.core.text import count_words
from ovt.curate.filters.reflection import CUES, at_sentence_start
from ovt.curate.reports.diff.tables import KEPT, Tables, collect
from ovt.curate.stages.behaviours import COLUMNS as BEHAVIOURS
from ovt.curate.versions.profile import BUCKETS

GROUPS = ("difficulty", "words", "behaviours", "texts", "replies", "cost", "sources", "answers")
NOT_KEPT = "none"
MOST_VALUES = 12  # sources and kinds with a line of their own; the others share one line
OTHERS = "(others)"
QUANTILES = {"median": 0.5, "95th percentile": 0.95}
BINS = 24
ANSWERED = pl.col("response_words").is_not_null()
SAMPLED = 4_000  # responses read of each version, about
BLOCKS = 10
MOST_WORDS = 2_000  # of a block; distinct n-grams are only comparable among texts of equal length
LEAST_WORDS = 50
GRAMS = (1, 2, 3)


def figures(a: Tables, b: Tables) -> dict[str, Any]:
    """difficulty, drift, lengths and cues, as in `diff.py`."""
    table = by_question(a, b)
    sampled = [tables.rows.filter(pl.col("sampled").is_not_null()) for tables in (a, b)]
    estimates = [
        *estimate(table, ratios(table, _kept(a.rows))),
        *_quantiles(table, a, b),
        *_reflections(*sampled),
        *_variety(*sampled),
    ]
    estimates.sort(key=lambda one: GROUPS.index(one.group) if one.group in GROUPS else len(GROUPS))
    return {
        "difficulty": transitions(table),
        "drift": [one.as_dict() for one in estimates],
        "lengths": lengths(a, b),
        "cues": cues(a, b),
    }


def by_question(a: Tables, b: Tables) -> pl.DataFrame:
    """One row per question of either version: its counts and sums with suffix _a and _b, null if absent.

    Sorted by question: a join promises no order, and sums of floats depend on theirs.
    """
    sides = [
        _of_side(tables).select("question", pl.exclude("question").name.suffix(side))
        for tables, side in ((a, "_a"), (b, "_b"))
    ]
    return collect(sides[0].join(sides[1], on="question", how="full", coalesce=True)).sort("question")


def _of_side(tables: Tables) -> pl.LazyFrame:
    bounds = [(quantile_influence(words(tables), share) or (0, 0))[0] for share in QUANTILES.values()]
    rows = tables.rows.select(
        "question", "source", "difficulty", "pass_rate", "response_words", *BEHAVIOURS, *_kept(tables.rows)
    )
    reached = {
        f"up to {name}": pl.col("response_words") <= bound for name, bound in zip(QUANTILES, bounds, strict=True)
    }
    counted = rows.with_columns(kept=pl.lit(1, pl.UInt32), sft=ANSWERED, **reached)
    if counted["question"].is_duplicated().any():
        summed = ("kept", "sft", "response_words", *BEHAVIOURS, *reached)
        counted = counted.group_by("question").agg(
            pl.col("source", "difficulty", "pass_rate", *_kept(tables.rows)).first(), pl.col(summed).sum()
        )
    return tables.questions.lazy().join(counted.lazy(), on="question", how="full", coalesce=True)


def _kept(rows: pl.DataFrame) -> list[str]:
    """The columns that both versions' sources keep."""
    return [name for name in rows.columns if name.startswith(KEPT)]


def words(tables: Tables) -> pl.Series:
    """The lengths of the responses."""
    return tables.rows["response_words"].drop_nulls()


Side = Callable[[str], pl.Expr]  # the columns of one version by name


def ratios(table: pl.DataFrame, kept: Sequence[str] = ()) -> list[Ratio]:
    """All figures that need no text and are ratios of sums; `table` comes from `by_question`, `kept` are columns of it
    without their side, whose values have shares."""
    both = [pl.col(f"{name}{side}").is_not_null() for name in ("kept", "pass_rate") for side in ("_a", "_b")]
    rated = both[0] & both[1] & both[2] & both[3]
    return [
        _ratio("difficulty", "pass rate", "share", lambda of: of("kept") * of("pass_rate"),
               lambda of: of("kept") * of("pass_rate").is_not_null()),
        _ratio("difficulty", "pass rate, same questions", "share", lambda of: rated * of("pass_rate"), lambda _: rated),
        *(_share("difficulty", bucket, "difficulty", bucket) for bucket in BUCKETS),
        _ratio("words", "mean", "words", _sum("response_words"), _sum("sft")),
        *(_ratio("behaviours", name.removeprefix("behaviour_"), "per 1,000 words", _sum(name), _sum("response_words"))
          for name in BEHAVIOURS),
        _ratio("replies", "cut off", "share", _sum("cut"), _sum("samples")),
        _ratio("replies", "failed", "share", _sum("failed"), _sum("samples")),
        _ratio("replies", "reflection cut", "share", _sum("edited"), _sum("sft")),
        _ratio("cost", "tokens per row", "tokens", _sum("tokens"), _sum("kept")),
        _ratio("cost", "US$ per row", "US$", _sum("cost"), _sum("kept")),
        *_mix(table, "sources", "source"),
        *(one for column in kept for one in _mix(table, column.removeprefix(KEPT), column)),
        *_mix(table, "answers", "kind"),
    ]  # fmt: skip


def _sum(name: str) -> Callable[[Side], pl.Expr]:
    return lambda of: of(name)


def _ratio(group: str, name: str, unit: str, x: Callable[[Side], pl.Expr], y: Callable[[Side], pl.Expr]) -> Ratio:
    """Σ x / Σ y, of questions."""
    sides: list[Side] = [lambda column: pl.col(f"{column}_a"), lambda column: pl.col(f"{column}_b")]
    terms = [term(side) for side in sides for term in (x, y)]
    return Ratio(group, name, unit, *terms, scale=1000.0 if unit == "per 1,000 words" else 1.0)


def _share(group: str, name: str, column: str, value: str) -> Ratio:
    """The share of kept rows whose question has this value."""
    return _ratio(
        group, name, "share", lambda of: of("kept") * (of(column) == value).fill_null(False), lambda of: of("kept")
    )


def _mix(table: pl.DataFrame, group: str, column: str) -> list[Ratio]:
    """The shares of a column's most frequent values, and of all others combined."""
    counted = pl.concat(
        table.select(value=f"{column}{side}", kept=pl.col(f"kept{side}") / pl.col(f"kept{side}").sum())
        for side in ("_a", "_b")
    )
    by_share = counted.drop_nulls().group_by("value").agg(pl.col("kept").sum().round(2))
    by_share = by_share.sort("kept", "value", descending=[True, False])
    values = by_share["value"].to_list()
    most = values if len(values) <= MOST_VALUES else values[: MOST_VALUES - 1]
    ratios = [_share(group, value, column, value) for value in most]
    if len(most) < len(values):
        ratios.append(_ratio(group, OTHERS, "share", lambda of: of("kept") * ~of(column).is_in(most),
                             lambda of: of("kept") * of(column).is_not_null()))  # fmt: skip
    return ratios


def _quantiles(table: pl.DataFrame, a: Tables, b: Tables) -> list[Estimate]:
    """Median and 95th percentile: each row moves one by its step over n, up or down (see `quantile_influence`)."""
    found = []
    for name, share in QUANTILES.items():
        left, right = (quantile_influence(words(tables), share) for tables in (a, b))
        if left is None or right is None:
            ends = [one and one[0] for one in (left, right)]
            found.append(Estimate("words", name, "words", *ends))
            continue
        steps = {"_a": left[1], "_b": right[1]}
        crossed = [pl.col(f"up to {name}{side}") * -step for side, step in steps.items()]
        ratio = Ratio("words", name, "words", crossed[0], pl.col("sft_a"), crossed[1], pl.col("sft_b"))
        around = estimate(table, [ratio])[0]
        change, half = right[0] - left[0], ((around.high or 0.0) - (around.low or 0.0)) / 2
        found.append(replace(around, a=left[0], b=right[0], change=change, low=change - half, high=change + half))
    return found


def transitions(table: pl.DataFrame) -> dict:
    """The number of questions that moved between difficulties: `buckets` names rows (in a) and columns (in b) of
    `questions`; "none" is not kept."""
    buckets = [*BUCKETS, NOT_KEPT]
    sides = [pl.when(pl.col(f"kept{side}") > 0).then(f"difficulty{side}").fill_null(NOT_KEPT) for side in ("_a", "_b")]
    counted = table.group_by(sides[0].alias("a"), sides[1].alias("b")).len()
    counts = {(a, b): count for a, b, count in counted.iter_rows()}
    both = [(a, b) for a in BUCKETS for b in BUCKETS]
    order = {bucket: place for place, bucket in enumerate(BUCKETS)}
    return {
        "buckets": buckets,
        "questions": [[counts.get((a, b), 0) for b in buckets] for a in buckets],
        "easier": sum(counts.get((a, b), 0) for a, b in both if order[b] < order[a]),
        "harder": sum(counts.get((a, b), 0) for a, b in both if order[b] > order[a]),
    }


def lengths(a: Tables, b: Tables) -> list[dict[str, Any]]:
    """Lengths of the responses in equal bins for both versions; the last bin holds the long tail."""
    sides = {"a": words(a), "b": words(b)}
    longest = max((float(side.quantile(0.995, "nearest") or 0) for side in sides.values() if len(side)), default=0.0)
    if not longest:
        return []
    width = round_up((longest + 1) / BINS)
    *bins, last = histogram(sides, width, int(longest // width))
    return [*bins, last | {"to": None}]


def _reflections(a: pl.DataFrame, b: pl.DataFrame) -> list[Estimate]:
    """Sentences that start with a reflection cue, as the filter finds them."""
    counted = [
        side.select(
            "question", cues=pl.col("sampled").str.count_matches(at_sentence_start(CUES)), words=count_words("sampled")
        )
        .group_by("question")
        .sum()
        for side in (a, b)
    ]
    table = counted[0].join(counted[1], on="question", how="full", coalesce=True, suffix="_b").sort("question")
    terms = [pl.col(name) for name in ("cues", "words", "cues_b", "words_b")]
    return estimate(table, [Ratio("texts", "reflection cues", "per 1,000 words", *terms, 1000.0)])


def cues(a: Tables, b: Tables) -> list[dict]:
    """How often each cue of reflection starts a sentence, per 1,000 words of the sampled responses."""
    counts = [_count_cues(tables.rows["sampled"].drop_nulls()) for tables in (a, b)]
    return [{"cue": cue, "a": counts[0][cue], "b": counts[1][cue]} for cue in CUES]


def _count_cues(texts: pl.Series) -> dict[str, float | None]:
    words = int(texts.str.count_matches(r"\S+").sum())
    found = texts.str.extract_all(at_sentence_start(CUES)).explode(empty_as_null=True).drop_nulls()
    ended = Counter(max((cue for cue in CUES if match.endswith(cue)), key=len) for match in found)
    return {cue: 1000 * ended[cue] / words if words else None for cue in CUES}


def _variety(a: pl.DataFrame, b: pl.DataFrame) -> list[Estimate]:
    """The share of distinct n-grams (of lower-case words), in ten pairs of blocks of equally many words.

    A question is in the same block in both versions.
    """
    blocks = [_blocks(side) for side in (a, b)]
    shortest = min(len(block) for side in blocks for block in side)
    if shortest < LEAST_WORDS:
        return [Estimate("texts", f"distinct {n}-grams", "share", None, None) for n in GRAMS]
    size = min(shortest, MOST_WORDS)
    return [
        paired_blocks(
            "texts",
            f"distinct {n}-grams",
            "share",
            *([_distinct(block[:size], n) for block in side] for side in blocks),
        )
        for n in GRAMS
    ]


def _blocks(rows: pl.DataFrame) -> list[list[str]]:
    """The words of the first responses of each block."""
    ordered = rows.sort("question", "place").with_columns(block=pl.col("question").hash(2) % BLOCKS)
    blocks: list[list[str]] = [[] for _ in range(BLOCKS)]
    for block, text in ordered.select("block", "sampled").iter_rows():
        if len(blocks[block]) < MOST_WORDS:
            blocks[block] += text.lower().split()
    return blocks


def _distinct(words: Sequence[str], n: int) -> float:
    grams = list(zip(*(words[start:] for start in range(n)), strict=False))
    return len(set(grams)) / len(grams)
