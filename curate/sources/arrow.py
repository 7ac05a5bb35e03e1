"""Parquet files, Arrow files and datasets saved to disk: all are Arrow, read in batches of few rows and few bytes."""

import struct
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.errors import OvtError, first_line
from ovt.core.pages import MOST_NESTED, MOST_ROWS
from ovt.core.untrusted import is_file_name, parse_json, read_json
from ovt.curate.sources.batches import BATCH, read_batches
from ovt.curate.sources.faults import MAX_CELL, Unfit, too_large
from ovt.curate.sources.section import Name
from ovt.curate.sources.source import MaybeRow, Part, Row, Rows

if TYPE_CHECKING:
    from datasets import Dataset


def parquet_part(path: Path) -> Part:
    """A Parquet file; its images are bytes, {"bytes", "path"} or paths."""
    fault = f"{path} is not a readable Parquet file"
    try:
        file = pq.ParquetFile(path)
        schema, columns, count = file.schema_arrow, file.schema_arrow.names, file.metadata.num_rows
        file.close()
    except (ValueError, pa.ArrowException, OSError, RecursionError) as error:
        raise OvtError(f"{fault} ({first_line(error)})") from None
    check_count(path, count)

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        batches = read_batches(path, [str(name) for name in names], max(wanted, default=-1))
        return arrow_rows(batches, schema, wanted)

    read = in_one_line(rows, columns, fault)
    return Part(tuple(columns), count, read, path.parent, (path.parent,), image_columns(schema))


def check_count(path: Path, count: int) -> None:
    """Raises OvtError for a file of more rows than data has: rows of nulls take no bytes."""
    if count > MOST_ROWS:
        raise OvtError(f"{path} claims to have {count:,} rows, at most {MOST_ROWS:,}: this does not look like data")


def in_one_line(read: Rows, columns: Sequence[str], fault: str) -> Rows:
    """Rows whose errors while reading are one line: `fault` and what Arrow says, or that a wanted column is there
    twice."""

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        if twice := [name for name in names if columns.count(str(name)) > 1]:
            raise OvtError(f"{fault} (two columns are named {twice[0]!a}): rename one")
        try:
            yield from read(names, wanted)
        except (pa.ArrowException, UnicodeDecodeError, OSError) as error:
            raise OvtError(f"{fault} ({first_line(error)})") from None

    return rows


def arrow_rows(
    batches: Iterable[pa.RecordBatch | pa.Table], schema: pa.Schema, wanted: Collection[int]
) -> Iterator[tuple[int, MaybeRow]]:
    """The wanted rows of consecutive batches, with class labels by name; stops after the last one."""
    labels, start, last = class_labels(schema), 0, max(wanted, default=-1)
    for batch in batches if last >= 0 else ():
        local = [at for at in range(len(batch)) if start + at in wanted]
        # One by one: `take` would need an Arrow array, and making one imports pandas (0.3 s).
        whole = _whole(batch) if local and len(local) == len(batch) else None
        for at, row in zip(local, whole or (_row(batch.slice(at, 1)) for at in local), strict=True):
            yield start + at, _labelled(row, labels) if labels and isinstance(row, dict) else row
        start += len(batch)
        if start > last:  # before the next batch, which may have to come over a network
            return


_BROKEN = (ValueError, OverflowError)  # ArrowInvalid is a ValueError, and so is text that is not UTF-8


def _whole(batch: pa.RecordBatch | pa.Table) -> list[dict[str, Any]] | None:
    """The rows of a batch; None if they have to be read one by one, because one is broken or they could be large."""
    with suppress(*_BROKEN):
        batch.validate(full=True)
        if _too_large(batch) is None:
            return batch.to_pylist()
    return None


def _row(row: pa.RecordBatch | pa.Table) -> MaybeRow:
    """A row, or its fault: positions outside its bytes, which Arrow would follow, or a value that Python does not have,
    such as the year 10,000."""
    try:
        row.validate(full=True)
        return _too_large(row) or row.to_pylist()[0]
    except _BROKEN as error:
        return Unfit("malformed_row", f"a cell cannot be read: {first_line(error)}")


def _too_large(batch: pa.RecordBatch | pa.Table) -> Unfit | None:
    """The fault of rows that would take too much memory. Values may be stored once and read many times, and the nulls
    and empty lists in a list take no bytes."""
    inside = [sum(map(_inside, getattr(column, "chunks", [column]))) for column in batch.columns]
    if (values := sum(inside)) > MOST_NESTED:
        return Unfit("cell_too_large", f"{values:,} values in lists, at most {MOST_NESTED:,}")
    shared = (len(batch) + count for count, field in zip(inside, batch.schema, strict=True) if _is_shared(field.type))
    size = batch.nbytes * max(shared, default=1)
    return too_large(size) if size > MAX_CELL else None


def _inside(column: pa.Array) -> int:
    """The values in the lists of a column."""
    column = getattr(column, "storage", column)
    kind, types = column.type, pa.types
    if not len(column):
        return 0
    if types.is_struct(kind):
        return sum(_inside(column.field(at)) for at in range(kind.num_fields))
    if types.is_fixed_size_list(kind):
        inner = column.values.slice(column.offset * kind.list_size, len(column) * kind.list_size)
    elif types.is_list(kind) or types.is_large_list(kind) or types.is_map(kind):
        first, last = column.offsets[0].as_py(), column.offsets[-1].as_py()
        inner = column.values.slice(first, last - first)
    else:
        return 0
    return len(inner) + _inside(inner)


