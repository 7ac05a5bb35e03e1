"""Hub datasets, read with `datasets`; none of their code runs, and what a limit leaves out is not downloaded.

hf://owner/name                         downloaded and prepared once, in the cache of `datasets`
… limit = 500                           its first 500 rows, read in place: a few row groups of its first file
… limit = 500, where = "grade <= 8"     the column grade of all files, and the row groups of the rows that are chosen
… limit = 500, shuffle_seed = 1         the row groups of the rows that are drawn
… split = "train[10%:20%]"              the row groups of the slice
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.errors import OvtError, first_line
from ovt.curate.sources.arrow import arrow_rows, dataset_part, image_columns
from ovt.curate.sources.batches import BATCH
from ovt.curate.sources.section import Name, SourceSection
from ovt.curate.sources.source import MaybeRow, Opened, Part, Rows, pick_split, split_note, within

if TYPE_CHECKING:
    from datasets import Dataset, DatasetBuilder

AT_ONCE = 4 * 2**20  # bytes of a column
_COMMIT = re.compile(r"[0-9a-f]{40}")


def open_hub(section: SourceSection, most: int | None = None) -> Opened:
    """hf://OWNER/NAME, identified by its commit, configuration and split.

    Downloaded unless cached; with `most` or a slice, only what these need. No code of the dataset runs, and
    paths in its rows cannot leave the Hub's cache.
    """
    name = section.path.removeprefix("hf://").removeprefix("datasets/").strip("/")
    if name.count("/") > 1 or not name or ":" in name:
        raise OvtError(f"source {section.name}: path {section.path!r} is not hf://OWNER/NAME")
    if Path(name).exists():  # datasets would silently read this one
        raise OvtError(f"source {section.name}: a local {name!r} hides {section.path}: give its path, or run elsewhere")
    try:
        return _open(name, section, most)
    except OvtError:
        raise
    except Exception as error:  # noqa: BLE001 - datasets raises whatever its many layers raise
        raise OvtError(
            f"source {section.name}: {section.path} cannot be loaded ({first_line(error)}); check its name, config, "
            "split and revision, the network, and HF_TOKEN if it is gated"
        ) from None


def _open(name: str, section: SourceSection, most: int | None) -> Opened:
    import datasets

    commit = _commit_online(name, section.revision)
    split = section.split or _only_split(name, section)
    notes = split_note(section, [split])
    if commit and (most is not None or "[" in split):
        builder = datasets.load_dataset_builder(name, section.config, revision=commit)
        if not Path(builder.cache_dir).is_dir():
            if parts := _in_place(builder, section, split, most):
                return Opened(parts, _content(commit, section, split), notes)
            notes = (*notes, f"source {section.name}: downloads all of {section.path}, which is not in Parquet files")
    dataset = datasets.load_dataset(name, section.config, split=split, revision=section.revision)
    sure = _check_commit(dataset, commit, section)
    part = dataset_part(dataset, section.path, None, _cache_folders())
    return Opened((part,), _content(sure, section, split), notes)


def _content(commit: str, section: SourceSection, split: str) -> str:
    """What identifies the rows: the same whether they are downloaded or read in place."""
    return f"{commit} {section.config} {split}"


def _cache_folders() -> tuple[Path, ...]:
    from datasets.config import DOWNLOADED_DATASETS_PATH, EXTRACTED_DATASETS_PATH
    from huggingface_hub.constants import HF_HUB_CACHE

    folders = (HF_HUB_CACHE, DOWNLOADED_DATASETS_PATH, EXTRACTED_DATASETS_PATH)
    return tuple(Path(folder).absolute() for folder in folders)


def _in_place(builder: "DatasetBuilder", section: SourceSection, split: str, most: int | None) -> tuple[Part, ...]:
    """Parts that download only what is wanted; none if the format does not allow it.

    With `where` or a shuffle any row may be wanted, else the first `most`.
    """
    from datasets.packaged_modules.parquet.parquet import ParquetConfig

    whole = section.where is not None or section.shuffle_seed is not None or most is None
    if not isinstance(builder.config, ParquetConfig):
        if whole or most is None or "[" in split:
            return ()
        return (_streamed_part(builder, section.path, split, most),)
    features = builder.info.features.arrow_schema if builder.info.features else None
    files = builder.config.data_files or {}
    if "[" in split:
        names = [one.partition("[")[0].strip() for one in split.split("+")]
        return _sliced({name: _parquets(files[name], features, None) for name in names}, split)
    urls = [url for one in split.split("+") for url in files[one.strip()]]
    return tuple(_parquets(urls, features, None if whole else most))


def _parquets(urls: Sequence[str], features: pa.Schema | None, most: int | None) -> list[Part]:
    """The files, until they hold `most` rows."""
    parts: list[Part] = []
    for url in urls:
        if most is None or sum(part.count for part in parts) < most:
            parts.append(_parquet_in_place(url, features))
    return parts


def _sliced(splits: dict[str, list[Part]], spec: str) -> tuple[Part, ...]:
    """The rows that a spec such as "train[:10%]+test[5:]" means, as `datasets` reads it."""
    from datasets import ReadInstruction

    counts = {name: sum(part.count for part in parts) for name, parts in splits.items()}
    found: list[Part] = []
    for wanted in ReadInstruction.from_spec(spec).to_absolute(counts):
        start = 0
        for part in splits[wanted.splitname]:
            stop = counts[wanted.splitname] if wanted.to is None else wanted.to
            inside = within(range(wanted.from_ or 0, stop), start, part.count)
            if inside:
                found.append(replace(part, count=len(inside), rows=_from_row(part.rows, min(inside))))
            start += part.count
    return tuple(found)


def _from_row(read: Rows, first: int) -> Rows:
    """Rows, renumbered so that `first` is 0."""

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        for number, row in read(names, frozenset(number + first for number in wanted)):
            yield number - first, row

    return rows


def _parquet_in_place(url: str, features: pa.Schema | None) -> Part:
    """A Parquet file on the Hub, of which only the wanted columns of the row groups with wanted rows are downloaded.

    `datasets` would join row groups until they have 32 MiB, and reads ahead in threads, which crash an interpreter that
    exits meanwhile (https://github.com/apache/arrow/issues/45214).
    """
    from huggingface_hub import HfFileSystem

    def opened() -> pq.ParquetFile:
        file = HfFileSystem().open(url, "rb", cache_type="none")
        return pq.ParquetFile(file, buffer_size=AT_ONCE, pre_buffer=False)

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        columns, start = [str(name) for name in names], 0
        with opened() as file:
            for group in range(file.num_row_groups):
                inside = within(wanted, start, file.metadata.row_group(group).num_rows)
                if inside:
                    at_once = min(BATCH, max(inside) + 1)
                    batches = file.iter_batches(at_once, row_groups=[group], columns=columns)
                    for number, row in arrow_rows(batches, schema, inside):
                        yield start + number, row
                start += file.metadata.row_group(group).num_rows

    with opened() as file:
        schema, found, count = features or file.schema_arrow, file.schema_arrow.names, file.metadata.num_rows
    return Part(tuple(found), count, _in_one_line(rows, url), None, _cache_folders(), image_columns(schema))


def _in_one_line(read: Rows, place: str) -> Rows:
    """Rows whose errors while reading are one line."""

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        try:
            yield from read(names, wanted)
        except OvtError:
            raise
        except Exception as error:  # noqa: BLE001 - datasets and the Hub's client raise whatever their layers raise
            reason = first_line(error)
            raise OvtError(f"{place} cannot be read ({reason}): check the network, then run it again") from None

    return rows


def _streamed_part(builder: "DatasetBuilder", path: str, split: str, most: int) -> Part:
    """The first `most` rows of a split in another format, as `datasets` streams it (of an image folder, it fetches the
    pictures of a whole block of rows). Whether there are fewer shows only when they are read."""
    dataset: Any = builder.as_streaming_dataset(split=split)
    schema = dataset.features.arrow_schema if dataset.features else _first_batch(dataset).schema

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        batches = dataset.select_columns([str(name) for name in names]).with_format("arrow").iter(BATCH)
        return arrow_rows(batches, schema, wanted)

    read = _in_one_line(rows, path)
    return Part(tuple(schema.names), most, read, None, _cache_folders(), image_columns(schema))


def _first_batch(dataset: Any) -> pa.Table:
    return next(dataset.with_format("arrow").iter(BATCH))


def _commit_online(name: str, revision: str | None) -> str | None:
    """The current commit of a Hub dataset's revision; None if the Hub cannot be reached."""
    from huggingface_hub import HfApi

    try:
        return HfApi().dataset_info(name, revision=revision).sha
    except Exception:  # noqa: BLE001 - offline, or not there: then loading says so
        return None


def _check_commit(dataset: "Dataset", commit: str | None, section: SourceSection) -> str:
    """The commit that a dataset was prepared from: part of its folder name in the `datasets` cache.

    Offline, `datasets` takes its newest cached copy, whatever the revision. Raises OvtError if that may be wrong.
    """
    places = {Path(file["filename"]).parent for file in dataset.cache_files}
    place = next((place for place in places if _COMMIT.fullmatch(place.name)), None)
    if place is None:
        return commit or dataset._fingerprint
    if commit:
        sure = place.name == commit
    elif section.revision:
        sure = place.name.startswith(section.revision)
    else:
        sure = sum(bool(_COMMIT.fullmatch(other.name)) for other in place.parent.iterdir()) == 1
    if not sure:
        raise OvtError(
            f"source {section.name}: offline, datasets would read its newest cached copy of {section.path}, at commit "
            f'{place.name}, which may not be the one you want: go online, or set revision = "{place.name}"'
        )
    return place.name


def _only_split(name: str, section: SourceSection) -> str:
    import datasets

    builder = datasets.load_dataset_builder(name, section.config, revision=section.revision)
    known = list(builder.info.splits or ())
    splits = known or datasets.get_dataset_split_names(name, section.config, revision=section.revision)
    return pick_split(splits, section)[0]
