"""The rows of an opened source -> records of ROWS: which of them, in what order, checked, with their images stored.

    read texts → [a group at a time: check golds → open, decode and store images] → parts that are kept

Texts are read here; threads do a group's golds and images, or other machines its images.
"""

import json
import random
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any

import polars as pl

from ovt.core.engine import Engine, Threads, map_chunks
from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.sources.cells import Places, weight
from ovt.curate.sources.columns import Columns
from ovt.curate.sources.faults import GoldCheck
from ovt.curate.sources.files import place_of
from ovt.curate.sources.images import Storing, id_of, keep_image
from ovt.curate.sources.kept import Kept, in_parts
from ovt.curate.sources.rows import ROWS, kept_names, open_images, read_images, read_texts
from ovt.curate.sources.section import Name, SourceSection
from ovt.curate.sources.source import MaybeRow, Opened, Part, within
from ovt.curate.sources.where import columns_in, matches, table_of

GROUP = 32  # rows whose golds are checked and whose images are stored together
GROUP_BYTES = 8 * 2**20  # of their images; a heavier row is a group of its own

OnRow = Callable[[int], None]
Record = dict[str, Any]
Group = list[tuple[Record, Places]]


def wanted_rows(opened: Opened, section: SourceSection, most: int | None) -> Sequence[int]:
    """The numbers of the rows to read, in question order: those that `where` holds for, up to `most`. Rows that cannot
    be read are included, so that they are counted. OvtError if there are none."""
    total = sum(part.count for part in opened.parts)
    if section.where is None:
        return choose_rows(total, most, section.shuffle_seed)
    of = f"source {section.name}"
    found = {str(name): name for part in opened.parts for name in (*part.columns, *part.late)}
    named = [found[name] for name in columns_in(section.where) if name in found]
    table, rows = table_of(_every_row(opened.parts, named), found, named, of)
    found_here = matches(table, section.where, of)
    if not found_here.any():
        raise OvtError(f"{of}: none of {total:,} rows has {section.where}: change where")
    kept = rows.filter(found_here | rows["broken"])["number"].to_list()
    return [kept[at] for at in choose_rows(len(kept), most, section.shuffle_seed)]


def _every_row(parts: Sequence[Part], names: Sequence[Name]) -> Iterator[tuple[int, MaybeRow]]:
    """All rows of a source's parts, numbered through; a part may have fewer than it says."""
    start = 0
    for part in parts:
        for number, row in part.rows(_there(part, names), range(part.count)):
            yield start + number, row
        start += part.count


def _there(part: Part, names: Sequence[Name]) -> list[Name]:
    """Those of the columns that a part has; at least one, since a table without columns has no rows."""
    return [name for name in names if name in part.columns or name in part.late] or list(part.columns[:1])


def choose_rows(total: int, most: int | None, shuffle_seed: int | None) -> Sequence[int]:
    """The numbers of the rows to read, in question order."""
    count = total if most is None else min(most, total)
    return range(count) if shuffle_seed is None else random.Random(shuffle_seed).sample(range(total), count)


def places(part: Part, section: SourceSection) -> Places:
    """The image folders of a part."""
    if section.image_root is None:
        return Places(part.root, part.allowed, section.image_pattern, section.fetch_images)
    root = place_of(section.image_root)
    own = () if part.root else part.allowed  # the Hub's cache, for images that datasets itself put there
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


def read_on(
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
            yield Kept.of(as_table(records, schema), found.readings)


def as_table(records: Sequence[Record], schema: pl.Schema) -> pl.DataFrame:
    """Records as a table, column by column."""
    return pl.DataFrame(
        [
            _lists(name, cells) if schema[name] == pl.List(pl.String) else pl.Series(name, cells, schema[name])
            for name, cells in ((name, [record.get(name) for record in records]) for name in schema)
        ]
    )


def _lists(name: str, cells: list[list[str] | None]) -> pl.Series:
    """Lists of texts, by way of JSON: polars takes 50 times as long one by one."""
    whole = pl.Series(name, [json.dumps(cells)]).str.json_decode(pl.List(pl.List(pl.String)))
    return whole.explode(empty_as_null=False)


def after(order: Sequence[int], last: int) -> Collection[int]:
    """The rows to read that come after the one numbered `last`."""
    if isinstance(order, range):
        return range(max(order.start, last + 1), order.stop)
    return frozenset(number for number in order if number > last)


def arranged(order: Sequence[int], rows: pl.DataFrame) -> pl.DataFrame:
    """The rows in question order."""
    if isinstance(order, range):
        return rows
    place = pl.DataFrame({"row": order, "place": range(len(order))}, {"row": pl.Int64, "place": pl.Int64})
    return rows.join(place, on="row", maintain_order="left").sort("place", maintain_order=True).drop("place")


def _texts(found: Found, wanted: Collection[int]) -> Iterator[tuple[Record, Places]]:
    section, columns, start = found.section, found.columns, 0
    for part in found.opened.parts:
        inside, where = within(wanted, start, part.count), places(part, section)
        for number, row in part.rows(_there(part, columns.top()), inside) if inside else ():
            for record in read_texts(row, start + number, section, columns):
                found.readings.update(record.pop("readings", ()))
                yield record, where
        start += part.count


def groups(texts: Iterable[tuple[Record, Places]]) -> Iterator[Group]:
    """Records that are worked on together: at most GROUP, and of about GROUP_BYTES."""
    group: Group = []
    held = 0
    for one in texts:
        group.append(one)
        held += sum(map(weight, one[0].get("shown") or ()))
        if len(group) == GROUP or held > GROUP_BYTES:
            yield group
            group, held = [], 0
    yield group


def _stored(found: Found, wanted: Collection[int], home: Home) -> Iterator[Record]:
    """The records with their images stored, in order."""
    keep, about, check = partial(keep_image, home), found.section, GoldCheck()
    limits = {"max_pixels": about.max_pixels, "min_pixels": about.min_pixels, "more": about.image_formats}
    together, apart = groups(_texts(found, wanted)), found.engine
    if apart is None:
        store = Storing(keep, limits, found.readings)
        with Threads() as engine:
            for _, records in map_chunks(engine, partial(_finished, check, store), together):
                yield from records
        return
    opened = (open_images(*one) for one in chain.from_iterable(map(partial(_checked, check), together)))
    batches = iter(lambda: [*islice(opened, apart.together)], [])
    for _, made in map_chunks(apart, partial(_read_apart, limits), batches):
        found.readings.update(made.readings)
        for image in made.images:
            keep(image)
        yield from made.records


def _checked(check: GoldCheck, group: Group) -> Group:
    check([record for record, _ in group])
    return group


def _finished(check: GoldCheck, store: Storing, group: Group) -> list[Record]:
    return [read_images(record, where, store) for record, where in _checked(check, group)]


@dataclass(frozen=True)
class Apart:
    """Records that were read without access to the home, and their images, still to be stored."""

    records: list[Record]
    images: list[bytes]
    readings: set[str]


def _read_apart(limits: dict[str, Any], records: list[Record]) -> Apart:
    images: dict[str, bytes] = {}
    readings: set[str] = set()

    def keep(image: bytes) -> str:
        images[name := id_of(image)] = image
        return name

    store = Storing(keep, limits, readings)
    return Apart([read_images(record, None, store) for record in records], [*images.values()], readings)


def _counted(records: Iterable[Record], on_row: OnRow | None, done: int) -> Iterator[Record]:
    for count, record in enumerate(records, done + 1):
        yield record
        if on_row:
            on_row(count)
