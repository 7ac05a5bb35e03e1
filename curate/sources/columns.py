"""Which of a source's columns hold the question, its gold, its choices, its images and its id."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import takewhile
from typing import Any

from ovt.core.errors import RecipeError
from ovt.core.text import did_you_mean
from ovt.curate.sources.cells import unpacked
from ovt.curate.sources.section import Name, SourceSection

# Well-known names, most likely first.
_WELL_KNOWN: dict[str, tuple[str, ...]] = {
    "question": ("question", "problem", "query", "instruction"),
    "gold": ("gold", "answer", "ground_truth", "gt_answer", "solution", "label", "target", "output"),
    "choices": ("choices", "options", "candidates"),
    "images": ("images", "image", "decoded_image", "img", "file_names", "file_name", "image_paths", "image_path"),
    "id": ("id", "question_id", "qid", "pid", "uid", "source_id"),
}
_CONVERSATIONS = ("messages", "conversations", "conversation", "prompt", "texts")
# Less specific names: they count only where nothing better is found and the row would be refused.
_LESS_KNOWN: dict[str, tuple[str, ...]] = {
    "question": ("question_string", "question_text", "text"),
    "gold": ("answers", "final_answer", "correct_answer", "gold_answer", "gt", "answer_text"),
    "images": (
        "diagram",
        "picture",
        "photo",
        "figure",
        "image_file",
        "filename",
        "img_path",
        "image_name",
        "jpg",
        "png",
    ),
}
_COMPLETIONS = ("completion", "chosen")  # what follows a conversation that ends with the user, in TRL's format
REWARDED = "reward_model.ground_truth"  # the gold of verl's rows, beside a prompt
_OPTION = re.compile(r"(?:(?:option|choice|opt?)[ _-]?)?([a-z])|(?:option|choice|opt)[ _-]?(\d{1,2})", re.IGNORECASE)
_NUMBERED_IMAGE = re.compile(r"(?:image|img|picture)_?(\d{1,2})", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Their columns, by our names; empty if missing. Several columns for `choices` are one option each.

    readings: which guesses an older version of ovt would not have made about columns that it accepted.
    kept: those that the version carries.
    """

    question: tuple[Name, ...]
    gold: tuple[Name, ...]
    choices: tuple[Name, ...]
    images: tuple[Name, ...]
    id: tuple[Name, ...]
    readings: tuple[str, ...] = ()
    kept: tuple[Name, ...] = ()

    def with_late(self, every: "Columns") -> "Columns":
        """These columns, and those of `every` for roles that none of these has."""
        filled = {ours: getattr(every, ours) for ours in ("choices", "id") if not getattr(self, ours)}
        filled = {ours: theirs for ours, theirs in filled.items() if theirs}
        return replace(self, **filled, readings=(*self.readings, "late columns")) if filled else self

    def top(self) -> list[Name]:
        """The columns to read, once each; for "a.b", that is a."""
        names = (*self.question, *self.gold, *self.choices, *self.images, *self.id, *self.kept)
        return list(dict.fromkeys(name.partition(".")[0] if isinstance(name, str) else name for name in names))


def match_columns(section: SourceSection, found: Sequence[Name], image_columns: Sequence[Name] = ()) -> Columns:
    """The columns that the section names, and well-known ones for the rest.

    `image_columns` are those that the source declares as images. Raises RecipeError naming the columns
    found, and the nearest one, if a column is missing or cannot be guessed.
    """
    given = {("images" if ours == "image" else ours): _as_tuple(theirs) for ours, theirs in section.columns.items()}
    kept = tuple(_position(name, found) for name in section.keep.values())
    for ours, theirs in {**given, "keep": kept}.items():
        for name in theirs:
            if not _is_there(name, found):
                raise RecipeError(_missing(section, f"column {name!r} for {ours} is not there", found, name))
    names = {ours: given.get(ours, _guess(ours, found, image_columns)) for ours in (*_WELL_KNOWN,)}
    conversation = bool(names["question"]) and _is_conversation(names["question"][0])
    for ours in () if conversation else _LESS_KNOWN:
        names[ours] = names[ours] or _first(_LESS_KNOWN[ours], found)
    lettered = () if names["choices"] else option_columns(found)
    rewarded = conversation and not names["gold"] and "reward_model" in found
    answered = _first(_COMPLETIONS, found) if conversation and not names["gold"] and not rewarded else ()
    names["gold"] = (REWARDED,) if rewarded else names["gold"] or answered
    if not names["question"]:
        raise RecipeError(_missing(section, "no column for question", found))
    needed = ("gold", "images") if section.without_image == "drop" else ("gold",)
    for ours in () if conversation else needed:
        if not names[ours]:
            alone = ' (or without_image = "keep", for questions of text alone)' if ours == "images" else ""
            raise RecipeError(_missing(section, f"no column for {ours}{alone}", found))
    readings = (
        *(["option columns"] if lettered else []),
        *(["reward model"] if rewarded else []),
        *(["completion"] if answered else []),
    )
    return Columns(*(names | {"choices": names["choices"] or lettered}).values(), readings=readings, kept=kept)


