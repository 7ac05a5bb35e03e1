"""One row of a source -> a question, or the reason why it cannot be one.

{"question": "How many? (A) 3 (B) 4", "answer": "B", "image": "a.png"}
-> {"question": "How many?", "choices": ["3", "4"], "gold": "B", "images": ["9f2c…"], "reason": None, …}
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

import polars as pl

from ovt.core.hashing import canonical_json, hash_bytes, hash_json
from ovt.core.schema import QUESTIONS
from ovt.curate.sources.cells import MissingFile, Picture, Places, flatten, plain_text, read_picture
from ovt.curate.sources.choices import labels_of, lost_backslashes, read_choices
from ovt.curate.sources.columns import Columns, cells
from ovt.curate.sources.conversations import as_turns, is_paired, read_conversation, rounds_of
from ovt.curate.sources.dressings import split_question
from ovt.curate.sources.faults import IMAGE_TAG, Unfit, check_length, check_tags
from ovt.curate.sources.golds import gold_key, read_golds
from ovt.curate.sources.named_choice import Gold, read_all, read_any, read_gold
from ovt.curate.sources.section import SourceSection
from ovt.curate.sources.source import MaybeRow, Row
from ovt.curate.sources.strip import stripper

NO_IMAGE = "the row has no image"
MOST_ROUNDS = 1_000  # of one row; a longer conversation is cut

# QUESTIONS, and the fields of rows that are left out.
#   asked     hash of images, question and choices; gold_key the gold's meaning (position of the choice, or its text)
#   read_as   see named_choice.Gold
#   reason    null for a question
#   files     image files that were read, or are missing
ROWS = pl.Schema(
    {
        **QUESTIONS,
        "row": pl.Int64,
        "asked": pl.String,
        "gold_key": pl.String,
        "read_as": pl.String,
        "reason": pl.String,
        "detail": pl.String,
        "files": pl.List(pl.String),
    }
)

KEPT = "kept:"  # prefix of further columns that a source keeps, with each cell as JSON


def identify(images: list[str], question: str, choices: list[str] | None, gold: str) -> dict[str, str]:
    """The ids of a question: {"asked", "question_id"}, 16 hex digits of sha256 over what it shows and asks, as
    canonical JSON, and over that and its gold."""
    asked = canonical_json([images, question, choices])
    whole = asked[:-1] + b"," + canonical_json(gold) + b"]"  # as for a list of all four
    return {"asked": hash_bytes(asked)[:16], "question_id": hash_bytes(whole)[:16]}


def row_id(source: str, row: int, source_id: str) -> str:
    """The id of a row that is left out: 16 hex digits of sha256."""
    return hash_json(["row", source, row, source_id])[:16]


def read_texts(row: MaybeRow, number: int, section: SourceSection, columns: Columns) -> list[dict[str, Any]]:
    """The questions of a row: rows of ROWS without their images, whose cells are in "shown"; None if it needs none.

    A row has one question, and a conversation may have one per round. A fault becomes the reason of its row.
    """
    try:
        rounds = _rounds(row, section, columns)
    except (Unfit, RecursionError):
        rounds = [row]  # raised again where the row is read
    if len(rounds) == 1:
        return [_read_question(rounds[0], number, section, columns)]
    return [_read_question(one, number, section, columns, f"#{at}") for at, one in enumerate(rounds[:MOST_ROUNDS], 1)]


def _rounds(row: MaybeRow, section: SourceSection, columns: Columns) -> list[MaybeRow]:
    """The row itself, or a row for each round of its conversation."""
    if not isinstance(row, Mapping) or section.rounds == "last":
        return [row]
    name = columns.question[0]
    cell = cells(row, [name])[0]
    turns = as_turns(cell)
    if turns is None or (section.rounds == "auto" and not is_paired(cell)):
        return [row]
    rounds = rounds_of(turns, in_context=section.rounds == "each_in_context")
    return [{**row, name: one} for one in rounds] if len(rounds) > 1 else [row]


def _read_question(
    row: MaybeRow, number: int, section: SourceSection, columns: Columns, suffix: str = ""
) -> dict[str, Any]:
    record: dict[str, Any] = {"source": section.name, "row": number, "source_id": f"{number}{suffix}", "files": []}
    try:
        if row is None:
            raise Unfit("malformed_row", "expected an object or a list of cells")
        if isinstance(row, Unfit):
            raise row
        record["source_id"] = _source_id(row, number, columns) + suffix
        if columns.kept:
            record |= zip(kept_names(section), map(scalar, cells(row, columns.kept)), strict=True)
        _fill_in(record, row, columns, section)
    except Unfit as unfit:
        record |= {"reason": unfit.reason, "detail": unfit.detail or None}
    except RecursionError:
        record |= {"reason": "malformed_row", "detail": "nested too deeply"}
    return record


def _source_id(row: Row, number: int, columns: Columns) -> str:
    found = plain_text(cells(row, columns.id)[0]) if columns.id else None
    return (found or str(number))[:200]


def kept_names(section: SourceSection) -> list[str]:
    """The columns of ROWS that hold what a source keeps."""
    return [KEPT + name for name in section.keep]


def scalar(cell: Any) -> str | None:
    """A cell that is kept, as JSON: texts, numbers and booleans as they are, lists and mappings as a text."""
    if isinstance(cell, str):
        cell = plain_text(cell)
    elif isinstance(cell, bool | int) or (isinstance(cell, float) and isfinite(cell)):
        return json.dumps(cell)
    elif isinstance(cell, list | tuple | Mapping):
        cell = plain_text(json.dumps(cell, ensure_ascii=False, default=str))
    elif isinstance(cell, bytes | bytearray | float):
        cell = None
    return None if cell is None else json.dumps(str(cell), ensure_ascii=False)


def _fill_in(record: dict[str, Any], row: Row, columns: Columns, section: SourceSection) -> None:
    question, golds, shown = _ask(row, columns, section)
    question = stripper(section.question_strip)(question)
    for gold in golds:
        check_length(gold)
    given = cells(row, columns.choices)
    choices, labels = _choices(given)
    check_tags(question, len(shown))
    if choices is None:
        split = split_question(question, golds[0] if golds else None)
        question, choices, labels = split.question, split.choices, split.labels
        record["readings"] = {"dressings"} if split.new else set()
    found = _read_gold(golds, choices, labels, section)
    newer = {"labels": labels, "several golds": found.new, "backslashes": any(map(lost_backslashes, given))}
    if needed := {name for name, is_needed in newer.items() if is_needed}:
        record["readings"] = record.get("readings", set()) | needed
    record |= {
        "question": without_leading_tags(question),
        "choices": list(choices) if choices else None,
        "gold": found.text,
        "gold_key": gold_key(found.text) if found.position is None else str(found.position),
        "read_as": found.read_as,
        "shown": shown or (None if section.without_image == "keep" else []),
    }
    if found.read_as != "beyond" and not record["question"]:
        raise Unfit("empty_question")
    if found.read_as != "beyond" and not found.text:
        raise Unfit("empty_gold", _empty(cells(row, columns.gold), columns))


def _choices(given: Sequence[Any]) -> tuple[Sequence[str] | None, Sequence[str]]:
    if not given:
        return None, ()
    cell = given[0] if len(given) == 1 else given
    return read_choices(cell), labels_of(cell)


def _empty(given: Sequence[Any], columns: Columns) -> str:
    text = plain_text(given[0]) if given else None
    where = ", ".join(map(str, columns.gold or columns.question))
    return f"{text[:80]!r} in {where} holds no answer" if text else f"nothing in {where}"


def _read_gold(
    golds: Sequence[str], choices: Sequence[str] | None, labels: Sequence[str], section: SourceSection
) -> Gold:
    """The gold of a question; of several, all of its choices (accept = "all"), or any of them."""
    if len(golds) < 2:
        return read_gold(golds[0] if golds else "", choices, section.gold_is, labels)
    if section.accept == "all":
        return read_all(golds, choices, section.gold_is, labels) if choices else Gold(", ".join(golds))
    return read_any(golds, choices, section.gold_is, labels)


def _ask(row: Row, columns: Columns, section: SourceSection) -> tuple[str, list[str], list[Any]]:
    """(question, golds, image cells); a conversation may hold all three, but the row's own columns take precedence."""
    asked, answers, shown = (cells(row, names) for names in (columns.question, columns.gold, columns.images))
    golds = read_golds(answers[0], section) if answers else []
    if (turns := as_turns(asked[0])) is not None:
        question, answer, parts = read_conversation(turns)
        golds = golds or read_golds(answer, section)
        question, pictures = question or "", flatten(shown) or flatten(parts)
    else:
        question, pictures = "\n".join(text for cell in asked if (text := plain_text(cell))), flatten(shown)
    if not pictures and (pictures := _NAMED.findall(question)):
        question = _NAMED.sub("<image>", question)
    return question, golds, pictures


