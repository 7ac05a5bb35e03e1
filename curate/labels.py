"""What people say about questions and samples: a line for each label, in versions/NAME/NAME.labels.jsonl.

    {"version": "charts@1f0c2d3e4a5b", "id": "9a…-reason-2", "reply_key": "77…", "label": "wrong_verdict", "note": ""}

It lies beside the versions of a name, is not part of any, and is only appended to: a label is taken back by a line of
its own ("undo": true). A question's id stands for its content, and a reply key for a reply, so labels hold for every
version with the same question or the same reply. `who` and `when` are present only if they were given.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from ovt.core.errors import OvtError
from ovt.core.files import locked
from ovt.core.section import Section, added_later
from ovt.core.untrusted import parse_json

USUAL = ("good", "bad", "wrong_gold", "wrong_verdict", "leaks_answer")
NAME = r"[a-z0-9][a-z0-9_]{0,39}"  # of a label
LONGEST_NOTE = 2_000  # characters


class Label(Section):
    """A line of the table. id: a question's, or a sample's; reply_key: the sample's, null for a question."""

    version: str
    id: str
    reply_key: str | None = None
    label: str
    note: str = ""
    undo: bool = added_later(False)
    who: str | None = added_later(None)
    when: str | None = added_later(None)

    @property
    def about(self) -> tuple[str, str | None, str]:
        """What a later line replaces or takes back."""
        return self.id, self.reply_key, self.label


def labels_path(folder: Path, name: str) -> Path:
    """The table of the versions called `name`, one of which is this folder."""
    return folder.absolute().parent / f"{name}.labels.jsonl"


def read_labels(path: Path) -> list[Label]:
    """The labels that hold now, in the order in which they were given; none without a file. OvtError for a bad line."""
    held: dict[tuple[str, str | None, str], Label] = {}
    for number, row in read_objects(path) if os.path.exists(path) else ():  # noqa: PTH110 - it may be too long a name
        one = _parse(path, number, row)
        if one.undo:
            held.pop(one.about, None)
        else:
            held[one.about] = one
    return list(held.values())


def append_label(path: Path, one: Label) -> None:
    """Adds a line, on disk when this returns. OvtError for an invalid label or note."""
    if not re.fullmatch(NAME, one.label):
        raise OvtError(
            f"{one.label[:60]!a} cannot be a label: use lower-case letters, digits and '_', such as wrong_gold"
        )
    if len(one.note) > LONGEST_NOTE:
        raise OvtError(f"a note of {len(one.note):,} characters is too long: {LONGEST_NOTE:,} at most")
    with locked(path.parent), path.open("ab+") as file:
        file.seek(0, os.SEEK_END)
        if file.tell():  # a killed writer may have left half a line: it gets a line of its own, which is then refused
            file.seek(-1, os.SEEK_END)
            file.write(b"" if file.read(1) == b"\n" else b"\n")
        file.write(json.dumps(one.model_dump(mode="json")).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def by_label(labels: Iterable[Label]) -> dict[str, list[Label]]:
    """The labels by name, the most frequent first."""
    found: dict[str, list[Label]] = {}
    for one in labels:
        found.setdefault(one.label, []).append(one)
    return dict(sorted(found.items(), key=lambda named: (-len(named[1]), named[0])))


def left_out(held: Sequence[Label], drop: Sequence[str], keep: Sequence[str]) -> pl.Expr:
    """Why a row (sample_id, question_id, reply_key) is left out: `labelled_NAME`, or `not_labelled` where only some
    labels are kept; else null. A label on a question holds for all of its samples."""
    why = pl.lit(None, pl.String)
    for name in reversed(drop):
        why = pl.when(_has(held, (name,))).then(pl.lit(f"labelled_{name}")).otherwise(why)
    if keep:
        why = pl.coalesce(why, pl.when(~_has(held, keep)).then(pl.lit("not_labelled")))
    return why


def _has(held: Sequence[Label], names: Sequence[str]) -> pl.Expr:
    """Whether a row has one of the labels, itself or through its question."""
    chosen = [one for one in held if one.label in names]
    keys = [one.reply_key for one in chosen if one.reply_key]
    ids = [one.id for one in chosen if not one.reply_key]
    columns = {"reply_key": keys, "question_id": ids, "sample_id": ids}
    return pl.any_horizontal(pl.col(name).is_in(values).fill_null(False) for name, values in columns.items())


def read_objects(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """(line number, object) of each line of a JSON-lines file that is not empty. OvtError for any other line."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise OvtError(f"cannot read {path} ({error}): give another file, or restore it") from None
    return [(number, _object(path, number, line)) for number, line in enumerate(lines, 1) if line.strip()]


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        row = parse_json(line)
    except ValueError as error:
        raise OvtError(f"{path} line {number} is not JSON ({error}): correct or remove that line") from None
    if not isinstance(row, dict):
        raise OvtError(f"{path} line {number} is {row!r:.40}: expected a JSON object")
    return row


def _parse(path: Path, number: int, row: dict[str, Any]) -> Label:
    try:
        return Label.model_validate(row)
    except ValidationError as error:
        first = " ".join(str(error).splitlines()[0].split())[:120]
        raise OvtError(f"{path} line {number} is not a label ({first}): remove that line") from None
