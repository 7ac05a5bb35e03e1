"""`import_sources`: all sources of a recipe -> one table of questions, and one decision per row left out.

Imports are kept for the next build (kept.py), and a stopped one continues after its last part.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.engine import Engine
from ovt.core.errors import OvtError, RecipeError
from ovt.core.files import disk_errors
from ovt.core.hashing import SPACED, hash_json
from ovt.core.home import Home
from ovt.core.schema import DECISIONS, QUESTIONS, kept_columns
from ovt.curate.sources.columns import Columns, describe, match_columns
from ovt.curate.sources.faults import mark_readings, mark_repeats
from ovt.curate.sources.kept import Cache
from ovt.curate.sources.matchable import notes_on_golds
from ovt.curate.sources.reading import Found, OnRow, arranged, places, read_on, wanted_rows
from ovt.curate.sources.rows import KEPT, ROWS, row_id
from ovt.curate.sources.section import SourceSection
from ovt.curate.sources.source import Opened, Part, open_source
from ovt.verifiers import VERSION as VERIFIER_VERSION

IMPORTER_VERSION = 1  # bump when the import reads the same rows differently

NO_ROWS = ROWS.to_frame().drop("files")


@dataclass(frozen=True)
class Imported:
    """The result of an import.

    questions     QUESTIONS, in the order of the sources and of their rows
    decisions     DECISIONS, stage "import", one per row left out
    rows_in       rows read, by source name; for each, rows_in = its questions + its decisions
    fingerprints  hex sha256 over a source's settings and content, by source name
    notes         lines for people: guessed columns and splits
    """

    questions: pl.DataFrame
    decisions: pl.DataFrame
    rows_in: dict[str, int]
    fingerprints: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """One hash for all sources."""
        return hash_json(self.fingerprints, SPACED)


def import_sources(
    sections: Sequence[SourceSection],
    home: Home,
    limit: int | None = None,
    on_row: OnRow | None = None,
    engine: Engine | None = None,
) -> Imported:
    """Reads every source, stores its images under `home.images` and lints its golds.

    `limit` is the maximum number of rows in all, spread evenly over the sources; `on_row(n)` reports the rows done;
    `engine` decodes the pictures (None: threads do).
    A source already imported with the same settings and content is not read again.
    Raises OvtError for user mistakes: a missing file or column, an unknown format, no usable row.
    """
    _check_names(sections)
    with disk_errors(home.path):
        home.make()
    tables: dict[str, pl.DataFrame] = {}
    prints: dict[str, str] = {}
    notes: list[str] = []
    for section, most in zip(sections, shares(sections, limit), strict=True):
        done = sum(map(len, tables.values()))
        heard = partial(_report, on_row, done) if on_row else None
        rows, fingerprint, noted = import_source(section, home, most, heard, engine) if most != 0 else (NO_ROWS, "", ())
        tables[section.name], prints[section.name] = rows, fingerprint
        notes += noted
    rows = mark_repeats(pl.concat(tables.values(), how="diagonal"))
    questions, decisions = part_rows(rows)
    if questions.is_empty():
        raise OvtError(_nothing_left(rows))
    return Imported(questions, decisions, {name: len(rows) for name, rows in tables.items()}, prints, tuple(notes))


def _check_names(sections: Sequence[SourceSection]) -> None:
    names = [section.name for section in sections]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"two sources are named {name!r}: rename one")


def _report(on_row: OnRow, done: int, rows: int) -> None:
    on_row(done + rows)


def shares(sections: Sequence[SourceSection], limit: int | None) -> list[int | None]:
    """The maximum rows of each source: its own limit, and its share of the overall limit by weight (0: no rows)."""
    dealt = [None] * len(sections) if limit is None else deal(limit, [section.weight for section in sections])
    return [
        min((most for most in (section.limit, share) if most is not None), default=None)
        for section, share in zip(sections, dealt, strict=True)
    ]


def deal(count: int, weights: Sequence[float]) -> list[int]:
    """`count` in whole parts by weight; what is left over goes to the largest remainders, earlier ones first."""
    exact = [count * weight / math.fsum(weights) for weight in weights]
    whole = [math.floor(share) for share in exact]
    order = sorted(range(len(weights)), key=lambda at: (-(round(exact[at] - whole[at], 9)), at))
    for at in order[: count - sum(whole)]:
        whole[at] += 1
    return whole


def import_source(
    section: SourceSection, home: Home, most: int | None, on_row: OnRow | None, engine: Engine | None
) -> tuple[pl.DataFrame, str, tuple[str, ...]]:
    """(ROWS without "files", fingerprint, notes) of one source, from the cache if nothing changed."""
    opened = open_source(section, most)
    total = sum(part.count for part in opened.parts)
    if not total:
        raise OvtError(f"source {section.name}: {section.path} has no rows, expected at least one")
    columns = columns_of_parts(section, opened.parts)
    notes = (*opened.notes, *filter(None, [describe(columns, section)]))
    settings = _settings(section, most, opened)
    roots = [str(section.image_root), *(str(place) for part in opened.parts for place in places(part, section).allowed)]
    readings = frozenset(name for about in (columns, *opened.parts) for name in about.readings)
    cache = Cache(home, home.imports / hash_json(settings, SPACED), settings, tuple(roots), readings)
    kept = cache.load()
    if kept is None:
        found = Found(opened, section, columns, {*readings}, engine)
        order = wanted_rows(opened, section, most)
        kept = cache.complete(partial(read_on, found, home, order, on_row), partial(arranged, order))
    elif on_row:
        on_row(len(kept.rows))
    if section.where:
        notes = (*notes, f"source {section.name}: {len(kept.rows):,} rows where {section.where}, of {total:,}")
    fingerprint = name_import(settings, kept.readings)
    rows = mark_readings(kept.rows, section.name)
    return rows, fingerprint, (*notes, *notes_on_golds(rows, section.name))


def name_import(settings: dict[str, Any], readings: Sequence[str]) -> str:
    """The fingerprint of an import. It changes if a later version of ovt reads the rows differently, and only then."""
    return hash_json(settings | ({"readings": list(readings)} if readings else {}), SPACED)


def fingerprint_of(folder: Path) -> str | None:
    """The fingerprint of a cached import, as in the inputs of versions; None if it is not an import."""
    try:
        noted = json.loads((folder / "import.json").read_text())
        return name_import(noted["settings"], noted.get("readings", ()))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def columns_of_parts(section: SourceSection, parts: Sequence[Part]) -> Columns:
    """Which columns are which. Those that come late in a file only fill roles that no other column has."""
    found, images, late = (
        tuple(dict.fromkeys(name for part in parts for name in getattr(part, kind)))
        for kind in ("columns", "image_columns", "late")
    )
    if not late:
        return match_columns(section, found, images)
    every = match_columns(section, tuple(dict.fromkeys(found + late)), images)
    try:
        early = match_columns(section, found, images)
    except RecipeError:
        return every
    return early.with_late(every)


def _settings(section: SourceSection, most: int | None, opened: Opened) -> dict[str, Any]:
    """Everything an import depends on."""
    return {
        "importer": IMPORTER_VERSION,
        "verifier": VERIFIER_VERSION,
        "source": section.model_dump(mode="json", exclude={"license", "limit", "weight"}),
        "most": most,
        "content": opened.fingerprint,
    }


def part_rows(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(QUESTIONS, DECISIONS): the fit rows, and why each other row was left out."""
    kept = [name for name in rows.columns if name.startswith(KEPT)]
    questions = typed(rows.filter(pl.col("reason").is_null()).select(*QUESTIONS.names(), *kept))
    dropped = rows.filter(pl.col("reason").is_not_null())
    where = pl.format("{} {}", "source", "source_id")
    ids = pl.Series([row_id(*of) for of in dropped.select("source", "row", "source_id").iter_rows()], dtype=pl.String)
    decisions = dropped.select(
        level=pl.lit("question"),
        id=ids,
        question_id=ids,
        stage=pl.lit("import"),
        decision=pl.lit("dropped"),
        reason="reason",
        detail=pl.concat_str(where, "detail", separator=": ", ignore_nulls=True),
    )
    return questions, decisions.match_to_schema(DECISIONS)


