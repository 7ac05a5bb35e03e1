"""Labels as the view shows and takes them: which rows have one, and a new line for the table."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from ovt.core.errors import OvtError
from ovt.curate.labels import Label, append_label, by_label, labels_path, read_labels
from ovt.view.rows import Rows
from ovt.view.shelf import Shelf


def labels_of(shelf: Shelf) -> dict[str, Any]:
    """file, and labels: those in force, in the order they were given."""
    path = label_file(shelf)
    return {"file": str(path), "labels": [row.model_dump(mode="json") for row in read_labels(path)]}


def label(rows: Rows, asked: Mapping[str, Any], who: str | None) -> dict[str, Any]:
    """Adds a label: id (of a question or a sample), label, note; undo takes it back. who: recorded, with the time.

    OvtError for anything but a label, or if the version has no such id.
    """
    texts = {name: asked.get(name, "") for name in ("id", "label", "note")}
    undo = asked.get("undo", False)
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(undo, bool):
        raise OvtError("a label is given as texts: id, label and note; and undo, true or false")
    path, at = label_file(rows.shelf), (rows.table["id"] == texts["id"]).arg_true()
    if not len(at):
        raise OvtError(f"{rows.shelf.ref} has no question or sample {texts['id'][:80]!a}")
    version = rows.shelf.version.manifest.hash_ref if rows.shelf.version else rows.shelf.ref
    when = datetime.now(UTC).isoformat(timespec="seconds") if who else None
    reply = rows.table["reply_key"][at[0]]
    append_label(path, Label(version=version, reply_key=reply, undo=undo, who=who, when=when, **texts))
    return labels_of(rows.shelf)


def label_file(shelf: Shelf) -> Path:
    """Where a version's labels are. OvtError for anything but a version."""
    if shelf.version is None:
        raise OvtError(f"{shelf.ref} is not a version: only questions and samples of versions can be labelled")
    return labels_path(shelf.version.path, shelf.version.manifest.name)


def labelled(rows: Rows) -> dict[str, list[str]]:
    """label → ids of these rows: questions, and samples whose reply was labelled, in any version of the name."""
    if rows.shelf.version is None:
        return {}
    told = {}
    for name, given in by_label(read_labels(label_file(rows.shelf))).items():
        keys = [row.reply_key for row in given if row.reply_key]
        replies = rows.table.filter(pl.col("reply_key").is_in(keys))["id"].to_list() if keys else []
        told[name] = replies + [row.id for row in given if not row.reply_key]
    return told
