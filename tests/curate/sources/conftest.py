"""Pictures, and sources made of them, as real files."""

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image

from ovt.core.home import Home
from ovt.curate.sources.importing import Imported, import_sources
from ovt.curate.sources.section import SourceSection

Picture = Callable[..., bytes]
Import = Callable[..., Imported]


@pytest.fixture
def picture() -> Picture:
    """picture(n): the bytes of a small PNG, another one for each n."""

    def make(n: int = 0, size: tuple[int, int] = (8, 6), mode: str = "RGB", kind: str = "PNG", **options: Any) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", size, (n % 256, n // 256 % 256, 77)).convert(mode).save(out, kind, **options)
        return out.getvalue()

    return make


@pytest.fixture
def folder(tmp_path: Path, picture: Picture) -> Path:
    """A folder with pictures 0.png … 9.png."""
    place = tmp_path / "data"
    place.mkdir()
    for n in range(10):
        (place / f"{n}.png").write_bytes(picture(n))
    return place


@pytest.fixture
def load(home: Home) -> Import:
    """load(path, **section): one source, imported."""

    def run(path: object, limit: int | None = None, **section: Any) -> Imported:
        return import_sources([SourceSection(path=str(path), **section)], home, limit)

    return run


@pytest.fixture
def jsonl(folder: Path) -> Callable[[Sequence[Any]], Path]:
    """jsonl(rows): the rows as a file beside the pictures."""

    def write(rows: Sequence[Any], name: str = "rows.jsonl") -> Path:
        path = folder / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


def reasons(imported: Imported) -> list[str]:
    """The reasons of the rows left out, in order."""
    return imported.decisions["reason"].to_list()


TWO = [("How many?", "B", ["3", "4"], 1), ("What colour?", "red", None, 1)]


def asked(imported: Imported) -> list[tuple]:
    """What came in, without the names of sources."""
    return imported.questions.select("question", "gold", "choices", pl.col("images").list.len()).rows()


@pytest.fixture
def rows() -> list[dict]:
    return [
        {"id": "a", "question": "How many?", "answer": "B", "options": ["3", "4"], "image": "1.png"},
        {"id": "b", "question": "What colour?", "answer": "red", "options": None, "image": "2.png"},
    ]


@pytest.fixture
def with_bytes(rows: list[dict], picture) -> list[dict]:
    return [{**row, "image": {"bytes": picture(n + 1), "path": None}} for n, row in enumerate(rows)]
