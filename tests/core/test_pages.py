"""What Parquet files unpack to, told by their page headers; files whose headers lie are refused at once."""

import time
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ovt.core import pages
from ovt.core.errors import OvtError

WHOLE = 153_019  # bytes of the dictionary in `written`, with its header
MILLIONS = 4 * 2**20  # bytes that are a million empty values


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A column with a dictionary of 3,000 values of 47 bytes."""
    path = tmp_path / "rows.parquet"
    values = [f"v{number % 3000:06}" + "x" * 40 for number in range(6000)]
    pq.write_table(pa.table({"q": values}), path, compression="none")
    return path


def number(value: int) -> bytes:
    """A field of the next number: an integer, in zigzag."""
    value, out = value << 1, b"\x15"
    while value > 127:
        value, out = value >> 7, out + bytes([value & 127 | 128])
    return out + bytes([value])


def dictionary(unpacked: int, packed: int, values: int) -> bytes:
    """The header of a dictionary page."""
    return number(2) + number(unpacked) + number(packed) + b"\x4c" + number(values) + number(2) + b"\0\0"


def read(path: Path, header: bytes | None = None) -> list[pages.Chunk]:
    """The chunks of a file, after its first header was replaced."""
    metadata = pq.read_metadata(path)
    start = metadata.row_group(0).column(0).dictionary_page_offset
    if header is not None:
        whole = path.read_bytes()
        path.write_bytes(whole[:start] + header + whole[start + len(header) :])
    return pages.read_chunks(path, metadata, ["q"], 0)


def test_the_largest_value_of_a_dictionary_is_known(written):
    (chunk,) = read(written)
    assert (chunk.repeated, chunk.values) == (47, 6000)
    assert chunk.page > 3000 * 47


def test_a_page_larger_than_its_file_is_refused(written):
    with pytest.raises(OvtError, match=r"rows\.parquet is not a readable Parquet file \(a page's header is broken\)"):
        read(written, dictionary(153_000, 2**50, 3000))


@pytest.mark.parametrize("of_data", [b"\x25\x02", b"\x2c\x15\x01\0"], ids=["a number", "-1 values"])
def test_a_header_without_counts_is_refused(tmp_path, of_data):
    (tmp_path / "page").write_bytes(number(0) + number(9) + number(9) + of_data + b"\0")
    with (tmp_path / "page").open("rb") as file, pytest.raises(OvtError, match="header is broken"):
        pages._header(tmp_path / "page", file, 0)


def test_one_dictionary_is_enough(written):
    first = dictionary(9, 9, 1) + bytes(9)
    room = WHOLE - len(first) - len(dictionary(WHOLE, WHOLE, 3000))
    with pytest.raises(OvtError, match="has 2 dictionaries in one row group, at most 1: this does not look like data"):
        read(written, first + dictionary(room, room, 3000))


def test_a_footer_that_readers_take_differently_is_refused(written):
    column = SimpleNamespace(dictionary_page_offset=90, data_page_offset=4, total_compressed_size=10)
    with pytest.raises(OvtError, match="is not a readable"):
        pages._read_chunk(written, written.open("rb"), column, None)


def test_millions_of_empty_values_take_no_time(tmp_path):
    packed = pa.compress(bytes(MILLIONS), "zstd", asbytes=True)
    (tmp_path / "page").write_bytes(packed)
    about = SimpleNamespace(physical_type="BYTE_ARRAY", compression="ZSTD")
    began = time.process_time()
    with (tmp_path / "page").open("rb") as file:
        for told in (3, MILLIONS // 4):
            page = {2: MILLIONS, 3: len(packed), 7: {1: told}, pages.START: 0}
            assert pages._largest(file, page, about) == MILLIONS
    assert time.process_time() - began < 0.2
