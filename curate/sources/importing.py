"""`import_sources`: all sources of a recipe -> one table of questions, and one decision per row left out.

Imports are kept for the next build (kept.py), and one that was stopped goes on after its last part.
"""

import json
import math
import random
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.engine import Engine, Threads, map_chunks
from ovt.core.errors import OvtError, RecipeError
from ovt.core.files import disk_errors
from ovt.core.hashing import SPACED, hash_json
from ovt.core.home import Home
from ovt.core.schema import DECISIONS, QUESTIONS, kept_columns
from ovt.curate.sources.cells import Places, weight
from ovt.curate.sources.columns import Columns, describe, match_columns
from ovt.curate.sources.faults import MAX_CELL, check_golds, mark_readings, mark_repeats
from ovt.curate.sources.images import Storing, id_of, keep_image
from ovt.curate.sources.kept import Cache, Kept, in_parts
from ovt.curate.sources.matchable import notes_on_golds
from ovt.curate.sources.rows import KEPT, ROWS, kept_names, open_images, read_images, read_texts
from ovt.curate.sources.section import SourceSection
from ovt.curate.sources.source import Opened, Part, open_source
from ovt.curate.sources.where import columns_in, matches, table_of
from ovt.verifiers import VERSION as VERIFIER_VERSION

IMPORTER_VERSION = 1  # bump when the import makes something else of the same rows
AT_ONCE = 256  # rows whose golds are checked together, unless their images are heavy

NO_ROWS = ROWS.to_frame().drop("files")

OnRow = Callable[[int], None]


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
    """`count` in whole parts by weight; what is left over goes to the largest remainders, the first first."""
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
    opened = open_source(section, most if section.where is None else None)
    total = sum(part.count for part in opened.parts)
    if not total:
        raise OvtError(f"source {section.name}: {section.path} has no rows, expected at least one")
    columns = columns_of_parts(section, opened.parts)
    notes = (*opened.notes, *filter(None, [describe(columns, section)]))
    settings = _settings(section, most, opened)
    roots = [str(section.image_root), *(str(place) for part in opened.parts for place in places(part, section).allowed)]
    cache = Cache(home, home.imports / hash_json(settings, SPACED), settings, tuple(roots))
    kept = cache.load()
    if kept is None:
        found = Found(opened, section, columns, set(columns.readings), engine)
        order = wanted_rows(opened, section, most)
        kept = cache.complete(partial(_read_on, found, home, order, on_row), partial(_arranged, order))
    elif on_row:
        on_row(len(kept.rows))
    if section.where:
        notes = (*notes, f"source {section.name}: {len(kept.rows):,} rows where {section.where}, of {total:,}")
    fingerprint = name_import(settings, kept.readings)
    rows = mark_readings(kept.rows, section.name)
    return rows, fingerprint, (*notes, *notes_on_golds(rows, section.name))


def name_import(settings: dict[str, Any], readings: Sequence[str]) -> str:
    """The fingerprint of an import. What a later version of ovt reads otherwise is another content; where it reads the
    same, it has the same name."""
    return hash_json(settings | ({"readings": list(readings)} if readings else {}), SPACED)


def fingerprint_of(folder: Path) -> str | None:
    """The fingerprint of a cached import, as versions have it among their inputs; None for what is no import."""
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


def wanted_rows(opened: Opened, section: SourceSection, most: int | None) -> Sequence[int]:
    """The numbers of the rows to read, in question order: those that `where` holds for, up to `most`. A row that cannot
    be read is among them, and so is counted. OvtError if there is none."""
    total = sum(part.count for part in opened.parts)
    if section.where is None:
        return choose_rows(total, most, section.shuffle_seed)
    found = {str(name): name for part in opened.parts for name in part.columns}
    named = [found[name] for name in columns_in(section.where) if name in found]
    rows = (row for part in opened.parts for _, row in part.rows(named, range(part.count)))
    table, broken = table_of(rows, found, named)
    found_here = matches(table, section.where, f"source {section.name}")
    if not found_here.any():
        raise OvtError(f"source {section.name}: none of {total:,} rows has {section.where}: change where")
    kept = (found_here | broken).arg_true().to_list()
    return [kept[number] for number in choose_rows(len(kept), most, section.shuffle_seed)]


def choose_rows(total: int, most: int | None, shuffle_seed: int | None) -> Sequence[int]:
    """The numbers of the rows to read, in question order."""
    count = total if most is None else min(most, total)
    return range(count) if shuffle_seed is None else random.Random(shuffle_seed).sample(range(total), count)


def places(part: Part, section: SourceSection) -> Places:
    """The image folders of a part."""
    if section.image_root is None:
        return Places(part.root, part.allowed, section.image_pattern, section.fetch_images)
    root = Path(section.image_root).expanduser().absolute()
    own = () if part.root else part.allowed  # the Hub's cache, where images lie that datasets itself has put there
    return Places(root, (root, *own), section.image_pattern, section.fetch_images)


@dataclass(frozen=True)
class Found:
    """An opened source, its column mapping, which newer ways of reading its rows have needed so far, and where its
    pictures are decoded (None: here)."""

    opened: Opened
    section: SourceSection
    columns: Columns
    readings: set[str]
    engine: Engine | None


