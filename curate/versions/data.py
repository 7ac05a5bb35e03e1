"""The kept rows as trainers read them: images with their bytes, prompt and completion as chat turns.

    images                 prompt                             completion                               answer
    [{bytes, path: null}]  [{role: user, content: Which …}]  [{role: assistant, content: <think>…}]  B

There is no `messages` column: TRL refuses completion-only loss on images beside one. `completion` is empty in rl.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from ovt.core.files import as_open_as, make_folder
from ovt.core.parquet import Series, name_parts, to_arrow
from ovt.core.schema import ROWS, SPLITS

if TYPE_CHECKING:
    import datasets

# A row group is about as large as the Hub's viewer likes to load at once; files are split at group boundaries.
GROUP_ROWS = 256
GROUP_BYTES = 32 << 20
FILE_BYTES = 256 << 20

ImageBytes = Callable[[str], bytes]

_IMAGE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
_TURN = pa.struct({"role": pa.string(), "content": pa.string()})
_NESTED = {"images": pa.list_(_IMAGE), "prompt": pa.list_(_TURN), "completion": pa.list_(_TURN)}
_PLAIN: dict[Any, pa.DataType] = {
    pl.String: pa.string(),
    pl.Float64: pa.float64(),
    pl.Int32: pa.int32(),
    pl.Int64: pa.int64(),
    pl.Boolean: pa.bool_(),
    pl.List(pl.String): pa.list_(pa.string()),
}
_ORDER = ["images", "prompt", "completion", "answer", "choices", "question", "question_id", "sample_id", "source"]

COLUMNS = {
    name: _NESTED.get(name) or _PLAIN[ROWS[name]]
    for name in [*_ORDER, *(name for name in ROWS if name not in _ORDER and name != "split")]
}
TURNS = ("prompt", "completion")
FLAT = [name for name in COLUMNS if name not in ("images", *TURNS)]


def content(turn: str) -> pl.Expr:
    """The text of a column of chat turns; null if there is none."""
    return pl.col(turn).list.get(0, null_on_oob=True).struct.field("content").alias(turn)


def feature(kind: pa.DataType) -> dict:
    """The `datasets` name for a column of this Arrow type."""
    if kind == _IMAGE:
        return {"_type": "Image"}
    if pa.types.is_list(kind):
        return {"feature": feature(kind.value_type), "_type": "List"}
    if pa.types.is_struct(kind):
        return {field.name: feature(field.type) for field in kind}
    return {"dtype": {"double": "float64"}.get(str(kind), str(kind)), "_type": "Value"}


def feature_yaml(name: str, kind: pa.DataType) -> dict:
    """The same as `feature`, in the form of a card's `dataset_info`."""
    if not pa.types.is_list(kind):
        return {"name": name, "dtype": feature(kind)["dtype"]}
    if kind.value_type == _IMAGE:
        return {"name": name, "list": "image"}
    if pa.types.is_struct(kind.value_type):
        return {"name": name, "list": [feature_yaml(field.name, field.type) for field in kind.value_type]}
    return {"name": name, "list": feature(kind.value_type)["dtype"]}


def columns_with(kept: pl.Schema) -> dict[str, pa.DataType]:
    """The columns of the data, those that sources keep last."""
    return COLUMNS | {name: _PLAIN[kind] for name, kind in kept.items()}


def schema_of(columns: Mapping[str, pa.DataType]) -> pa.Schema:
    """Columns as a schema. With its metadata in the files, `datasets.load_dataset` returns images, not structs."""
    note = json.dumps({"info": {"features": {name: feature(kind) for name, kind in columns.items()}}})
    return pa.schema(columns, metadata={"huggingface": note})


def schema_with(kept: pl.Schema) -> pa.Schema:
    """The schema of the data, with the columns that sources keep."""
    return schema_of(columns_with(kept))


SCHEMA = schema_with(pl.Schema())


