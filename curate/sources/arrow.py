"""Parquet files, datasets saved to disk and Hub datasets: all are Arrow, read in batches of few rows and few bytes."""

import re
import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.errors import OvtError
from ovt.core.pages import MOST_ROWS
from ovt.core.untrusted import parse_json
from ovt.curate.sources.batches import BATCH, read_batches
from ovt.curate.sources.faults import MAX_CELL, Unfit, too_large
from ovt.curate.sources.section import Name, SourceSection
from ovt.curate.sources.source import MaybeRow, Opened, Part, Row, pick_split, split_note

if TYPE_CHECKING:
    from datasets import Dataset

_COMMIT = re.compile(r"[0-9a-f]{40}")


def parquet_part(path: Path) -> Part:
    """A Parquet file; its images are bytes, {"bytes", "path"} or paths."""
    try:
        file = pq.ParquetFile(path)
        schema, count = file.schema_arrow, file.metadata.num_rows
        file.close()
    except (pa.ArrowException, OSError, RecursionError) as error:
        raise OvtError(f"{path} is not a readable Parquet file ({_first_line(error)})") from None
    if count > MOST_ROWS:
        raise OvtError(f"{path} says that it has {count:,} rows, {MOST_ROWS:,} at most: this is no data")

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        try:
            batches = read_batches(path, [str(name) for name in names], max(wanted, default=-1))
            yield from arrow_rows(batches, schema, wanted)
        except (pa.ArrowException, OSError) as error:
            raise OvtError(f"{path} is not a readable Parquet file ({_first_line(error)})") from None

    return Part(tuple(schema.names), count, rows, path.parent, (path.parent,), image_columns(schema))


def arrow_rows(
    batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema, wanted: Collection[int]
) -> Iterator[tuple[int, MaybeRow]]:
    """The wanted rows of consecutive batches, with class labels by name; stops after the last one."""
    labels, start, last = class_labels(schema), 0, max(wanted, default=-1)
    for batch in batches:
        if start > last:
            return
        local = [at for at in range(len(batch)) if start + at in wanted]
        # One by one: `take` would need an Arrow array, and making one imports pandas (0.3 s).
        small = batch.nbytes <= MAX_CELL
        picked = batch.to_pylist() if small and len(local) == len(batch) else (_row(batch.slice(at, 1)) for at in local)
        for at, row in zip(local, picked, strict=True):
            yield start + at, row if isinstance(row, Unfit) else _labelled(row, labels)
        start += len(batch)


def _row(row: pa.RecordBatch | pa.Table) -> dict[str, Any] | Unfit:
    return row.to_pylist()[0] if row.nbytes <= MAX_CELL else too_large(row.nbytes)


def _labelled(row: dict[str, Any], labels: dict[str, list[str]]) -> Row:
    return {name: _named(cell, labels.get(name)) for name, cell in row.items()}


def _named(cell: Any, labels: list[str] | None) -> Any:
    if labels is None or not isinstance(cell, int):
        return cell
    return labels[cell] if 0 <= cell < len(labels) else None  # -1: not labelled


