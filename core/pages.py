"""What a Parquet file unpacks to, read from the headers of its pages before any page is read.

A column chunk of two kilobytes can stand for gigabytes: by compression, by a dictionary whose one value is repeated,
or by values that each extend the one before (DELTA_BYTE_ARRAY). Its footer may lie about all of it, since no reader
compares it with the pages. A page's header says what the reader will allocate: it is a Thrift struct in the compact
protocol; only its numbers are kept here.
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.errors import OvtError

SMALL = 64 * 2**20  # bytes of a page that may be packed as densely as it likes
DENSITY = 8  # how many times its packed bytes a larger page may unpack to; images and text rarely exceed 5
MOST_PAGES = 1_000_000  # of one column chunk
MOST_ROWS = 10**9  # of one file
MOST_NESTED = 4_000_000  # values of a list column in one row group: more are pixels, not questions or answers
SURELY_SMALL = 2**16  # bytes of a dictionary whose values need no look
DELTA_BYTE_ARRAY = 7
START = -1  # among a header's numbers: where the page's content starts in the file

Header = dict[int, Any]


@dataclass(frozen=True)
class Chunk:
    """A column chunk; sizes are bytes, as its page headers give them.

    packed, unpacked  all pages; page: the largest one, so that no value is larger
    values            including nulls and empty lists: at least the row group's rows
    repeated          the largest value that may be stored once and read many times; 0 if none may
    pages             (bytes, values) of each data page
    listed            whether the column lies inside a list, so that one row may hold any number of values
    """

    column: str
    packed: int
    unpacked: int
    page: int
    values: int
    repeated: int
    delta: bool
    listed: bool
    pages: tuple[tuple[int, int], ...]

    def at_most(self, rows: int) -> int:
        """The most bytes that this many rows can take, beyond the one page that the reader holds in any case."""
        if self.listed:
            return self.page * self.values if self.repeated else min(self.unpacked, self.page * self.values)
        return self.repeated * rows + max(0, self._spread(rows) - self.page)

    def _spread(self, rows: int) -> int:
        """The most bytes of pages that this many consecutive values can span."""
        most = total = between = first = 0
        for size, count in self.pages:
            total, between = total + size, between + count
            # The first page may contribute only its last value, and the newest only its first.
            while between - self.pages[first][1] - count + 2 > rows and total > size:
                total, between, first = total - self.pages[first][0], between - self.pages[first][1], first + 1
            most = max(most, total)
        return most


def read_chunks(path: Path, metadata: pq.FileMetaData, columns: Sequence[str], group: int) -> list[Chunk]:
    """The chunks of these top-level columns in one row group. OvtError if a page unpacks to too much, or is broken."""
    about = metadata.row_group(group)
    with path.open("rb") as file:
        return [
            _read_chunk(path, file, chunk, metadata.schema.column(number))
            for number in range(about.num_columns)
            if (chunk := about.column(number)).path_in_schema.partition(".")[0] in columns
            or chunk.path_in_schema in columns
        ]


def _read_chunk(path: Path, file: IO[bytes], chunk: Any, column: Any) -> Chunk:
    start = chunk.dictionary_page_offset or chunk.data_page_offset  # some writers say 0 where there is no dictionary
    if start > chunk.data_page_offset:  # readers disagree about where such a chunk starts
        raise _broken(path)
    pages = list(_pages(path, file, start, start + chunk.total_compressed_size))
    if (dictionaries := sum(7 in page for page in pages)) > 1:
        raise OvtError(
            f"{path}: column {column.path} has {dictionaries:,} dictionaries in one row group, at most 1: "
            "this does not look like data"
        )
    data = [page.get(5) or page.get(8) or {} for page in pages]
    listed, values = column.max_repetition_level > 0, sum(page.get(1, 0) for page in data)
    if listed and values > MOST_NESTED:
        raise OvtError(
            f"{path}: column {column.path} holds {values:,} list values in one row group; the limit is {MOST_NESTED:,}"
        )
    encodings = [page.get(2) if 5 in whole else page.get(4) for whole, page in zip(pages, data, strict=True)]
    longest = max((page[2] for page in pages), default=0)
    delta = DELTA_BYTE_ARRAY in encodings
    return Chunk(
        column.path,
        packed=sum(page[3] for page in pages),
        unpacked=sum(page[2] for page in pages),
        page=longest,
        values=values,
        repeated=longest if delta else max((_largest(file, page, chunk) for page in pages if 7 in page), default=0),
        delta=delta,
        listed=listed,
        pages=tuple((page[2], about.get(1, 0)) for page, about in zip(pages, data, strict=True) if 7 not in page),
    )


def _largest(file: IO[bytes], page: Header, chunk: Any) -> int:
    """The bytes of a dictionary's largest value (its length precedes it), or of its page if that cannot be read, or
    takes long: a few packed bytes can stand for millions of empty values."""
    count = page[7].get(1, 0)
    if page[2] <= SURELY_SMALL or chunk.physical_type != "BYTE_ARRAY" or count > page[3]:
        return page[2]
    file.seek(page[START])
    data, codec = file.read(page[3]), chunk.compression.lower()
    try:
        values = memoryview(data if codec == "uncompressed" else pa.decompress(data, page[2], codec))
        largest = at = 0
        for _ in range(count):
            length = int.from_bytes(values[at : at + 4], "little")
            largest, at = max(largest, length), at + 4 + length
    except (pa.ArrowException, ValueError, OSError):
        return page[2]
    return largest if at == len(values) else page[2]


def _pages(path: Path, file: IO[bytes], start: int, end: int) -> Iterator[Header]:
    size = file.seek(0, 2)
    for _ in range(MOST_PAGES):
        if start >= end:
            return
        page, length = _header(path, file, start)
        packed, unpacked = page[3], page[2]
        if start + length + packed > size:
            raise _broken(path)
        if unpacked > max(SMALL, DENSITY * packed):
            raise OvtError(f"{path}: a page of {packed:,} bytes unpacks to {unpacked:,}: this does not look like data")
        yield page | {START: start + length}
        start += length + packed
    raise OvtError(f"{path}: a column has more than {MOST_PAGES:,} pages in a row group: this does not look like data")


def _header(path: Path, file: IO[bytes], start: int) -> tuple[Header, int]:
    """(a page's header, its length)."""
    for length in (256, 1 << 16, 1 << 22) if start >= 0 else ():  # statistics in it may be long
        file.seek(start)
        data = file.read(length)
        try:
            page, end = _struct(data, 0)
        except IndexError:
            continue
        except ValueError:
            break
        if _is_sound(page):
            return page, end
        break
    raise _broken(path)


def _is_sound(page: Header) -> bool:
    """Whether a header's sizes and counts are numbers from 0 on."""
    parts = [page.get(number, {}) for number in (5, 7, 8)]
    if not all(isinstance(part, dict) for part in parts):
        return False
    numbers = [page.get(2), page.get(3), *(part.get(1, 0) for part in parts)]
    return all(isinstance(number, int) and number >= 0 for number in numbers)


def _broken(path: Path) -> OvtError:
    return OvtError(f"{path} is not a readable Parquet file (a page's header is broken)")


def _struct(data: bytes, at: int, depth: int = 0) -> tuple[Header, int]:
    """(fields by number, where the struct ends). IndexError if it goes beyond `data`, ValueError if it is not one."""
    fields: Header = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _integer(data, at)
        fields[number], at = _value(data, at, head & 15, depth)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    match kind:
        case 1 | 2:  # true and false are kinds of their own
            return kind == 1, at
        case 3:
            return data[at], at + 1
        case 4 | 5 | 6:
            return _integer(data, at)
        case 7:
            return None, at + 8
        case 8:  # text, such as a page's smallest value
            length, at = _varint(data, at)
            return None, at + length
        case 12 if depth < 4:
            return _struct(data, at, depth + 1)
    raise ValueError(kind)


def _integer(data: bytes, at: int) -> tuple[int, int]:
    number, at = _varint(data, at)
    return (number >> 1) ^ -(number & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
