"""Parquet and Arrow files with cells that cannot be read: a row left out, or one line, and never a crash."""

import json
import struct
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from ovt.core.errors import OvtError
from ovt.curate.sources import arrow
from ovt.curate.sources.faults import Unfit

QUESTIONS = ["How many are there?", "What colour is it?", "Why?"]


def streamed(path: Path, table: pa.Table) -> Path:
    with pa.ipc.new_stream(str(path), table.schema) as out:
        out.write_table(table)
    return path


def with_last_offset(path: Path, offset: int) -> None:
    """Makes the last of QUESTIONS end elsewhere."""
    before, after = struct.pack("<4i", 0, 19, 37, 41), struct.pack("<4i", 0, 19, 37, offset)
    data = path.read_bytes()
    assert before in data
    path.write_bytes(data.replace(before, after))


@pytest.mark.parametrize("offset", [60, 0x3000000])  # within the file, and far outside
@pytest.mark.parametrize("form", ["file", "saved"])
def test_positions_outside_the_bytes_are_not_followed(tmp_path: Path, form: str, offset: int) -> None:
    if form == "file":
        path = streamed(tmp_path / "rows.arrow", pa.table({"question": QUESTIONS}))
        with_last_offset(path, offset)
        part = arrow.arrow_part(path)
    else:
        Dataset.from_dict({"question": QUESTIONS}).save_to_disk(tmp_path / "saved")
        with_last_offset(next((tmp_path / "saved").glob("*.arrow")), offset)
        part = arrow.saved_part(tmp_path / "saved")
    rows = dict(part.rows(["question"], range(3)))
    assert (rows[0], rows[1]) == ({"question": QUESTIONS[0]}, {"question": QUESTIONS[1]})
    assert is_malformed(rows[2])


def is_malformed(row: object) -> bool:
    return isinstance(row, Unfit) and row.reason == "malformed_row" and row.detail.startswith("a cell cannot be read: ")


def raw(kind: pa.DataType, numbers: list[int], bits: int) -> pa.Array:
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.array(numbers, f"int{bits}").buffers()[1]])


TWICE = pa.StructArray.from_arrays([pa.array([1, 2]), pa.array([1, 2])], names=["x", "x"])
BAD_TEXT = pa.Array.from_buffers(pa.string(), 2, pa.array([b"a", b"\xff"]).buffers())


@pytest.mark.parametrize(
    ("cells", "readable"),
    [
        (BAD_TEXT, [True, False]),
        (raw(pa.date32(), [0, 2**31 - 1], 32), [True, False]),
        (raw(pa.timestamp("us"), [0, 2**62], 64), [True, False]),
        (TWICE, [False, False]),
    ],
)
@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_a_cell_that_python_does_not_have_costs_its_row(tmp_path: Path, cells, readable, form: str) -> None:
    table = pa.table({"question": cells})
    path = tmp_path / f"rows.{form}"
    pq.write_table(table, path) if form == "parquet" else streamed(path, table)
    part = arrow.parquet_part(path) if form == "parquet" else arrow.arrow_part(path)
    assert [not is_malformed(row) for _, row in part.rows(["question"], range(2))] == readable


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_two_columns_of_one_name_are_one_line(tmp_path: Path, form: str) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"]), pa.array(["c"])], names=["q", "q", "id"])
    path = tmp_path / f"rows.{form}"
    pq.write_table(table, path) if form == "parquet" else streamed(path, table)
    part = arrow.parquet_part(path) if form == "parquet" else arrow.arrow_part(path)
    with pytest.raises(OvtError, match=r"two columns are named 'q'\): rename one"):
        list(part.rows(["q"], range(1)))
    assert list(part.rows(["id"], range(1))) == [(0, {"id": "c"})]


def test_lists_of_nothing_are_too_large(tmp_path: Path) -> None:
    nothing = pa.ListArray.from_arrays(pa.array([0, 2, 5_000_000], pa.int32()), pa.nulls(5_000_000))
    part = arrow.arrow_part(streamed(tmp_path / "rows.arrow", pa.table({"choices": nothing})))
    few, many = (row for _, row in part.rows(["choices"], range(2)))
    assert few == {"choices": [None, None]}
    assert isinstance(many, Unfit)
    assert (many.reason, many.detail) == ("cell_too_large", "4,999,998 values in lists, at most 4,000,000")


def test_a_list_that_repeats_one_value_is_refused(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 9, pa.int32()), ["x" * 99])
    table = pa.table({"choices": pa.ListArray.from_arrays(pa.array([0, 9], pa.int32()), text)})
    with pytest.raises(OvtError, match=r"column 'choices' is list<.*could unpack to anything: save it as Parquet"):
        arrow.arrow_part(streamed(tmp_path / "rows.arrow", table))


def test_rows_that_share_one_large_value_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(arrow, "MAX_CELL", 2_000)
    shared = pa.DictionaryArray.from_arrays(pa.array([0, 0, 1], pa.int32()), ["x" * 1_000, "y"])
    batch = pa.RecordBatch.from_arrays([shared], names=["question"])
    assert arrow._whole(batch) is None
    rows = [row for _, row in arrow.arrow_rows([batch], batch.schema, range(3))]
    assert rows == [{"question": text} for text in ("x" * 1_000, "x" * 1_000, "y")]


@pytest.mark.parametrize("name", ["..", "", "a/b", "/etc", "a\0b", 7])
def test_saved_datasets_only_name_what_is_in_their_folder(load, tmp_path: Path, name: object) -> None:
    (tmp_path / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    with pytest.raises(OvtError, match=r"dataset_dict\.json does not list the splits"):
        load(tmp_path, split=name if isinstance(name, str) else None)
    (tmp_path / "dataset_dict.json").unlink()
    (tmp_path / "state.json").write_text(json.dumps({"_data_files": [{"filename": name}]}))
    with pytest.raises(OvtError, match=r"state\.json cannot be read as a saved dataset"):
        arrow.saved_part(tmp_path)
