"""A benchmark's rows: from the Hub, an on-disk copy or a file as downloaded, as items; and items as tables.

    loaded = load_items(benchmark, "testmini", data=None)        # the Hub, through `datasets` and its cache
    loaded.items[0].gold
    questions = to_questions(loaded, benchmark, "official", home, max_pixels=262_144)

Nothing is dropped: a row without an image is asked without one, and an unreadable gold is the benchmark's own.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
from PIL import Image

from ovt.core.errors import OvtError, RecipeError
from ovt.core.hashing import hash_json
from ovt.core.home import Home
from ovt.core.schema import QUESTIONS
from ovt.curate.sources.cells import Places, read_picture
from ovt.curate.sources.faults import Unfit
from ovt.curate.sources.images import store_image
from ovt.curate.sources.section import SourceSection
from ovt.curate.sources.source import Part as FilePart
from ovt.curate.sources.source import open_source
from ovt.evaluation.benchmark import Benchmark, Item, Part, Variant

# An item as a row, so that kept replies can be scored again without the benchmark. groups and row are JSON; the row is
# as it came, without its images.
ITEMS = pl.Schema(
    {
        "question_id": pl.String,
        "id": pl.String,
        "question": pl.String,
        "gold": pl.String,
        "choices": pl.List(pl.String),
        "cluster": pl.String,
        "groups": pl.String,
        "row": pl.String,
    }
)
_TAG = re.compile(r"<image[ _]?(\d{1,3})>")


@dataclass(frozen=True)
class Loaded:
    """The items of a benchmark, in its order. places: where the image files of each lie, by item id; revision: what
    the rows are, a hash over their source."""

    items: tuple[Item, ...]
    places: Mapping[str, Places] = field(default_factory=dict)
    revision: str = ""


def load_items(benchmark: Benchmark, variant: str, data: str | None = None) -> Loaded:
    """The items of a benchmark's subset. data: a file or folder that holds its rows, instead of the Hub; or "@main",
    another revision than the benchmark's own.

    OvtError if it does not exist, or holds no rows of this benchmark, or two with the same id.
    """
    chosen = benchmark.variants[variant]
    items: list[Item] = []
    places: list[Places] = []
    prints: list[str] = []
    for part, section in _sections(benchmark, chosen, data):
        opened = open_source(section)
        prints.append(opened.fingerprint)
        for piece in opened.parts:
            found = list(_read(benchmark, part, piece))
            items += found
            places += [Places(piece.root, piece.allowed)] * len(found)
    kept = check_items(items, benchmark, data or "the Hub")
    return Loaded(kept, {item.id: place for item, place in zip(kept, places, strict=True)}, hash_json(prints)[:12])


def _sections(benchmark: Benchmark, variant: Variant, data: str | None) -> Iterator[tuple[Part, SourceSection]]:
    """Each part with its source. In a folder, a part may lie under its configuration's name, or its split's."""
    read: set[str] = set()
    for part in variant.parts:
        if data is None or data.startswith("@"):
            revision = data[1:] if data else part.revision
            yield part, SourceSection(path=part.path, split=part.split, config=part.config, revision=revision)
            continue
        place = next((str(inner) for name in (part.config, part.split, part.name) if name
                      and (inner := Path(data).expanduser() / name).exists()), data)  # fmt: skip
        if place not in read:
            yield part, _local(place, part)
        elif part.name:
            raise RecipeError(
                f"{data} does not say which rows are {part.name}: give a folder that holds "
                f"{' and '.join(repr(one.config) for one in variant.parts)}, or name one, such as "
                f"{benchmark.name}:{part.name}"
            )
        read.add(place)


def _local(place: str, part: Part) -> SourceSection:
    """The source of a local copy: the part's split where the folder has it, else the only one."""
    if Path(place).expanduser().is_file():
        return SourceSection(path=place)
    try:
        section = SourceSection(path=place, split=part.split)
        open_source(section)
    except OvtError:
        return SourceSection(path=place)
    return section


def _read(benchmark: Benchmark, part: Part, piece: FilePart) -> Iterator[Item]:
    for number, row in piece.rows(piece.columns, range(piece.count)):
        if isinstance(row, Mapping):
            item = benchmark.read(row, part)
            cluster = item.cluster.strip("_/") and item.cluster
            yield item if item.id.strip("_/") else replace(item, id=str(number), cluster=cluster or str(number))


def check_items(items: Sequence[Item], benchmark: Benchmark, where: str) -> tuple[Item, ...]:
    """The items, if they can be this benchmark's; another question under the same id (a mistake of one version of
    HallusionBench) gets a number appended."""
    if not any(item.gold for item in items):
        raise OvtError(
            f"{where} holds no row of {benchmark.title} with a gold: see `ovt eval bench show {benchmark.name}`"
        )
    seen: dict[str, str] = {}
    kept = []
    for item in items:
        name, number = item.id, 1
        while name in seen and seen[name] != item.question:
            number += 1
            name = f"{item.id}#{number}"
        if name in seen:
            raise OvtError(f"{where} has a row of {benchmark.title} twice, {item.id[:60]!r}: expected each once")
        seen[name] = item.question
        kept.append(replace(item, id=name))
    return tuple(kept)


