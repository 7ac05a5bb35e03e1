"""`target_rows`: a build asks questions round by round until it has kept that many rows.

    wanted 5,000 → 1,250 questions asked, 400 rows kept → 14,375 more, 4,585 kept → 48 more, 16 kept → 5,001 rows

Questions are taken from all sources at once, by weight. How many are asked next follows from the rows kept so far, and
so from the replies alone: a stopped build asks the same ones again, and finds them answered.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace

import polars as pl

from ovt.curate.run import Run
from ovt.curate.sources.section import SourceSection

FEWEST = 16  # questions per round: every stage starts and ends in each
TRIAL = 4  # the first round has one question per this many wanted rows: a question may give several
MOST_TIMES = 4  # a round has at most this many times the rows missing, or the questions asked so far


async def ask_enough(
    run: Run, ask: Callable[[Run], Coroutine[None, None, None]], count_kept: Callable[[Run], int]
) -> Run:
    """Asks the run's questions, or as many as its target needs; returns the run with the questions that were asked.

    count_kept: the number of sft rows that a run's questions give, from their replies.
    """
    target = run.recipe.target_rows
    if target is None:
        await ask(run)
        return run
    ordered = by_weight(run.questions, run.recipe.sources)
    asked = kept = 0
    while kept < target and asked < len(ordered):
        some = replace(run, questions=ordered.slice(asked, how_many(target - kept, kept, asked)))
        await ask(some)
        kept += await asyncio.to_thread(count_kept, some)
        asked += len(some.questions)
    run.session.progress.notes += [told(target, kept, asked, len(ordered))]
    return replace(run, questions=ordered.head(asked))


def how_many(missing: int, kept: int, asked: int) -> int:
    """The number of questions to ask next for `missing` more rows, from the rows kept per question so far."""
    if not asked:
        return max(FEWEST, math.ceil(missing / TRIAL))
    needed = math.ceil(missing * asked / kept) if kept else MOST_TIMES * asked
    return max(FEWEST, min(needed, MOST_TIMES * max(missing, asked)))


def by_weight(questions: pl.DataFrame, sources: Sequence[SourceSection]) -> pl.DataFrame:
    """The questions with their sources mixed: of two, one of weight 2 gives two questions in three until it ends."""
    weights = {source.name: source.weight for source in sources}
    order = {source.name: place for place, source in enumerate(sources)}
    turn = (pl.int_range(pl.len()).over("source") + 0.5) / pl.col("source").replace_strict(
        weights, return_dtype=pl.Float64
    )
    place = pl.col("source").replace_strict(order, return_dtype=pl.Int64)
    return questions.sort(turn, place, maintain_order=True)


def told(target: int, kept: int, asked: int, there: int) -> str:
    """Whether the target was reached, for people."""
    if kept >= target:
        return (
            f"target_rows {target:,}: {kept:,} rows of {asked:,} questions; the other {there - asked:,} were not asked"
        )
    return (
        f"target_rows {target:,}: only {kept:,} rows, though all {there:,} questions were asked; `ovt data funnel` "
        "shows where the others ended: add questions, or raise reason.k"
    )