_VIEWS = (pa.types.is_string_view, pa.types.is_binary_view)
_REPEATS = (pa.types.is_dictionary, pa.types.is_run_end_encoded, pa.types.is_union, pa.types.is_list_view,
            pa.types.is_large_list_view)  # fmt: skip


@lru_cache
def _is_shared(kind: pa.DataType) -> bool:
    """Whether a value of this type, or one in it, may be stored once and read many times."""
    kind = getattr(kind, "storage_type", kind)
    below = (kind.field(at).type for at in range(kind.num_fields))
    return any(holds(kind) for holds in (*_VIEWS, *_REPEATS)) or any(map(_is_shared, below))


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


def dataset_part(dataset: "Dataset", place: object, root: Path | None, allowed: tuple[Path, ...]) -> Part:
    """A `datasets.Dataset`; its images are not decoded. place: where it is, for messages."""

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        batches = dataset.select_columns([str(name) for name in names]).with_format("arrow").iter(BATCH)
        return arrow_rows(batches, schema, wanted)

    schema, columns = dataset.features.arrow_schema, dataset.column_names
    read = in_one_line(rows, columns, f"{place} cannot be read")
    return Part(tuple(columns), len(dataset), read, root, allowed, image_columns(schema))


def arrow_part(path: Path) -> Part:
    """An Arrow file, as `datasets` caches it (a stream) or in Feather format; memory-mapped, not read."""
    fault = f"{path} is not a readable Arrow file"
    refuse_packed(path)
    try:
        with _stream_of(path) as stream:
            schema, columns, count = stream.schema, stream.schema.names, sum(batch.num_rows for batch in stream)
    except (ValueError, pa.ArrowException, OSError) as error:
        raise OvtError(f"{fault} ({first_line(error)})") from None
    check_count(path, count)
    refuse_repeats(path, schema)

    def rows(names: Sequence[Name], wanted: Collection[int]) -> Iterator[tuple[int, MaybeRow]]:
        some = [str(name) for name in names]
        with _stream_of(path) as stream:
            small = (batch.select(some).slice(at, BATCH) for batch in stream for at in range(0, batch.num_rows, BATCH))
            yield from arrow_rows(small, schema, wanted)

    read = in_one_line(rows, columns, fault)
    return Part(tuple(columns), count, read, path.parent, (path.parent,), image_columns(schema))


def _stream_of(path: Path) -> pa.RecordBatchStreamReader:
    """The batches of an Arrow file; one with a footer is a stream after its first 8 bytes."""
    return pa.ipc.open_stream(_mapped(path))


def _mapped(path: Path) -> pa.BufferReader:
    buffer = pa.memory_map(str(path)).read_buffer()
    return pa.BufferReader(buffer.slice(8) if buffer.slice(0, 6).to_pybytes() == b"ARROW1" else buffer)


def saved_part(folder: Path) -> Part:
    """A split that `save_to_disk` wrote."""
    from datasets import Dataset

    for name in _names_of_saved(folder / "state.json"):
        refuse_packed(folder / name)
    try:
        dataset = Dataset.load_from_disk(str(folder))
    except Exception as error:  # noqa: BLE001 - datasets raises whatever its many layers raise
        raise OvtError(f"{folder} cannot be read as a saved dataset ({first_line(error)})") from None
    check_count(folder, len(dataset))
    refuse_repeats(folder, dataset.data.schema)
    return dataset_part(dataset, folder, folder, (folder,))


def _names_of_saved(path: Path) -> list[str]:
    """The files that a saved split consists of, which must lie in its folder: `datasets` would read any others, too."""
    try:
        names = [file["filename"] for file in read_json(path)["_data_files"]]
    except (ValueError, TypeError, KeyError, OSError):
        names = [""]
    if not all(map(is_file_name, names)):
        raise OvtError(f"{path} cannot be read as a saved dataset: it must list files of its own folder; save it again")
    return names


def refuse_repeats(path: Path, schema: pa.Schema) -> None:
    """Raises OvtError for a column of which one cell could repeat a value without end."""
    for field in schema:
        if _repeats(field.type):
            kind = str(field.type)[:80]
            raise OvtError(
                f"{path}: column {field.name!a} is {kind}, which could unpack to anything: save it as Parquet"
            )


def _repeats(kind: pa.DataType, inside: bool = False) -> bool:
    kind = getattr(kind, "storage_type", kind)
    if any(holds(kind) for holds in _REPEATS):
        return inside or kind.num_fields > 0 or pa.types.is_nested(kind.value_type)
    lists = inside or not pa.types.is_struct(kind)
    return any(_repeats(kind.field(at).type, lists) for at in range(kind.num_fields))


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
    """The position of the table that a field of a flatbuffer's table refers to; 0 if it has no such field."""
    (back,) = struct.unpack_from("<i", data, table)
    (size,) = struct.unpack_from("<H", data, table - back)
    slot = 4 + 2 * number
    offset = struct.unpack_from("<H", data, table - back + slot)[0] if slot < size else 0
    return table + offset + struct.unpack_from("<I", data, table + offset)[0] if offset else 0
