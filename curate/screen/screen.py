"""Both stages, for a build: between the import and the first request, so that nothing is paid for what they drop."""

from dataclasses import dataclass

import polars as pl

from ovt.core.errors import GateFailed, OvtError
from ovt.core.home import Home
from ovt.core.schema import DECISIONS, QUESTIONS
from ovt.curate.screen import decontam, dedup
from ovt.curate.screen.decontam import DecontamSection
from ovt.curate.screen.dedup import DedupSection
from ovt.curate.screen.image_hashes import looks_in
from ovt.curate.screen.packs import Pack
from ovt.curate.screen.reference import open_benchmark
from ovt.curate.sources.section import SourceSection
from ovt.curate.versions.manifest import Input


@dataclass(frozen=True)
class Screened:
    """What went in, parted.

    questions   QUESTIONS that go on; gone: those dropped; decisions: DECISIONS on these
    benchmarks  what they were held against, for the manifest
    notes       lines for people
    """

    questions: pl.DataFrame
    gone: pl.DataFrame
    decisions: pl.DataFrame
    benchmarks: tuple[Input, ...] = ()
    notes: tuple[str, ...] = ()


def screen(
    questions: pl.DataFrame, dedup_by: DedupSection | None, decontam_by: DecontamSection | None, home: Home
) -> Screened:
    """Questions through dedup, then decontam, where the recipe has them.

    Raises GateFailed where decontam's mode is "fail" and it finds something, OvtError where nothing is left.
    """
    if dedup_by is None and decontam_by is None:
        return Screened(questions, QUESTIONS.to_frame(), DECISIONS.to_frame())
    looks, table = looks_in(questions, home)
    kept, gone, decisions, notes = questions, [], [], ()
    if dedup_by:
        kept, again, why = dedup.run(kept, looks, table, dedup_by)
        gone.append(again)
        decisions.append(why)
    packs = [open_benchmark(against, home) for against in decontam_by.against] if decontam_by else []
    if decontam_by:
        left, inside, why = decontam.run(kept, looks, table, packs, decontam_by)
        if decontam_by.mode == "drop":
            kept = left
            gone.append(inside)
            decisions.append(why)
        elif len(why):
            notes = (_found(why, decontam_by),)
    if kept.is_empty():
        raise OvtError(f"dedup and decontam leave none of {len(questions):,} questions: loosen them, or leave them out")
    return Screened(
        kept,
        in_order(questions, pl.concat([QUESTIONS.to_frame(), *gone])),
        pl.concat([DECISIONS.to_frame(), *decisions]),
        tuple(map(benchmark_input, packs, decontam_by.against)) if decontam_by else (),
        notes,
    )


def _found(decisions: pl.DataFrame, section: DecontamSection) -> str:
    first = decisions.row(0, named=True)
    line = f"decontam: {len(decisions):,} questions are in a benchmark, such as {first['id']} ({first['detail']})"
    if section.mode == "fail":
        raise GateFailed(f'{line}: set decontam.mode = "drop" to leave them out')
    return line


def in_order(questions: pl.DataFrame, some: pl.DataFrame) -> pl.DataFrame:
    """Some of the questions, in the order of all."""
    return questions.join(some.select("question_id"), on="question_id", how="semi", maintain_order="left")


def benchmark_input(pack: Pack, against: str | SourceSection) -> Input:
    """A benchmark as the manifest names it."""
    location = against if isinstance(against, str) else against.path
    return Input(source=pack.name, location=location, fingerprint=pack.fingerprint, rows=pack.items)
