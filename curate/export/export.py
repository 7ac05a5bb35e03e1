"""Exports a version as files for another trainer: a folder that is written beside its target and renamed into place.

OUT/.export.json                which version, format and splits this is; everything else there is the format's own
.OUT.trl-sft-1f0c2d3e4a5b.part  an export in progress; a stopped one resumes here (images are not written twice)

A custom format is an `Exporter`: the splits that its files can hold, and a function that writes them.

    def write(version: Version, splits: tuple[str, ...], folder: Path, place: Path) -> Written:
        lines = [f"{row.question_id}\t{row.answer}\n" for row in read_rows(version, "rl")]
        (folder / "gold.tsv").write_text("".join(lines))
        return Written({"rl": len(lines)}, use=f"--gold {place}/gold.tsv")

    TSV = Exporter(("rl",), write)

    [project.entry-points."ovt.exports"]      # or, in a script: ovt.exporter(name="tsv")(TSV)
    tsv = "my_package:TSV"

splits   the splits to write: all supported ones with rows, or the requested one; never empty
folder   where to write; its content is an interrupted export of the same version, whose images `keep_image` reuses
place    the folder's final location: the prefix for paths inside the files

`read_rows` and `batches` leave out what labels leave out (chosen.py). Texts and images are untrusted: no text may
become part of a path, and `tagged` keeps trainers from finding tags in it. The same version must give the same bytes.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ovt.core.errors import OvtError, RecipeError
from ovt.core.files import disk_errors, new_folder, write_file, write_json
from ovt.core.images import open_image
from ovt.core.records import MadeOf
from ovt.core.registry import EXPORTERS
from ovt.core.schema import SPLITS
from ovt.core.untrusted import read_json
from ovt.curate.export.chosen import Chosen
from ovt.curate.versions.read import Version, verify_files

RECORD = ".export.json"  # hidden: a trainer that is given the folder may read every other file in it
BATCH_ROWS = 64
COLUMNS = ["images", "prompt", "completion", "answer", "choices", "question_id", "sample_id"]
SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}
# Words that trainers replace by an image, a video or a sound anywhere in a text.
TAGS = re.compile(r"<(image|video|audio)>")


@dataclass(frozen=True)
class Written:
    """What a format wrote: rows by split, how to pass the files to its trainer, and rows left out by reason."""

    rows: Mapping[str, int]
    use: str
    left_out: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Exporter:
    """A format: the splits it supports, the fine-tuning one first, and the function that writes them (see above)."""

    splits: tuple[str, ...]
    write: Callable[[Version, tuple[str, ...], Path, Path], Written]


def export(version: Version, to: str, out: Path, split: str | None, ovt_version: str) -> tuple[dict[str, Any], bool]:
    """Writes a version for a trainer into the folder `out`; returns the content of .export.json, and whether it is new.

    Repeating an export does nothing; a different export there is replaced; any other non-empty folder is left
    alone (OvtError). Every file of the version is checked against its manifest first. Of a version that `chosen.choose`
    returns, the rows with the labels are left out.
    """
    exporter: Exporter = EXPORTERS.get(to)
    splits = choose_splits(version, to, exporter.splits, split)
    out = Path(os.path.abspath(out))  # noqa: PTH100 - without "..", which `absolute` leaves in paths inside the files
    asked: dict[str, Any] = {
        "format": to,
        "version": version.manifest.hash_ref,
        "content_hash": version.manifest.content_hash,
        "splits": list(splits),
        "place": str(out),
        "ovt_version": ovt_version,
    }
    asked |= {"labels": version.asked} if isinstance(version, Chosen) else {}
    there = read_record(out)
    if there is not None and not MadeOf(f"export {out}", asked).differences(
        {key: there[key] for key in (*asked, "labels") if key in there}
    ):
        return there, False
    verify_files(version)
    with disk_errors(out):
        return write(exporter, version, splits, out, asked), True


def choose_splits(version: Version, to: str, possible: tuple[str, ...], split: str | None) -> tuple[str, ...]:
    """The splits to write: the requested one, else all that the format supports and that have rows."""
    if split is not None and split not in SPLITS:
        raise RecipeError(f"{split[:40]!a} is not a split: choose sft or rl")
    if split is not None and split not in possible:
        raise RecipeError(
            f"{to} files cannot hold rows of {split}{' (they have no response)' * (split == 'rl')}: "
            f"choose --split {possible[0]}, or another format"
        )
    gone = {one: sum(version.counts[one].values()) if isinstance(version, Chosen) else 0 for one in possible}
    splits = tuple(one for one in possible if version.manifest.rows[one] > gone[one] and split in (None, one))
    if not splits and any(gone.values()):
        raise OvtError(f"these labels leave no row of {version.ref} to export: choose others")
    if not splits:
        raise OvtError(f"{version.ref} has no rows in {split or ' or '.join(possible)}: there is nothing to export")
    return splits


def read_record(out: Path) -> dict[str, Any] | None:
    """The content of a folder's .export.json; None if there is no folder, or an empty one. OvtError for any other."""
    try:
        record = read_json(out / RECORD)
    except (FileNotFoundError, NotADirectoryError):
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OvtError(f"{out} exists and is not an export: choose another folder") from None
        return None
    except (ValueError, OSError):
        record = None
    if not isinstance(record, dict):
        raise OvtError(f"{out / RECORD} cannot be read: remove that folder, or choose another")
    return record


