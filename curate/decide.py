"""The part of a build that sends no request: model replies to some questions -> verdicts, decisions and kept rows.

    verify → select → filter → rows

Builds read the samples from the reply store (parts.py), `what_if` from a version's ledger; both use the functions here.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from ovt.core import decisions
from ovt.core.schema import DECISIONS, QUESTIONS, ROWS, SAMPLES, VERDICTS
from ovt.curate.recipe import Recipe
from ovt.curate.stages import behaviours, caption, difficulty, filter, reason, rows, select, verify
from ovt.curate.stages.samples import PICTURED, pictured

CHUNK = 2_000  # questions decided at once; bounds the memory. The ledger's order within a chunk depends on it
NO_CAPTIONS = pl.DataFrame(schema={"question_id": pl.String, "caption": pl.String})

Judge = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]  # (answered samples, their questions) -> VERDICTS


@dataclass(frozen=True)
class Tables:
    """A decided chunk of questions: tables with the schemas of the same names."""

    questions: pl.DataFrame
    samples: pl.DataFrame
    verdicts: pl.DataFrame
    decisions: pl.DataFrame
    rows: pl.DataFrame


def described(
    recipe: Recipe, questions: pl.DataFrame, samples: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame | None, pl.DataFrame]:
    """(questions ready for reasoning, the captions of those with pictures, decisions on the rest); no captions if the
    model sees images.

    samples: SAMPLES rows of the questions' captions.
    """
    if recipe.caption is None:
        return questions, None, DECISIONS.to_frame()
    captions, lost = caption.run(pictured(questions), samples)
    told = pl.col("question_id").is_in(captions["question_id"].implode())
    return questions.filter(told | ~PICTURED), captions, lost


def decide(recipe: Recipe, questions: pl.DataFrame, samples: pl.DataFrame, judge: Judge) -> Tables:
    """One chunk through verify, select and filter.

    samples: all SAMPLES rows of the questions, captions first, each by (question, index). judge: returns the verdicts.
    """
    captions_said, said = by_stage(samples)
    captioned, captions, lost = described(recipe, questions, captions_said)
    answered, unanswered = reason.run(captioned, said)
    verdicts = judge(answered, captioned)
    correct, wrong = verify.run(answered, verdicts)
    selected, not_selected = select.run(correct, recipe.select)
    filtered, filtered_out = filter.run(selected, recipe.filter)
    kept = decisions.kept(filtered, "sample", "kept", pl.col("edit"))
    decided = pl.concat([lost, unanswered, wrong, not_selected, filtered_out, kept])
    decided = pl.concat([decided, decisions.settle(questions, filtered, decided)])
    made = rows.run(
        questions,
        [captions if captions is not None else NO_CAPTIONS, difficulty.run(verdicts, recipe.difficulty)],
        behaviours.run(filtered),
        decided,
        recipe.data,
    )
    return Tables(questions, samples, verdicts, decided, made)


def rule(recipe: Recipe, questions: pl.DataFrame, samples: pl.DataFrame) -> pl.DataFrame:
    """The rules' VERDICTS on the answers of one chunk: what `decide` asks its judge for."""
    captions_said, said = by_stage(samples)
    captioned = described(recipe, questions, captions_said)[0]
    return verify.judge(reason.run(captioned, said)[0], captioned, recipe.verify)


def deciding(recipe: Recipe) -> Recipe:
    """The recipe without what deciding does not need and other machines need not know: where models are."""
    return recipe.model_copy(update={"endpoints": {}, "sources": ()})


def by_stage(samples: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(captions, chains) among samples."""
    of_stage = samples.partition_by("stage", as_dict=True)
    return of_stage.get(("caption",), samples.clear()), of_stage.get(("reason",), samples.clear())


def import_drops(dropped: pl.DataFrame, questions: pl.DataFrame | None = None) -> Tables:
    """Rows dropped before any request (DECISIONS rows), as a chunk of its own.

    questions: those that dedup and decontam dropped; rows that the import refused may not have been questions.
    """
    asked = QUESTIONS.to_frame() if questions is None else questions
    return Tables(asked, SAMPLES.to_frame(), VERDICTS.to_frame(), dropped, ROWS.to_frame())