def nest(rows: pl.DataFrame, images: list[list[bytes]], schema: pa.Schema = SCHEMA) -> pa.Table:
    """Flat rows (schema ROWS, and kept columns) and the bytes of their images -> a table of `schema`."""
    turns = rows.with_columns(_turn("user", "prompt"), _turn("assistant", "completion"))
    table = to_arrow(turns.drop("images", "split"))
    stored = [[{"bytes": content, "path": None} for content in row] for row in images]
    return table.append_column("images", pa.array(stored, COLUMNS["images"])).select(schema.names).cast(schema)


def _turn(role: str, column: str) -> pl.Expr:
    turn = pl.concat_list(pl.struct(pl.lit(role).alias("role"), pl.col(column).alias("content")))
    none = pl.lit([], dtype=pl.List(pl.Struct({"role": pl.String, "content": pl.String})))
    return pl.when(pl.col(column).is_not_null()).then(turn).otherwise(none).alias(column)


class Split:
    """The data files of one split being written: data/sft-00000-of-00002.parquet, …

    Row groups are cut by row count and image bytes, so memory is bounded and the chunking leaves no trace.
    """

    def __init__(self, place: Path, image_bytes: ImageBytes, schema: pa.Schema, closed: Sequence[int]) -> None:
        self.rows = 0
        self.files = Series(place, schema, FILE_BYTES, closed)
        self._image_bytes = image_bytes
        self._frames: list[pl.DataFrame] = []
        self._images: list[list[bytes]] = []
        self._group_bytes = 0

    def append(self, rows: pl.DataFrame) -> None:
        """Adds rows of this split (schema ROWS); reads their images."""
        self.rows += len(rows)
        rows, start = self.files.rest(rows), 0
        for number, ids in enumerate(rows["images"].to_list(), start=1):
            contents = [self._image_bytes(image) for image in ids]
            self._images.append(contents)
            self._group_bytes += sum(map(len, contents))
            if len(self._images) == GROUP_ROWS or self._group_bytes >= GROUP_BYTES:
                self._frames.append(rows[start:number])
                self._write_group()
                start = number
        self._frames.append(rows[start:])

    def close(self) -> None:
        """Writes the remaining rows and gives the files their final names.

        A split without rows has no file: `load_dataset` fails on an empty one, whatever its form (datasets 5.2).
        """
        if self._images:
            self._write_group()
        self.files.close()
        name_parts(self.files.paths)

    def _write_group(self) -> None:
        self.files.write(nest(pl.concat(self._frames), self._images, self.files.schema))
        self._frames, self._images, self._group_bytes = [], [], 0


class Data:
    """All splits of one folder, being written. closed: for the files of each split, as in `Series`."""

    def __init__(
        self, folder: Path, image_bytes: ImageBytes, kept: pl.Schema, closed: Mapping[str, Sequence[int]]
    ) -> None:
        make_folder(folder)
        self._columns = pl.Schema({**ROWS, **kept})
        self._splits = {
            split: Split(folder / split, image_bytes, schema_with(kept), closed.get(split, ())) for split in SPLITS
        }

    def append(self, rows: pl.DataFrame) -> None:
        """Adds rows (schema ROWS, and kept columns), each to its split."""
        if rows.is_empty():
            return
        rows = rows.select(self._columns.names()).cast(dict(self._columns))
        for name, split in self._splits.items():
            split.append(rows.filter(pl.col("split") == name))

    def close(self) -> dict[str, int]:
        """Closes the files and returns the rows of each split."""
        for split in self._splits.values():
            split.close()
        return {name: split.rows for name, split in self._splits.items()}

    @property
    def files(self) -> dict[str, Series]:
        """The files of each split."""
        return {name: split.files for name, split in self._splits.items()}


def read_split(folder: Path, split: str, cache: Path) -> "datasets.Dataset":
    """The rows of a split of the version in `folder`, memory-mapped from a cache; empty if the split has none.

    `load_dataset` would do, but it reports each call to a counter on the network, even for local files (5.2).
    """
    import datasets

    datasets.disable_progress_bars()
    files: list[Any] = sorted(str(path) for path in (folder / "data").glob(f"{split}-*.parquet"))
    if not files:
        return datasets.Dataset(SCHEMA.empty_table())
    with as_open_as(cache.parent):
        return datasets.Dataset.from_parquet(files, cache_dir=str(cache))