def write(
    exporter: Exporter, version: Version, splits: tuple[str, ...], out: Path, asked: dict[str, Any]
) -> dict[str, Any]:
    """Writes into a folder beside `out` and swaps it in."""
    what = "-".join([asked["format"].replace(".", "-"), *splits, version.manifest.content_hash[:12]])
    with new_folder(out, what, busy=f"another export is writing to {out}: wait until it is done") as part:
        written = exporter.write(version, splits, part, out)
        left_out = {**written.left_out, **_labelled(version, splits)}
        record = asked | {"rows": dict(written.rows), "left_out": left_out, "use": written.use}
        write_json(part / RECORD, record)
    return record


@dataclass(frozen=True)
class Row:
    """A kept row: image bytes in order, the texts of both turns; completion and sample_id are None in rl."""

    question_id: str
    sample_id: str | None
    images: tuple[bytes, ...]
    prompt: str
    completion: str | None
    answer: str
    choices: tuple[str, ...] | None


def _labelled(version: Version, splits: tuple[str, ...]) -> dict[str, int]:
    """The rows of these splits that labels leave out, by reason."""
    found: dict[str, int] = {}
    if not isinstance(version, Chosen):
        return found
    for split in splits:
        for reason, rows in version.counts[split].items():
            found[reason] = found.get(reason, 0) + rows
    return found


def read_rows(version: Version, split: str) -> Iterator[Row]:
    """The rows of a split in order, a few at a time in memory."""
    for batch in batches(version, split, COLUMNS, BATCH_ROWS):
        yield from map(_row, batch.to_pylist())


def batches(version: Version, split: str, columns: Sequence[str], rows: int) -> Iterator[pa.RecordBatch]:
    """Columns of a split in order, `rows` at a time, without the rows that labels leave out."""
    without = version.without if isinstance(version, Chosen) else ()
    key = "sample_id" if split == "sft" else "question_id"
    for path in sorted((version.path / "data").glob(f"{split}-*.parquet")):
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=rows, columns=list(columns)):
                kept = [one not in without for one in batch[key].to_pylist()] if without else None
                yield batch if kept is None else batch.filter(pa.array(kept, pa.bool_()))


def _row(row: dict) -> Row:
    return Row(
        question_id=row["question_id"],
        sample_id=row["sample_id"],
        images=tuple(image["bytes"] for image in row["images"]),
        prompt=row["prompt"][0]["content"],
        completion=row["completion"][0]["content"] if row["completion"] else None,
        answer=row["answer"],
        choices=None if row["choices"] is None else tuple(row["choices"]),
    )


def tagged(prompt: str, images: int) -> str:
    """A prompt with an <image> for each image before its text, and none in it."""
    return "<image>" * images + untagged(prompt)


def untagged(text: str) -> str:
    """A text in which no trainer finds a tag: "<image>" becomes "[image]"."""
    return TAGS.sub(r"[\1]", text)


def suffix(data: bytes) -> str:
    """The file suffix of an image, from its bytes."""
    with open_image(data) as image:
        return SUFFIXES.get(image.format or "", ".img")


def keep_image(folder: Path, data: bytes) -> str:
    """Writes an image once below folder/images/ and returns its path there: images/1f/1f0c2d3e….png."""
    name = hashlib.sha256(data).hexdigest()
    path = folder / "images" / name[:2] / (name + suffix(data))
    if not path.exists():
        write_file(path, data, durable=False)  # the folder is synced as a whole
    return path.relative_to(folder).as_posix()
