"""Both screening stages of a build: after import, before the first request, so dropped questions cost nothing.

A benchmark to compare with comes from a hash pack, a version, or any source that a recipe could have.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ovt.core.engine import Engine
from ovt.core.errors import GateFailed, OvtError
from ovt.core.home import Home
from ovt.core.schema import DECISIONS, QUESTIONS
from ovt.curate.screen import decontam, dedup
from ovt.curate.screen.decontam import DecontamSection
from ovt.curate.screen.dedup import DedupSection
from ovt.curate.screen.fingerprints import pictures_in
from ovt.curate.screen.packs import Pack, is_pack, load_pack, make_pack
from ovt.curate.sources.images import image_path
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.section import SourceSection, data_suffix
from ovt.curate.versions.manifest import MANIFEST, Input
from ovt.curate.versions.read import Version, on_hub, open_version, reading, restore_images, scan

SIX = ("mathvista", "mathverse", "mathvision", "mmmu-pro", "emma", "hallusionbench")  # what "benchmarks" stands for


@dataclass(frozen=True)
class Screened:
    """The questions after screening.

    questions   QUESTIONS that continue; gone: those dropped; decisions: DECISIONS on these
    benchmarks  what they were compared with, for the manifest
    notes       lines for people
    """

    questions: pl.DataFrame
    gone: pl.DataFrame
    decisions: pl.DataFrame
    benchmarks: tuple[Input, ...] = ()
    notes: tuple[str, ...] = ()


def screen(
    questions: pl.DataFrame,
    dedup_by: DedupSection | None,
    decontam_by: DecontamSection | None,
    home: Home,
    engine: Engine | None = None,
) -> Screened:
    """Runs dedup, then decontam, if the recipe has them; `engine` fingerprints the pictures (None: threads do).

    Raises GateFailed if decontam's mode is "fail" and it finds something, OvtError if no question is left.
    """
    if dedup_by is None and decontam_by is None:
        return Screened(questions, QUESTIONS.to_frame(), DECISIONS.to_frame())
    pictures = pictures_in(questions, home, engine)
    kept, gone, decisions, notes = questions, [], [], ()
    if dedup_by:
        kept, again, why = dedup.run(kept, pictures, dedup_by)
        gone.append(again)
        decisions.append(why)
    known = everything(decontam_by.against, home) if decontam_by else ()
    packs = [open_benchmark(against, home) for against in known]
    if decontam_by:
        left, inside, why = decontam.run(kept, pictures, packs, decontam_by)
        if decontam_by.mode == "drop":
            kept = left
            gone.append(inside)
            decisions.append(why)
        elif len(why):
            notes = (_found(why, decontam_by),)
    if kept.is_empty():
        raise OvtError(f"dedup and decontam drop all {len(questions):,} questions: loosen or remove them")
    return Screened(
        kept,
        in_order(questions, pl.concat([QUESTIONS.to_frame(), *gone], how="diagonal")),
        pl.concat([DECISIONS.to_frame(), *decisions]),
        tuple(map(benchmark_input, packs, known)),
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
    """A benchmark as named in the manifest."""
    location = against if isinstance(against, str) else against.path
    return Input(source=pack.name, location=location, fingerprint=pack.fingerprint, rows=pack.items)


def everything(against: Sequence[str | SourceSection], home: Home) -> tuple[str | SourceSection, ...]:
    """What to compare with, "benchmarks" as the packs of the six. OvtError naming the first that is missing."""
    found: list[str | SourceSection] = []
    for one in against:
        if one != "benchmarks":
            found.append(one)
            continue
        packs = {name: home.path / "packs" / f"{name}.pack" for name in SIX}
        for name, pack in packs.items():
            if not pack.is_file():
                raise OvtError(
                    f"decontam against benchmarks: there is no {pack}; make it from a copy of {name}: "
                    f"ovt data decontam --against COPY --save-pack {pack}"
                )
        found += map(str, packs.values())
    return tuple(found)


def open_benchmark(against: str | SourceSection, home: Home) -> Pack:
    """A benchmark's hashes: from a pack file, "name@v1" or a version's folder, or a source's path or section.

    Raises OvtError if there is none, and what `import_sources` raises for an unreadable source.
    """
    if isinstance(against, str):
        if Path(against).is_file() and is_pack(Path(against)):
            return load_pack(Path(against))
        if is_version(against):
            return version_pack(open_version(against, home), home)
        against = SourceSection(path=against)
    imported = import_sources([against], home)
    return make_pack(against.name, imported.questions, pictures_in(imported.questions, home))


def is_version(ref: str) -> bool:
    """Whether a text can only be a version: a folder with a manifest, or a name of no file or source."""
    path = Path(ref).expanduser()
    if path.is_dir():
        return (path / MANIFEST).is_file()
    if path.exists() or ":" in ref or "*" in ref or data_suffix(path.name):
        return False
    return "/" not in ref or on_hub(ref)


def version_pack(version: Version, home: Home) -> Pack:
    """The hashes of all questions of a version's ledger whose images are available, kept or not."""
    with reading(version):
        restore_images(version, home)
        questions = with_images(scan(version, "questions").collect(), home)
    return make_pack(version.ref, questions, pictures_in(questions, home))


def with_images(questions: pl.DataFrame, home: Home) -> pl.DataFrame:
    """The questions whose images are all in the home."""
    ids = questions["images"].explode().drop_nulls().unique()
    here = [image_id for image_id in ids if image_path(home, image_id).exists()]
    return questions.filter(pl.col("images").list.eval(pl.element().is_in(here)).list.all())


def items_note(pack: Pack) -> str:
    """A one-line summary of what was read."""
    images = pack.hashes.filter(pl.col("kind") == "look").height
    return f"{pack.name}: {pack.items:,} items, {images:,} images"