_NAMED = re.compile(r"<img>([^<>\n]{1,4000})</img>")  # a picture in the text, as in Qwen-VL's conversations


def without_leading_tags(question: str) -> str:
    """The text without `<image>` tags if they only say that the images come first, or last."""
    if "<image" not in question:
        return question.strip()
    found = (_TAGS_AHEAD.sub("", question, count=1), _TAGS_BEHIND.sub("", question[::-1], count=1)[::-1])
    return next((bare.strip() for bare in found if not IMAGE_TAG.search(bare)), question)


_TAGS_AHEAD = re.compile(r"(?:\s++|<image>)*+")
_TAGS_BEHIND = re.compile(r"(?:\s++|>egami<)*+")  # read backwards: a search for the end of a text is quadratic


def open_images(record: dict[str, Any], places: Places) -> dict[str, Any]:
    """The record of `read_texts` with its images' contents in "shown", up to the first fault, which ends them."""
    if (shown := record.get("shown")) is None:
        return record
    record["shown"] = []
    for cell in [] if record.get("reason") else shown:
        try:
            record["shown"].append(Picture(_open(cell, places, record["files"]).content))
        except Unfit as unfit:
            record["shown"].append(Unfit(unfit.reason, unfit.detail))
            break
    return record


def read_images(record: dict[str, Any], places: Places | None, store: Callable[[Picture], str]) -> dict[str, Any]:
    """The record of `read_texts` as a row of ROWS, without its empty cells: images stored, hashes computed.

    store: stores an image and returns its id.
    places: None for a record of `open_images`.
    """
    shown = record.pop("shown", [])
    if not record.get("reason"):
        try:
            if shown == []:
                raise Unfit("missing_image", NO_IMAGE)
            images = [_store(cell, places, store, record["files"]) for cell in shown or ()]
            record |= identify(images, record["question"], record["choices"], record["gold"])
            record["images"] = images
        except Unfit as unfit:
            record |= {"reason": unfit.reason, "detail": unfit.detail or None}
    return record


def _store(cell: Any, places: Places | None, store: Callable[[Picture], str], files: list[str]) -> str:
    if isinstance(cell, Unfit):
        raise cell
    return store(cell if places is None else _open(cell, places, files))


def _open(cell: Any, places: Places, files: list[str]) -> Picture:
    try:
        picture = read_picture(cell, places)
    except MissingFile as missing:
        files.append(str(missing.path))
        raise
    if picture.path:
        files.append(str(picture.path))
    return picture
