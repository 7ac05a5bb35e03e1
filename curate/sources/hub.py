"""Hub datasets, read with `datasets`; none of their code runs, and what a limit leaves out is not downloaded.

hf://owner/name                 downloaded and prepared once, in the cache of `datasets`
hf://owner/name, limit = 500    its first 500 rows, read in place: a few row groups of its first file
"""

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.errors import OvtError
from ovt.curate.sources.arrow import arrow_rows, dataset_part, first_line, image_columns
from ovt.curate.sources.batches import BATCH
from ovt.curate.sources.section import Name, SourceSection
from ovt.curate.sources.source import MaybeRow, Opened, Part, Rows, pick_split, split_note

if TYPE_CHECKING:
    from datasets import Dataset, DatasetBuilder

AT_ONCE = 4 * 2**20  # bytes of a column
_COMMIT = re.compile(r"[0-9a-f]{40}")


def open_hub(section: SourceSection, most: int | None = None) -> Opened:
    """hf://OWNER/NAME, identified by its commit, configuration and split.

    Downloaded unless cached; of its first `most` rows, only these. No code of the dataset runs, and paths in its rows
    cannot leave the Hub's cache.
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
    if commit and most is not None and section.shuffle_seed is None and "[" not in split:
        builder = datasets.load_dataset_builder(name, section.config, revision=commit)
        if not Path(builder.cache_dir).is_dir():
            parts = _first_rows(builder, name, split, most)
            return Opened(parts, _content(commit, section, split), split_note(section, [split]))
    dataset = datasets.load_dataset(name, section.config, split=split, revision=section.revision)
    sure = _check_commit(dataset, commit, section)
    part = dataset_part(dataset, None, _cache_folders())
    return Opened((part,), _content(sure, section, split), split_note(section, [split]))


def _content(commit: str, section: SourceSection, split: str) -> str:
    """What identifies the rows: the same whether they are downloaded or read in place."""
    return f"{commit} {section.config} {split}"


def _cache_folders() -> tuple[Path, ...]:
    from datasets.config import DOWNLOADED_DATASETS_PATH, EXTRACTED_DATASETS_PATH
    from huggingface_hub.constants import HF_HUB_CACHE

    folders = (HF_HUB_CACHE, DOWNLOADED_DATASETS_PATH, EXTRACTED_DATASETS_PATH)
    return tuple(Path(folder).absolute() for folder in folders)


def _first_rows(builder: "DatasetBuilder", name: str, split: str, most: int) -> tuple[Part, ...]:
    """Parts that hold the first `most` rows of a split, read in place."""
    from datasets.packaged_modules.parquet.parquet import ParquetConfig

    if not isinstance(builder.config, ParquetConfig):
        return (_streamed_part(builder, name, split, most),)
    files = builder.config.data_files or {}
    features = builder.info.features.arrow_schema if builder.info.features else None
    parts: list[Part] = []
    for url in [url for one in split.split("+") for url in files[one.strip()]]:
        if sum(part.count for part in parts) < most:
            parts.append(_parquet_in_place(url, features))
    return tuple(parts)


def _parquet_in_place(url: str, features: pa.Schema | None) -> Part:
    """A Parquet file on the Hub, of which only the wanted columns of the first row groups are downloaded.

    `datasets` would join row groups until they have 32 MiB, and reads ahead in threads, which an interpreter that ends
    meanwhile does not survive (https://github.com/apache/arrow/issues/45214).
    """
    from huggingface_hub import HfFileSystem

    def opened() -> pq.ParquetFile:
        file = HfFileSystem().open(url, "rb", cache_type="none")
        return pq.ParquetFile(file, buffer_size=AT_ONCE, pre_buffer=False)

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        columns, last = [str(name) for name in names], max(wanted, default=-1)
        with opened() as file:
            groups = range(file.num_row_groups)
            each = (file.iter_batches(min(BATCH, last + 1), row_groups=[group], columns=columns) for group in groups)
            yield from arrow_rows(chain.from_iterable(each), schema, wanted)

    with opened() as file:
        schema, found, count = features or file.schema_arrow, file.schema_arrow.names, file.metadata.num_rows
    return Part(tuple(found), count, _in_one_line(rows, url), None, _cache_folders(), image_columns(schema))


def _in_one_line(read: Rows, place: str) -> Rows:
    """Rows whose errors on the way are a line."""

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        try:
            yield from read(names, wanted)
        except OvtError:
            raise
        except Exception as error:  # noqa: BLE001 - datasets and the Hub's client raise whatever their layers raise
            reason = first_line(error)
            raise OvtError(f"{place} cannot be read ({reason}): check the network, then run it again") from None

    return rows


def _streamed_part(builder: "DatasetBuilder", name: str, split: str, most: int) -> Part:
    """The first `most` rows of a split in another format, as `datasets` streams it (of an image folder, it fetches the
    pictures of a whole block of rows). That there are fewer shows only when they are read."""
    dataset: Any = builder.as_streaming_dataset(split=split)
    schema = dataset.features.arrow_schema if dataset.features else _first_batch(dataset).schema

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        batches = dataset.select_columns([str(name) for name in names]).with_format("arrow").iter(BATCH)
        return arrow_rows(batches, schema, wanted)

    read = _in_one_line(rows, f"hf://{name}")
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
