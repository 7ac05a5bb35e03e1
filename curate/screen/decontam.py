"""The stage that drops questions found in a benchmark.

    id                stage     reason           detail
    77aa01f0c2d3e4a5  decontam  benchmark_image  MathVista item 412: image off by 4 of 576 bits
    90b1c2d3e4f5a6b7  decontam  benchmark_text   MathVista item 7: 9 of its 11 runs of 13 words

A benchmark's image is enough, whatever the question about it. A text counts if a run of 13 words of question and
choices is in the benchmark, unless more than `max_repeats` items or questions share that run, as templates do. A
shorter text counts as a whole if it has `min_words` and only one item and one question have it: most short questions
("What is the value of the red bar?") occur everywhere and mean nothing without their picture.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from pydantic import BeforeValidator, Field

from ovt.core.decisions import dropped
from ovt.core.section import read_section
from ovt.core.untrusted import parse_toml
from ovt.curate.screen.fingerprints import BITS, GRAM, Nearness, Pictures, nearest, whole
from ovt.curate.screen.packs import Pack, text_hashes
from ovt.curate.sources.section import SourceSection

Mode = Literal["drop", "report", "fail"]


def _several(against: Any) -> Any:
    """A single one as a list; a text that is a TOML table, as on a command line, as that table."""
    several = (against,) if isinstance(against, str) else against
    return [_source(_table(one)) for one in several] if isinstance(several, list | tuple) else several


def _source(one: Any) -> Any:
    """A table as a section; its faults read like those of [[sources]] (RecipeError)."""
    return read_section(SourceSection, one, "decontam against") if isinstance(one, dict) else one


def _table(one: Any) -> Any:
    """{ path = "hf://AI4Math/MathVista", split = "testmini" } of a text. ValueError if it is not such a table."""
    if not isinstance(one, str) or not one.lstrip().startswith("{"):
        return one
    try:
        return parse_toml(f"source = {one}")["source"]
    except ValueError as error:
        expected = '{ path = "hf://OWNER/NAME", split = "test", columns = { gold = "label" } }'
        raise ValueError(f"{one[:80]!r} is not a table ({error}); expected e.g. {expected}") from None


class DecontamSection(Nearness):
    """The benchmarks to compare with, and what to do with matches.

    against      benchmarks: hash packs, versions (name@v1), paths of sources, or sections like [[sources]];
                 "benchmarks" stands for the packs of the six benchmarks in the home's packs/
    mode         drop them; report them in a note; or fail the build (exit code 4)
    max_repeats  a run of 13 words shared by more benchmark items, or more questions, is a template
    min_words    shorter texts are ignored; 13 leaves only the runs
    images       whether to match pictures
    texts        whether to match words
    """

    against: Annotated[tuple[str | SourceSection, ...], BeforeValidator(_several)] = Field(min_length=1)
    mode: Mode = "drop"
    max_repeats: Annotated[int, Field(ge=1)] = 10
    min_words: Annotated[int, Field(ge=1, le=GRAM)] = 8
    images: bool = True
    texts: bool = True


MATCHES = pl.Schema({"question_id": pl.String, "reason": pl.String, "why": pl.String})


def run(
    questions: pl.DataFrame, pictures: Pictures, packs: Sequence[Pack], section: DecontamSection
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """QUESTIONS -> (those kept, those in a benchmark, decisions on the latter), in order."""
    matches = find_matches(questions, pictures, packs, section)
    inside = questions.join(matches, on="question_id", maintain_order="left")
    kept = questions.join(matches, on="question_id", how="anti", maintain_order="left")
    decisions = dropped(inside, "question", "decontam", pl.col("reason"), pl.col("why"))
    return kept, inside.select(questions.columns), decisions


def find_matches(
    questions: pl.DataFrame, pictures: Pictures, packs: Sequence[Pack], section: DecontamSection
) -> pl.DataFrame:
    """MATCHES: the questions found in a pack, once each: image matches before text matches, earlier packs first."""
    found = []
    if section.images:
        found += [image_matches(questions, pictures, pack, section) for pack in packs]
    if section.texts:
        said = said_by(questions, section.min_words).filter(rare(section.max_repeats))
        found += [text_matches(said, pack, section.max_repeats) for pack in packs]
    matches = pl.concat([MATCHES.to_frame(), *found]).unique("question_id", keep="first", maintain_order=True)
    return questions.select("question_id").join(matches, on="question_id", maintain_order="left")


def image_matches(questions: pl.DataFrame, pictures: Pictures, pack: Pack, nearness: Nearness) -> pl.DataFrame:
    """MATCHES of the questions whose picture looks like one in the pack."""
    items, known = pack.looks
    known, first = np.unique(known, axis=0, return_index=True)
    items = items[first]
    distinct, back = np.unique(pictures.looks, axis=0, return_inverse=True)
    rows, bits = nearest(distinct, known, nearness)
    rows, bits = rows[back.ravel()], bits[back.ravel()]
    found = []
    for question_id, images in questions.select("question_id", "images").iter_rows():
        at = next((row for row in map(pictures.row.__getitem__, images) if rows[row] >= 0), None)
        if at is not None:
            why = f"{pack.name} item {items[rows[at]]}: image off by {bits[at]} of {BITS * BITS} bits"
            found.append((question_id, "benchmark_image", why))
    return pl.DataFrame(found, MATCHES, orient="row")


def said_by(questions: pl.DataFrame, min_words: int) -> pl.DataFrame:
    """question_id, kind, hash, runs: the hashes of the questions with at least `min_words`."""
    rows = []
    for question_id, question, choices in questions.select("question_id", "question", "choices").iter_rows():
        if len(whole(question, choices).split()) >= min_words:
            hashes = text_hashes(question, choices)
            rows += [(question_id, kind, one, len(hashes)) for kind, one in hashes]
    schema = {"question_id": pl.String, "kind": pl.String, "hash": pl.Binary, "runs": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def rare(max_repeats: int) -> pl.Expr:
    """Which hashes are not templates: runs shared by at most `max_repeats`, whole texts that are unique."""
    return pl.len().over("kind", "hash") <= pl.when(pl.col("kind") == "gram").then(max_repeats).otherwise(1)


def text_matches(said: pl.DataFrame, pack: Pack, max_repeats: int) -> pl.DataFrame:
    """MATCHES of the questions that share a run of words with an item, or all of their words."""
    known = pack.hashes.filter(pl.col("kind") != "look").filter(rare(max_repeats))
    shared = said.join(known, on=["kind", "hash"], maintain_order="left_right")
    best = (
        shared.group_by("question_id", "item", "kind", "runs", maintain_order=True)
        .len("shared")
        .sort("shared", descending=True, maintain_order=True)
        .unique("question_id", keep="first", maintain_order=True)
    )
    runs = pl.format("{} of its {} runs of 13 words", "shared", "runs")
    how = pl.when(pl.col("kind") == "gram").then(runs).otherwise(pl.lit("the same words"))
    why = pl.format("{} item {}: {}", pl.lit(pack.name), "item", how)
    return best.select("question_id", reason=pl.lit("benchmark_text"), why=why)