def _features(schema: pa.Schema) -> dict[str, Any]:
    """The features that `datasets` stores in a schema: column -> feature."""
    try:
        noted = parse_json((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = noted["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return features if isinstance(features, dict) else {}


def class_labels(schema: pa.Schema) -> dict[str, list[str]]:
    """The names of the classes, by column."""
    return {
        name: [str(label) for label in feature["names"]]
        for name, feature in _features(schema).items()
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list)
    }


def image_columns(schema: pa.Schema) -> tuple[str, ...]:
    """The columns declared to hold an image or a list of images."""

    def holds_images(feature: Any) -> bool:
        if isinstance(feature, list):
            return any(holds_images(inner) for inner in feature)
        return isinstance(feature, dict) and (feature.get("_type") == "Image" or holds_images(feature.get("feature")))

    return tuple(name for name, feature in _features(schema).items() if name in schema.names and holds_images(feature))


def dataset_part(dataset: "Dataset", root: Path | None, allowed: tuple[Path, ...]) -> Part:
    """A `datasets.Dataset`; its images are not decoded."""

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        batches = dataset.select_columns([str(name) for name in names]).with_format("arrow").iter(BATCH)
        return arrow_rows(batches, schema, wanted)

    schema = dataset.features.arrow_schema
    return Part(tuple(dataset.column_names), len(dataset), rows, root, allowed, image_columns(schema))


def arrow_part(path: Path) -> Part:
    """An Arrow file, as `datasets` caches them (a stream) or as Feather has them; mapped, not read."""
    refuse_packed(path)
    try:
        with _stream_of(path) as stream:
            schema, count = stream.schema, sum(batch.num_rows for batch in stream)
    except (pa.ArrowException, OSError) as error:
        raise OvtError(f"{path} is not a readable Arrow file ({_first_line(error)})") from None

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        columns = [str(name) for name in names]
        with _stream_of(path) as stream:
            small = (
                batch.select(columns).slice(at, BATCH) for batch in stream for at in range(0, batch.num_rows, BATCH)
            )
            yield from arrow_rows(small, schema, wanted)

    return Part(tuple(schema.names), count, rows, path.parent, (path.parent,), image_columns(schema))


def _stream_of(path: Path) -> pa.RecordBatchStreamReader:
    """The batches of an Arrow file; one with a footer is a stream behind its first 8 bytes."""
    return pa.ipc.open_stream(_mapped(path))


def _mapped(path: Path) -> pa.BufferReader:
    buffer = pa.memory_map(str(path)).read_buffer()
    return pa.BufferReader(buffer.slice(8) if buffer.slice(0, 6).to_pybytes() == b"ARROW1" else buffer)


def saved_part(folder: Path) -> Part:
    """A split that `save_to_disk` wrote."""
    from datasets import Dataset

    for file in sorted(folder.glob("*.arrow")):
        refuse_packed(file)
    try:
        return dataset_part(Dataset.load_from_disk(str(folder)), folder, (folder,))
    except Exception as error:  # noqa: BLE001 - datasets raises whatever its many layers raise
        raise OvtError(f"{folder} cannot be read as a saved dataset ({_first_line(error)})") from None


def refuse_packed(path: Path) -> None:
    """Raises OvtError for an Arrow file whose batches are compressed: `save_to_disk` maps its files into memory as they
    are, and a few bytes could unpack to gigabytes.

    https://github.com/apache/arrow/blob/main/format/Message.fbs: a message's third field is its header, and a batch's
    fourth its compression.
    """
    try:
        with _mapped(path) as file:
            for message in pa.ipc.MessageReader.open_stream(file):
                data = message.metadata.to_pybytes()
                header = _field(data, *struct.unpack_from("<I", data), 2)
                if message.type == "record batch" and _field(data, header, 3):
                    raise OvtError(f"{path} is compressed, which no saved dataset is: save it again, or use Parquet")
    except (pa.ArrowException, OSError, struct.error, IndexError) as error:
        raise OvtError(f"{path} cannot be read as a saved dataset ({_first_line(error)})") from None


def _field(data: bytes, table: int, number: int) -> int:
    """Where the table lies that a flatbuffer's table refers to in a field; 0 if it has no such field."""
    (back,) = struct.unpack_from("<i", data, table)
    (size,) = struct.unpack_from("<H", data, table - back)
    slot = 4 + 2 * number
    offset = struct.unpack_from("<H", data, table - back + slot)[0] if slot < size else 0
    return table + offset + struct.unpack_from("<I", data, table + offset)[0] if offset else 0


def open_hub(section: SourceSection, most: int | None = None) -> Opened:
    """hf://OWNER/NAME, downloaded unless cached; identified by its commit, configuration and split.

    No code of the dataset runs, and paths in its rows cannot leave the Hub's cache.
    """
    import datasets
    from datasets.config import DOWNLOADED_DATASETS_PATH, EXTRACTED_DATASETS_PATH
    from huggingface_hub.constants import HF_HUB_CACHE

    name = section.path.removeprefix("hf://").removeprefix("datasets/").strip("/")
    if name.count("/") > 1 or not name or ":" in name:
        raise OvtError(f"source {section.name}: path {section.path!r} is not hf://OWNER/NAME")
    if Path(name).exists():  # datasets would silently read this one
        raise OvtError(f"source {section.name}: a local {name!r} hides {section.path}: give its path, or run elsewhere")
    try:
        commit = _commit_online(name, section.revision)
        split = section.split or _only_split(name, section)
        dataset = datasets.load_dataset(name, section.config, split=split, revision=section.revision)
    except OvtError:
        raise
    except Exception as error:  # noqa: BLE001 - datasets raises whatever its many layers raise
        raise OvtError(
            f"source {section.name}: {section.path} cannot be loaded ({_first_line(error)}); check its name, config, "
            "split and revision, the network, and HF_TOKEN if it is gated"
        ) from None
    content = f"{_check_commit(dataset, commit, section)} {section.config} {split}"
    cache = (HF_HUB_CACHE, DOWNLOADED_DATASETS_PATH, EXTRACTED_DATASETS_PATH)
    part = dataset_part(dataset, None, tuple(Path(folder).absolute() for folder in cache))
    return Opened((part,), content, split_note(section, [split]))


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


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