def missing_columns(section: SourceSection, found: Sequence[Name], image_columns: Sequence[Name] = ()) -> list[str]:
    """Which of question, gold and images cannot be told from the names."""
    given = {"images" if ours == "image" else ours for ours in section.columns}
    named = {ours: _guess(ours, found, image_columns) or _first(_LESS_KNOWN[ours], found) for ours in _LESS_KNOWN}
    question = section.columns.get("question") or (named["question"] or (None,))[0]
    if _is_conversation(question):
        return []
    return [ours for ours in _LESS_KNOWN if ours not in given and not named[ours]]


def _is_conversation(name: object) -> bool:
    return str(name).casefold() in _CONVERSATIONS


def option_columns(found: Sequence[Name]) -> tuple[Name, ...]:
    """Columns of one option each: A, B, C; option_a, option_b; choice1, choice2; from the first letter or number on."""
    marked = {
        (match[1] or match[2]).casefold(): name
        for name in found
        if isinstance(name, str) and (match := _OPTION.fullmatch(name))
    }
    for labels in ("abcdefghijklmnopqrstuvwxyz", list(map(str, range(100))), list(map(str, range(1, 100)))):
        run = list(takewhile(marked.__contains__, labels))
        if len(run) > 1:
            return tuple(marked[label] for label in run)
    return ()


def _first(names: Sequence[str], found: Sequence[Name]) -> tuple[Name, ...]:
    theirs = {name.casefold(): name for name in found if isinstance(name, str)}
    return tuple([theirs[name] for name in names if name in theirs][:1])


def _position(name: str, found: Sequence[Name]) -> Name:
    """A name, or the position that it stands for where rows are lists."""
    return int(name) if name.isdigit() and name not in found else name


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


def _missing(section: SourceSection, what: str, found: Sequence[Name], wanted: Name | None = None) -> str:
    """The message about a column that is missing; `wanted` is its name, if the user gave one."""
    if not found:
        return (
            f"source {section.name}: {what}; found no columns in any row; expected one JSON object per line, in UTF-8"
        )
    texts = [str(name) for name in found]
    hint = f"set columns, e.g. columns = {{ {_example(found)} }}"
    hint = did_you_mean(wanted, texts, hint) if isinstance(wanted, str) else hint
    listed = ", ".join(texts[:30]) + (", …" if len(texts) > 30 else "")
    return f"source {section.name}: {what}; found {listed or 'no columns'}; {hint}"


# What a column of one of our kinds is likely to be called, best first.
_STEMS = {
    "question": ("question", "problem", "query", "prompt", "instruction", "text", "sentence"),
    "gold": ("answer", "gold", "solution", "label", "target", "output", "response", "truth"),
    "image": ("image", "img", "picture", "photo", "diagram", "figure", "file", "path"),
}


def _example(found: Sequence[Name]) -> str:
    """A columns setting with the likeliest names, else with "…"."""
    if not any(isinstance(name, str) for name in found):
        return ", ".join(f"{ours} = {name}" for ours, name in zip(_STEMS, found, strict=False))
    taken: list[str] = []
    for ours, stems in _STEMS.items():
        texts = [name for name in found if isinstance(name, str) and name not in taken]
        alike = [name for stem in stems for name in texts if stem in name.casefold()]
        plain = [name for name in alike if not _ABOUT.search(name)]
        taken.append((plain or alike or get_close_matches(ours, texts, n=1) or ["…"])[0])
    return ", ".join(f'{ours} = "{name}"' for ours, name in zip(_STEMS, taken, strict=True))


_ABOUT = re.compile(r"(?:_id|id|_type|_len|_count|_source)$", re.IGNORECASE)  # what describes a question, for example


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
    """A cell; "a.b" leads into one, also into JSON in a text, and into each object of a list."""
    if name in row or not isinstance(name, str):
        return row.get(name)
    cell: Any = row
    for part in name.split("."):
        cell = _inside(unpacked(cell), part)
    return cell


def _inside(cell: Any, part: str) -> Any:
    if isinstance(cell, list):
        return [inner.get(part) for inner in cell if isinstance(inner, Mapping)]
    return cell.get(part) if isinstance(cell, Mapping) else None
