"""What questions are held against: a benchmark, from a pack, a version, or any source that a recipe could have."""

from functools import partial
from pathlib import Path

import polars as pl

from ovt.curate.errors import OvtError
from ovt.curate.home import Home
from ovt.curate.similar.looked import looks_in
from ovt.curate.similar.looks import looks_of
from ovt.curate.similar.packs import Pack, is_pack, load_pack, make_pack
from ovt.curate.sources.images import image_bytes
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.section import SourceSection
from ovt.curate.versions.manifest import MANIFEST
from ovt.curate.versions.read import Version, open_version, scan

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
    return make_pack(against.name, imported.fingerprint, imported.questions, looks, table)


def is_version(ref: str) -> bool:
    """Whether a text can only mean a version: a folder with a manifest, or a name that is no file's and no source's."""
    path = Path(ref).expanduser()
    if path.is_dir():
        return (path / MANIFEST).is_file()
    return not (path.exists() or ":" in ref or "/" in ref or "*" in ref or path.suffix.lower() in DATA)


def version_pack(version: Version, home: Home) -> Pack:
    """The hashes of all questions of a version's ledger, kept or not; the home has their images."""
    questions = scan(version, "questions").collect()
    ids = questions["images"].explode().drop_nulls().unique(maintain_order=True).to_list()
    try:
        table = looks_of(ids, partial(image_bytes, home))
    except OvtError as error:
        raise OvtError(f"{version.ref}: {error}; or give its data folder as a source") from None
    rows = {image_id: row for row, image_id in enumerate(ids)}
    return make_pack(version.ref, version.manifest.content_hash, questions, rows, table)


def items_note(pack: Pack) -> str:
    """One line that says what was read."""
    images = pack.hashes.filter(pl.col("kind") == "look").height
    return f"{pack.name}: {pack.items:,} items, {images:,} images"