def typed(questions: pl.DataFrame) -> pl.DataFrame:
    """QUESTIONS with the columns that sources keep as whole numbers, numbers or booleans if all are, else as texts."""
    for name in kept_columns(questions.schema):
        questions = questions.with_columns(_typed(questions[name]).alias(name)).rename({name: name.removeprefix(KEPT)})
    return questions


def _typed(cells: pl.Series) -> pl.Series:
    if cells.null_count() == len(cells):
        return cells
    for pattern, kind in ((r"^-?\d{1,18}$", pl.Int64), (r"^-?\d[\d.eE+-]*$", pl.Float64)):
        if cells.str.contains(pattern).all():
            return cells.cast(kind)
    if cells.is_in(["true", "false"]).all():
        return cells == "true"
    quoted = cells.str.starts_with('"')
    decoded = cells.to_frame("cell").select(
        pl.when(quoted).then(pl.col("cell").str.json_decode(pl.String)).otherwise("cell")
    )
    return decoded.to_series()


def _nothing_left(rows: pl.DataFrame) -> str:
    if rows.is_empty():
        return "the sources have no rows, expected at least one"
    reasons = rows["reason"].value_counts(sort=True).head(3).rows()
    counted = ", ".join(f"{reason} {count:,}" for reason, count in reasons)
    first = rows.row(0, named=True)
    example = f"{first['source']} {first['source_id']}: {first['detail'] or first['reason']}"
    return f"none of {len(rows):,} rows can be used ({counted}); the first is {example[:300]}"