def _read_on(
    found: Found, home: Home, order: Sequence[int], on_row: OnRow | None, before: Sequence[Kept]
) -> Iterator[Kept]:
    """The parts that follow those `before`. Rows are read sequentially, whatever the order, and images as they come."""
    for part in before:
        found.readings.update(part.readings)
    done = sum(len(part.rows) for part in before)
    last = before[-1].rows["row"][-1] if before else -1
    schema = pl.Schema({**ROWS, **dict.fromkeys(kept_names(found.section), pl.String)})
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")  # what it warns of is decided here: too large, or read as it is
        for records in in_parts(_counted(_stored(found, after(order, last), home), on_row, done)):
            yield Kept.of(pl.DataFrame(records, schema), found.readings)


def after(order: Sequence[int], last: int) -> Collection[int]:
    """The rows to read that come after the one numbered `last`."""
    if isinstance(order, range):
        return range(max(order.start, last + 1), order.stop)
    return frozenset(number for number in order if number > last)


def _arranged(order: Sequence[int], rows: pl.DataFrame) -> pl.DataFrame:
    """The rows in question order."""
    if isinstance(order, range):
        return rows
    place = pl.DataFrame({"row": order, "place": range(len(order))}, {"row": pl.Int64, "place": pl.Int64})
    return rows.join(place, on="row", maintain_order="left").sort("place", maintain_order=True).drop("place")


def _texts(found: Found, wanted: Collection[int]) -> Iterator[tuple[dict[str, Any], Places]]:
    section, columns, start = found.section, found.columns, 0
    for part in found.opened.parts:
        inside, where = within(wanted, start, part.count), places(part, section)
        names = [name for name in columns.top() if name in part.columns or name in part.late]
        for number, row in part.rows(names, inside) if inside else ():
            for record in read_texts(row, start + number, section, columns):
                found.readings.update(record.pop("readings"))
                yield record, where
        start += part.count


def _checked(texts: Iterable[tuple[dict[str, Any], Places]]) -> Iterator[tuple[dict[str, Any], Places]]:
    """The records, with the reason of those whose gold the verifier rejects."""
    some: list[tuple[dict[str, Any], Places]] = []
    held = 0
    for one in texts:
        some.append(one)
        held += sum(map(weight, one[0].get("shown", ())))
        if len(some) == AT_ONCE or held > MAX_CELL:
            check_golds([record for record, _ in some])
            yield from some
            some, held = [], 0
    check_golds([record for record, _ in some])
    yield from some


def within(wanted: Collection[int], start: int, count: int) -> Collection[int]:
    """The wanted rows of a part, numbered from its own first row."""
    if isinstance(wanted, range):
        return range(max(wanted.start - start, 0), min(wanted.stop - start, count))
    return frozenset(number - start for number in wanted if start <= number < start + count)


def _stored(found: Found, wanted: Collection[int], home: Home) -> Iterator[dict[str, Any]]:
    """The records with their images stored, in order; a few in parallel, since Pillow releases Python's lock."""
    keep, about = partial(keep_image, home), found.section
    limits = {"max_pixels": about.max_pixels, "min_pixels": about.min_pixels, "more": about.image_formats}
    apart = found.engine
    if apart is None:
        store = Storing(keep, limits, found.readings)
        with Threads() as engine:
            read = map_chunks(engine, lambda one: read_images(*one, store), _checked(_texts(found, wanted)))
            yield from (record for _, record in read)
        return
    opened = (open_images(*one) for one in _checked(_texts(found, wanted)))
    batches = iter(lambda: [*islice(opened, apart.together)], [])
    for _, made in map_chunks(apart, partial(_read_apart, limits), batches):
        found.readings.update(made.readings)
        for image in made.images:
            keep(image)
        yield from made.records


@dataclass(frozen=True)
class Apart:
    """Records that were read where there is no home: their images, which are yet to be stored."""

    records: list[dict[str, Any]]
    images: list[bytes]
    readings: set[str]


def _read_apart(limits: dict[str, Any], records: list[dict[str, Any]]) -> Apart:
    images: dict[str, bytes] = {}
    readings: set[str] = set()

    def keep(image: bytes) -> str:
        images[name := id_of(image)] = image
        return name

    store = Storing(keep, limits, readings)
    return Apart([read_images(record, None, store) for record in records], [*images.values()], readings)


def _counted(records: Iterable[dict[str, Any]], on_row: OnRow | None, done: int) -> Iterator[dict[str, Any]]:
    for count, record in enumerate(records, done + 1):
        yield record
        if on_row:
            on_row(count)


def part_rows(rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(QUESTIONS, DECISIONS): the fit rows, and why each other row was left out."""
    kept = [name for name in rows.columns if name.startswith(KEPT)]
    questions = typed(rows.filter(pl.col("reason").is_null()).select(*QUESTIONS.names(), *kept))
    dropped = rows.filter(pl.col("reason").is_not_null())
    where = pl.format("{} {}", "source", "source_id")
    decisions = dropped.select(
        level=pl.lit("question"),
        id="row_id",
        question_id="row_id",
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
