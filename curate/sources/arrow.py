"""Parquet files, Arrow files and datasets saved to disk: all are Arrow, read in batches of few rows and few bytes."""

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
from ovt.curate.sources.section import Name
from ovt.curate.sources.source import MaybeRow, Part, Row

if TYPE_CHECKING:
    from datasets import Dataset


def parquet_part(path: Path) -> Part:
    """A Parquet file; its images are bytes, {"bytes", "path"} or paths."""
    try:
        file = pq.ParquetFile(path)
        schema, count = file.schema_arrow, file.metadata.num_rows
        file.close()
    except (pa.ArrowException, OSError, RecursionError) as error:
        raise OvtError(f"{path} is not a readable Parquet file ({first_line(error)})") from None
    if count > MOST_ROWS:
        raise OvtError(f"{path} says that it has {count:,} rows, {MOST_ROWS:,} at most: this is no data")

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        try:
            batches = read_batches(path, [str(name) for name in names], max(wanted, default=-1))
            yield from arrow_rows(batches, schema, wanted)
        except (pa.ArrowException, OSError) as error:
            raise OvtError(f"{path} is not a readable Parquet file ({first_line(error)})") from None

    return Part(tuple(schema.names), count, rows, path.parent, (path.parent,), image_columns(schema))


def arrow_rows(
    batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema, wanted: Collection[int]
) -> Iterator[tuple[int, MaybeRow]]:
    """The wanted rows of consecutive batches, with class labels by name; stops after the last one."""
    labels, start, last = class_labels(schema), 0, max(wanted, default=-1)
    for batch in batches if last >= 0 else ():
        local = [at for at in range(len(batch)) if start + at in wanted]
        # One by one: `take` would need an Arrow array, and making one imports pandas (0.3 s).
        small = batch.nbytes <= MAX_CELL
        picked = batch.to_pylist() if small and len(local) == len(batch) else (_row(batch.slice(at, 1)) for at in local)
        for at, row in zip(local, picked, strict=True):
            yield start + at, _labelled(row, labels) if labels and not isinstance(row, Unfit) else row
        start += len(batch)
        if start > last:  # before the next batch, which may have to come over a network
            return


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
        raise OvtError(f"{path} is not a readable Arrow file ({first_line(error)})") from None

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
        raise OvtError(f"{folder} cannot be read as a saved dataset ({first_line(error)})") from None


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
        raise OvtError(f"{path} cannot be read as a saved dataset ({first_line(error)})") from None


def _field(data: bytes, table: int, number: int) -> int:
    """Where the table lies that a flatbuffer's table refers to in a field; 0 if it has no such field."""
    (back,) = struct.unpack_from("<i", data, table)
    (size,) = struct.unpack_from("<H", data, table - back)
    slot = 4 + 2 * number
    offset = struct.unpack_from("<H", data, table - back + slot)[0] if slot < size else 0
    return table + offset + struct.unpack_from("<I", data, table + offset)[0] if offset else 0


def first_line(error: Exception) -> str:
    """The first line of what an error says, or its kind."""
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]
