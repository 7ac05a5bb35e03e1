"""Which of a source's columns hold the question, its gold, its choices, its images and its id."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ovt.core.errors import RecipeError
from ovt.core.text import did_you_mean
from ovt.curate.sources.section import Name, SourceSection

# Well-known names, most likely first.
_WELL_KNOWN: dict[str, tuple[str, ...]] = {
    "question": ("question", "problem", "query", "instruction"),
    "gold": ("gold", "answer", "ground_truth", "gt_answer", "solution", "label", "target", "output"),
    "choices": ("choices", "options", "candidates"),
    "images": ("images", "image", "decoded_image", "img", "file_names", "file_name", "image_paths", "image_path"),
    "id": ("id", "question_id", "qid", "pid", "uid", "source_id"),
}
_CONVERSATIONS = ("messages", "conversations", "conversation", "prompt")
_NUMBERED_IMAGE = re.compile(r"(?:image|img|picture)_?(\d{1,2})", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Their columns, by our names; empty if missing. Several columns for `choices` are one option each."""

    question: tuple[Name, ...]
    gold: tuple[Name, ...]
    choices: tuple[Name, ...]
    images: tuple[Name, ...]
    id: tuple[Name, ...]

    def top(self) -> list[Name]:
        """The columns to read, once each; for "a.b", that is a."""
        names = (*self.question, *self.gold, *self.choices, *self.images, *self.id)
        return list(dict.fromkeys(name.partition(".")[0] if isinstance(name, str) else name for name in names))


def match_columns(section: SourceSection, found: Sequence[Name], image_columns: Sequence[Name] = ()) -> Columns:
    """The columns that the section names, and well-known ones for the rest.

    `image_columns` are those that the source declares as images. Raises RecipeError naming the columns
    found, and the nearest one, if a column is missing or cannot be guessed.
    """
    given = {("images" if ours == "image" else ours): _as_tuple(theirs) for ours, theirs in section.columns.items()}
    for ours, theirs in given.items():
        for name in theirs:
            if not _is_there(name, found):
                raise RecipeError(_missing(section, f"column {name!r} for {ours} is not there", found, name))
    names = {ours: given.get(ours, _guess(ours, found, image_columns)) for ours in (*_WELL_KNOWN,)}
    if not names["question"]:
        raise RecipeError(_missing(section, "no column for question", found, "question"))
    conversation = names["question"][0] in _CONVERSATIONS
    for ours in () if conversation else ("gold", "images"):
        if not names[ours]:
            raise RecipeError(_missing(section, f"no column for {ours}", found, ours))
    return Columns(**names)


def _as_tuple(theirs: Name | tuple[Name, ...]) -> tuple[Name, ...]:
    return theirs if isinstance(theirs, tuple) else (theirs,)


def _is_there(name: Name, found: Sequence[Name]) -> bool:
    return name in found or (isinstance(name, str) and "." in name and name.partition(".")[0] in found)


def _guess(ours: str, found: Sequence[Name], image_columns: Sequence[Name]) -> tuple[Name, ...]:
    theirs = {name.casefold(): name for name in found if isinstance(name, str)}
    known = [theirs[name] for name in _WELL_KNOWN[ours] if name in theirs]
    if ours == "images":
        declared = [name for name in known if name in image_columns] or known
        numbered = sorted((int(match[1]), name) for name in theirs if (match := _NUMBERED_IMAGE.fullmatch(name)))
        return tuple(declared[:1]) or tuple(theirs[name] for _, name in numbered) or tuple(image_columns[:1])
    if ours == "question" and not known:
        known = [theirs[name] for name in _CONVERSATIONS if name in theirs]
    if ours == "question" and known[:1] == ["instruction"] and "input" in theirs:
        return ("instruction", theirs["input"])
    return tuple(known[:1])


def _missing(section: SourceSection, what: str, found: Sequence[Name], wanted: Name) -> str:
    if not found:
        return f"source {section.name}: {what}; found no columns in any row; expected one JSON object a line, in UTF-8"
    texts = [str(name) for name in found]
    hint = did_you_mean(str(wanted), texts, f"set columns, e.g. columns = {{ {_example(found)} }}")
    listed = ", ".join(texts[:30]) + (", …" if len(texts) > 30 else "")
    return f"source {section.name}: {what}; found {listed or 'no columns'}; {hint}"


def _example(found: Sequence[Name]) -> str:
    theirs = [f'"{name}"' if isinstance(name, str) else str(name) for name in found[:3]]
    return ", ".join(f"{ours} = {name}" for ours, name in zip(("question", "gold", "image"), theirs, strict=False))


def describe(columns: Columns, section: SourceSection) -> str | None:
    """One line naming the columns that were guessed under another name than ours; None if there are none."""
    named = {"images" if ours == "image" else ours for ours in section.columns}
    guessed = [
        f"{ours} from {', '.join(map(str, theirs))}"
        for ours in _WELL_KNOWN
        if ours not in named and (theirs := getattr(columns, ours)) and theirs not in ((ours,), ("image",))
    ]
    return f"source {section.name}: {'; '.join(guessed)}" if guessed else None


def cells(row: Mapping[Name, Any], names: Sequence[Name]) -> list[Any]:
    """The row's cells of these columns, in order; None if one is missing."""
    return [_cell(row, name) for name in names]


def _cell(row: Mapping[Name, Any], name: Name) -> Any:
    if name in row or not isinstance(name, str):
        return row.get(name)
    cell: Any = row
    for part in name.split("."):
        cell = cell.get(part) if isinstance(cell, Mapping) else None
    return cell