def choose(items: Sequence[Item], limit: int | None, by: str | None) -> tuple[Item, ...]:
    """At most `limit` items, in their order: the first, or of each value of the group `by` as many as its share.

    Which ones of a group is fixed by a hash of their ids: a larger limit includes those of a smaller one.
    """
    if limit is None or limit >= len(items):
        return tuple(items)
    if by is None:
        return tuple(items[:limit])
    shuffled = sorted(items, key=lambda item: hashlib.sha256(item.id.encode("utf-8", "replace")).digest())
    groups: dict[str, list[Item]] = {}
    for item in shuffled:
        groups.setdefault(str(item.groups.get(by)), []).append(item)
    ranked = [
        ((at + 0.5) / len(group), item.id) for _, group in sorted(groups.items()) for at, item in enumerate(group)
    ]
    kept = {name for _, name in sorted(ranked)[:limit]}
    return tuple(item for item in items if item.id in kept)


def to_table(items: Sequence[Item], benchmark: str) -> pl.DataFrame:
    """ITEMS rows."""
    rows = [
        (item.question_id(benchmark), item.id, item.question, item.gold, item.choices and list(item.choices),
         item.cluster, _json(item.groups), _json(item.row))
        for item in items
    ]  # fmt: skip
    return pl.DataFrame(rows, ITEMS, orient="row")


def from_table(table: pl.DataFrame) -> list[Item]:
    """The items of ITEMS rows, without images."""
    return [
        Item(
            id=row["id"],
            question=row["question"],
            gold=row["gold"],
            choices=None if row["choices"] is None else tuple(row["choices"]),
            cluster=row["cluster"],
            groups={key: tuple(value) if isinstance(value, list) else value
                    for key, value in json.loads(row["groups"]).items()},
            images=(),
            row=json.loads(row["row"]),
        )
        for row in table.iter_rows(named=True)
    ]  # fmt: skip


def _json(value: Mapping[Any, Any]) -> str:
    return json.dumps({str(key): cell for key, cell in value.items() if _plain(cell)}, ensure_ascii=False, default=dict)


def _plain(cell: Any) -> bool:
    """Whether a cell is text, a number, or a list or mapping of these: no image."""
    if isinstance(cell, Mapping):
        return all(_plain(inner) for inner in cell.values()) and "bytes" not in cell
    if isinstance(cell, list | tuple):
        return all(_plain(inner) for inner in cell)
    return cell is None or isinstance(cell, str | int | float | bool)


def to_questions(loaded: Loaded, benchmark: Benchmark, prompt: str, home: Home, max_pixels: int) -> pl.DataFrame:
    """QUESTIONS of the items, in order: the question is the whole prompt, images are stored and scaled."""
    asked = benchmark.prompt(prompt)
    rows = []
    for item in loaded.items:
        images, text = _images(item, loaded, home, max_pixels), asked.ask(item)
        rows.append(
            (item.question_id(benchmark.name), images, _numbered(text, item), item.gold,
             item.choices and list(item.choices), benchmark.name, item.id)
        )  # fmt: skip
    return pl.DataFrame(rows, QUESTIONS, orient="row")


def _images(item: Item, loaded: Loaded, home: Home, max_pixels: int) -> list[str]:
    where = loaded.places.get(item.id, Places(None))
    try:
        return [
            store_image(home, read_picture(cell, where).content, max_pixels)
            for cell in item.images
            if cell is not None and cell != ""
        ]
    except Unfit as unfit:
        raise OvtError(
            f"{item.id[:60]}: {unfit.reason} ({unfit.detail}); an image of the benchmark is missing"
        ) from None


def _numbered(text: str, item: Item) -> str:
    """The text with its tags as `<image k>`, counting the images that are there: image_3 is second without image_2."""
    there = [number for number, cell in enumerate(item.images, 1) if cell is not None and cell != ""]
    return _TAG.sub(lambda tag: f"<image {there.index(int(tag[1])) + 1}>" if int(tag[1]) in there else tag[0], text)


def image_sizes(questions: pl.DataFrame, home: Home) -> pl.DataFrame:
    """question_id, width, height of each image as it is sent."""
    from ovt.curate.sources.images import image_path

    rows = []
    for question_id, images in questions.select("question_id", "images").iter_rows():
        for image in images:
            with Image.open(image_path(home, image)) as picture:
                rows.append((question_id, *picture.size))
    return pl.DataFrame(rows, {"question_id": pl.String, "width": pl.Int32, "height": pl.Int32}, orient="row")
