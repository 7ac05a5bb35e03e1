"""One row of a source -> a question, or the reason why it cannot be one.

{"question": "How many? (A) 3 (B) 4", "answer": "B", "image": "a.png"}
-> {"question": "How many?", "choices": ["3", "4"], "gold": "B", "images": ["9f2c…"], "reason": None, …}
"""

from collections.abc import Callable
from typing import Any

import polars as pl
from PIL import Image

from ovt.core.hashing import hash_json
from ovt.core.schema import QUESTIONS
from ovt.curate.sources.cells import (
    MissingFile,
    Places,
    flatten,
    gold_text,
    is_conversation,
    plain_text,
    read_conversation,
    read_picture,
    squeeze,
)
from ovt.curate.sources.choices import read_choices, read_gold, split_question
from ovt.curate.sources.columns import Columns, cells
from ovt.curate.sources.faults import IMAGE_TAG, Unfit, check_length, check_tags, check_texts
from ovt.curate.sources.section import SourceSection
from ovt.curate.sources.source import MaybeRow, Row

# QUESTIONS, and the fields of rows that are left out.
#   row_id    identifies a row that is left out: hash of source, row number and the source's id
#   asked     hash of images, question and choices; gold_key the gold's meaning (position of the choice, or its text)
#   read_as   see choices.Gold
#   reason    null for a question
#   files     image files that were read, or are missing
ROWS = pl.Schema(
    {
        **QUESTIONS,
        "row": pl.Int64,
        "row_id": pl.String,
        "asked": pl.String,
        "gold_key": pl.String,
        "read_as": pl.String,
        "reason": pl.String,
        "detail": pl.String,
        "files": pl.List(pl.String),
    }
)


def question_id(images: list[str], question: str, choices: list[str] | None, gold: str) -> str:
    """First 16 hex digits of sha256 over the identity of a question."""
    return short_hash([images, question, choices, gold])


def short_hash(value: Any) -> str:
    """First 16 hex digits of sha256 over canonical JSON."""
    return hash_json(value)[:16]


def read_texts(row: MaybeRow, number: int, section: SourceSection, columns: Columns) -> dict[str, Any]:
    """A row of ROWS without its images, whose cells are in "shown". A fault of the row becomes its reason."""
    record: dict[str, Any] = {"source": section.name, "row": number, "source_id": str(number), "files": []}
    try:
        if row is None:
            raise Unfit("malformed_row", "expected an object or a list of cells")
        if isinstance(row, Unfit):
            raise row
        record["source_id"] = _source_id(row, number, columns)
        _fill_in(record, row, columns, section.gold_is)
    except Unfit as unfit:
        record |= {"reason": unfit.reason, "detail": unfit.detail or None}
    except RecursionError:
        record |= {"reason": "malformed_row", "detail": "nested too deeply"}
    record["row_id"] = short_hash(["row", section.name, number, record["source_id"]])
    return record


def _source_id(row: Row, number: int, columns: Columns) -> str:
    found = plain_text(cells(row, columns.id)[0]) if columns.id else None
    return (found or str(number))[:200]


def _fill_in(record: dict[str, Any], row: Row, columns: Columns, gold_is: str) -> None:
    question, gold, shown = _ask(row, columns)
    check_length(gold)
    given = cells(row, columns.choices)
    choices = read_choices(given[0] if len(given) == 1 else given)
    check_tags(question, len(shown))
    if choices is None:
        question, choices = split_question(question, gold)
    found = read_gold(gold, choices, gold_is)
    record |= {
        "question": without_leading_tags(question),
        "choices": list(choices) if choices else None,
        "gold": found.text,
        "gold_key": _gold_key(found.text) if found.position is None else str(found.position),
        "read_as": found.read_as,
        "shown": shown,
    }
    if found.read_as != "beyond":
        check_texts(record["question"], found.text, choices)
    if not shown:
        raise Unfit("missing_image", "the row has no image")


def _ask(row: Row, columns: Columns) -> tuple[str, str, list[Any]]:
    """(question, gold, image cells); a conversation may hold all three, but the row's own columns take precedence."""
    asked, answers, shown = (cells(row, names) for names in (columns.question, columns.gold, columns.images))
    gold = gold_text(answers[0]) if answers else None
    if is_conversation(asked[0]):
        question, answered, parts = read_conversation(asked[0])
        return question or "", gold or answered or "", flatten(shown) or flatten(parts)
    return "\n".join(text for cell in asked if (text := plain_text(cell))), gold or "", flatten(shown)


def without_leading_tags(question: str) -> str:
    """The text without `<image>` tags if they only say that the images come first, or last."""
    for strip in (str.removeprefix, str.removesuffix):
        bare, shorter = question, question
        while (shorter := strip(bare, "<image>").strip()) != bare:
            bare = shorter
        if not IMAGE_TAG.search(bare):
            return bare
    return question


def _gold_key(gold: str) -> str:
    """A gold normalised for comparison with others of the same question: 3, 3.0 and "3 " agree."""
    text = squeeze(gold)
    try:
        return repr(float(text)) if len(text) < 40 else text
    except ValueError:
        return text


def read_images(record: dict[str, Any], places: Places, store: Callable[[bytes | Image.Image], str]) -> dict[str, Any]:
    """The record of `read_texts` as a row of ROWS: images stored (`store` returns their ids), and hashes computed."""
    shown = record.pop("shown", [])
    if not record.get("reason"):
        try:
            images = [_store(cell, places, store, record["files"]) for cell in shown]
            question, choices, gold = record["question"], record["choices"], record["gold"]
            record |= {"images": images, "asked": short_hash([images, question, choices])}
            record["question_id"] = question_id(images, question, choices, gold)
        except Unfit as unfit:
            record |= {"reason": unfit.reason, "detail": unfit.detail or None}
    return {name: record.get(name) for name in ROWS}


def _store(cell: Any, places: Places, store: Callable[[bytes | Image.Image], str], files: list[str]) -> str:
    try:
        picture = read_picture(cell, places)
    except MissingFile as missing:
        files.append(str(missing.path))
        raise
    if picture.path:
        files.append(str(picture.path))
    return store(picture.content)
