"""What questions are held against: a benchmark, from a pack, a version, or any source that a recipe could have."""

from pathlib import Path

import polars as pl

from ovt.core.home import Home
from ovt.curate.screen.image_hashes import looks_in
from ovt.curate.screen.packs import Pack, is_pack, load_pack, make_pack
from ovt.curate.sources.images import image_path
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.section import SourceSection
from ovt.curate.versions.images import restore_images
from ovt.curate.versions.manifest import MANIFEST
from ovt.curate.versions.read import Version, open_version, reading, scan

DATA = (".parquet", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")


def open_benchmark(against: str | SourceSection, home: Home) -> Pack:
    """The hashes of a benchmark: a pack's file, "name@v1" or a version's folder, or a source's path or section.

    Raises OvtError where there is none, and what `import_sources` raises for a source that cannot be read.
    """
    if isinstance(against, str):
        if Path(against).is_file() and is_pack(Path(against)):
            return load_pack(Path(against))
        if is_version(against):
            return version_pack(open_version(against, home), home)
        against = SourceSection(path=against)
    imported = import_sources([against], home)
    looks, table = looks_in(imported.questions, home)
    return make_pack(against.name, imported.questions, looks, table)


def is_version(ref: str) -> bool:
    """Whether a text can only mean a version: a folder with a manifest, or a name that is no file's and no source's."""
    path = Path(ref).expanduser()
    if path.is_dir():
        return (path / MANIFEST).is_file()
    return not (path.exists() or ":" in ref or "/" in ref or "*" in ref or path.suffix.lower() in DATA)


def version_pack(version: Version, home: Home) -> Pack:
    """The hashes of all questions of a version's ledger whose images are at hand, kept or not."""
    with reading(version):
        restore_images(version, home)
        questions = with_images(scan(version, "questions").collect(), home)
    looks, table = looks_in(questions, home)
    return make_pack(version.ref, questions, looks, table)


def with_images(questions: pl.DataFrame, home: Home) -> pl.DataFrame:
    """The questions all of whose images are in the home."""
    ids = questions["images"].explode().drop_nulls().unique()
    here = [image_id for image_id in ids if image_path(home, image_id).exists()]
    return questions.filter(pl.col("images").list.eval(pl.element().is_in(here)).list.all())


def items_note(pack: Pack) -> str:
    """One line that says what was read."""
    images = pack.hashes.filter(pl.col("kind") == "look").height
    return f"{pack.name}: {pack.items:,} items, {images:,} images"
