"""`ovt curate init`: looks at some rows of a source, and proposes a first recipe for it.

proposal = propose("data/photos", home)        # or "hf://OWNER/NAME", or the name of a preset
proposal.settings   {"path": "data/photos/quiz.csv", "columns": {"image": "file", "gold": "key"}}
proposal.told       ["image from file: 40 of 40 values are pictures of the folder", …]
proposal.doubts     what a person may decide differently: `propose(…, given={"gold": "key"})`
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.images import names_image
from ovt.core.schema import KEPT_NAME
from ovt.core.section import read_section, to_toml
from ovt.curate.sources.columns import match_columns, missing_columns
from ovt.curate.sources.files import place_of
from ovt.curate.sources.importing import Imported, import_sources
from ovt.curate.sources.matchable import settings_for, suspects
from ovt.curate.sources.presets import presets
from ovt.curate.sources.rows import NO_IMAGE
from ovt.curate.sources.section import SourceSection
from ovt.curate.sources.source import Opened, open_source
from ovt.curate.sources.strip import boilerplate, stripper

LOOKED = 60  # rows
EXAMPLES = 3
OFTEN = 0.1  # boilerplate in at least this share of the questions is taken out
LONGEST_NAME = 250  # characters of a file's
MOST_FILES = 100_000  # of a folder that is searched for pictures
SAYS_GOLD = re.compile(r"answ|gold|label|truth|correct|key|target|result|solution", re.IGNORECASE)
SAYS_IMAGE = re.compile(r"image|img|pict|photo|figure", re.IGNORECASE)
SHORT = 6  # words of a gold
MOST_GROUPS = 20  # values of a column that is worth counting by
Row = Mapping[Any, Any]


@dataclass(frozen=True)
class Doubt:
    """A column that was guessed from its content: our name ("gold"), the column taken (or none), and all there are."""

    ours: str
    taken: str | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """settings: of [[sources]]; hints: lines worth considering, as comments; told: what was taken for what;
    examples: questions as they are imported."""

    settings: dict[str, Any]
    told: tuple[str, ...]
    doubts: tuple[Doubt, ...] = ()
    hints: tuple[str, ...] = ()
    examples: tuple[dict[str, Any], ...] = ()
    questions: int = 0
    left_out: dict[str, int] = field(default_factory=dict)


def propose(what: str, given: Mapping[str, str] | None = None) -> Proposal:
    """The settings for a source, from its first rows. given: columns that are known, by our names.

    Raises OvtError if it cannot be opened, or a column can neither be found nor guessed.
    """
    settings, told = starting_point(what)
    settings["columns"] = dict(given or {})
    section = section_of(settings)
    opened = open_source(section, LOOKED)
    rows = first_rows(opened)
    guesses = guess_columns(section, opened, rows) if "preset" not in settings else []
    for doubt, why in guesses:
        if doubt.taken is not None:
            settings["columns"][doubt.ours] = doubt.taken
            told.append(why)
    if lost := [doubt.ours for doubt, _ in guesses if doubt.taken is None]:
        there = ", ".join(map(str, rows[0] if rows else ()))
        raise OvtError(f"{what}: no column looks like the {lost[0]}; found {there}; name it with --{lost[0]} COLUMN")
    if not settings["columns"]:
        del settings["columns"]
    proposal = Proposal(settings, tuple(told), tuple(doubt for doubt, _ in guesses))
    return tried(with_pictures(proposal, opened, rows), rows)


def starting_point(what: str) -> tuple[dict[str, Any], list[str]]:
    """The preset that a source is, or its path; and why."""
    table = presets()
    if what in table and not Path(what).exists():
        return {"preset": what}, [f"a data set known by name: {table[what]['what']}"]
    bare = what.rstrip("/")
    for name, preset in table.items():
        if preset.get("path") == bare and not preset.get("config"):
            return {"preset": name}, [f"preset {name} has this data set's columns: {preset['what']}"]
        if "file" in preset and has_file(place_of(what), preset):
            return {"preset": name, "path": what}, [f"{preset['file']} is there, as in preset {name}: {preset['what']}"]
    return {"path": what}, []


def has_file(folder: Path, preset: Mapping[str, Any]) -> bool:
    """Whether a folder has a preset's file, with its columns: train.json could be anybody's."""
    file = folder / preset["file"]
    if not file.is_file():
        return False
    parts = open_source(section_of({"path": str(file)}), LOOKED).parts
    theirs = named_in(section_of({"path": str(file), "columns": preset["columns"]}))
    return theirs <= {str(name) for part in parts for name in part.columns}


def section_of(settings: Mapping[str, Any]) -> SourceSection:
    return read_section(SourceSection, dict(settings), f"source {settings.get('path') or settings.get('preset')}")


def first_rows(opened: Opened) -> list[Row]:
    """The first rows that can be read, with all columns."""
    rows = (row for part in opened.parts for _, row in part.rows(part.columns, range(min(part.count, LOOKED))))
    return list(islice((row for row in rows if isinstance(row, Mapping)), LOOKED))


def guess_columns(section: SourceSection, opened: Opened, rows: Sequence[Row]) -> list[tuple[Doubt, str]]:
    """The columns that no name gives away, guessed from their content, each with why; none if nothing looks like it."""
    found = tuple(dict.fromkeys(name for part in opened.parts for name in part.columns))
    declared = tuple(name for part in opened.parts for name in part.image_columns)
    taken = named_in(section)
    guesses = []
    for ours in sorted(missing_columns(section, found, declared), key=ORDER.index):
        free = [name for name in found if str(name) not in taken]
        best = max(free, key=lambda name: likeness(ours, name, rows), default=None)
        name = None if best is None or likeness(ours, best, rows) <= 0 else str(best)
        taken |= {str(name)}
        key = "image" if ours == "images" else ours
        guesses.append((Doubt(key, name, tuple(map(str, found))), f"{key} from {name}, by its content"))
    return guesses


def named_in(section: SourceSection) -> set[str]:
    """The columns that a section names."""
    each = ([names] if isinstance(names, str | int) else names for names in section.columns.values())
    return {str(name) for names in each for name in names}


def likeness(ours: str, name: Any, rows: Sequence[Row]) -> float:
    """How much a column looks like one of images, questions or golds; 0 for not at all."""
    return LOOKS[ours](str(name), [row.get(name) for row in rows])


def looks_like_images(name: str, cells: Sequence[Any]) -> float:
    """The share of cells that are pictures, or name them; else a little for short ones if the column's name fits."""
    return share(cells, is_picture) or (0.1 * share(cells, is_short) if SAYS_IMAGE.search(name) else 0.0)


def is_picture(cell: Any) -> bool:
    if isinstance(cell, str):
        return names_image(cell)
    return isinstance(cell, bytes) or (isinstance(cell, dict) and "bytes" in cell)


def looks_like_questions(name: str, cells: Sequence[Any]) -> float:
    """The share of cells with several words; those with a question mark count twice."""
    worded = share(cells, lambda cell: isinstance(cell, str) and len(cell.split()) > 2)
    return worded * (1 + share(cells, lambda cell: "?" in str(cell)))


def looks_like_golds(name: str, cells: Sequence[Any]) -> float:
    """The share of short cells; less if all are different whole numbers, as ids are; more if the name fits."""
    values = [str(cell) for cell in cells]
    numbered = len(set(values)) == len(values) > 3 and all(value.isdigit() for value in values)
    return share(cells, is_short) * (3 if SAYS_GOLD.search(name) else 0.1 if numbered else 1)


def is_short(cell: Any) -> bool:
    plain = isinstance(cell, str | int | float | bool) and not is_picture(cell)
    return plain and 0 < len(str(cell).split()) <= SHORT


def share(cells: Iterable[Any], holds: Callable[[Any], bool]) -> float:
    found = [holds(cell) for cell in cells]
    return sum(found) / len(found) if found else 0.0


ORDER = ("images", "question", "gold")
LOOKS = {"images": looks_like_images, "question": looks_like_questions, "gold": looks_like_golds}


def with_pictures(proposal: Proposal, opened: Opened, rows: Sequence[Row]) -> Proposal:
    """The proposal with a setting for where the pictures are, if they are not where the rows say."""
    settings, root = proposal.settings, opened.parts[0].root
    if "preset" in settings or root is None:
        return proposal
    found = tuple(dict.fromkeys(name for part in opened.parts for name in part.columns))
    names = match_columns(section_of(settings), found).images
    cells = [str(row[name]) for row in rows for name in names if isinstance(row.get(name), str | int)]
    if not cells or len(cells[0]) > LONGEST_NAME or is_file(root / cells[0]):
        return proposal
    files = (path for path in islice(root.rglob("*"), MOST_FILES) if names_image(path.name) and path.is_file())
    if names_image(cells[0]):
        wanted = Path(cells[0]).parts
        folder = next((Path(*one.parts[: -len(wanted)]) for one in files if one.parts[-len(wanted) :] == wanted), None)
        if folder and not Path(settings["path"]).is_absolute():
            folder = Path(os.path.relpath(folder))
        added, told = {"image_root": str(folder)} if folder else {}, f"pictures from {folder}, where {cells[0]} is"
    else:
        pattern = pattern_of(cells, files, root)
        added, told = {"image_pattern": pattern} if pattern else {}, f"pictures {pattern}, since {cells[0]} names one"
    return replace(proposal, settings=settings | added, told=(*proposal.told, told)) if added else proposal


def is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - Path.is_file raises where a name is too long


def pattern_of(cells: Sequence[str], files: Iterable[Path], root: Path) -> str | None:
    """image_pattern for cells that are the names of files without folder and ending; None if not all of them are."""
    for path in (path for path in files if path.stem == cells[0]):
        pattern = path.relative_to(root).with_stem("{image}").as_posix()
        if all(is_file(root / pattern.replace("{image}", cell)) for cell in set(cells)):
            return pattern
    return None


def hints_of(rows: Sequence[Row], section: SourceSection) -> tuple[str, ...]:
    """`where` and `keep`, as examples with the source's own columns: those with few values."""
    used, hints = named_in(section), []
    table: dict[str, list[Any]] = {str(name): [row.get(name) for row in rows] for name in (rows[0] if rows else ())}
    few = [name for name, cells in table.items() if name not in used and name.isprintable() and has_few(cells)]
    numbers = [name for name in few if KEPT_NAME.fullmatch(name) and all(map(is_number, table[name]))]
    if numbers:
        middle = sorted(map(float, table[numbers[0]]))[len(rows) // 2]
        hints.append(f"where = {to_toml(f'{numbers[0]} <= {middle:g}')}")
    return (*hints, *([f"keep = {to_toml(few[:4])}"] if few else []))


def hints_on_pictures(imported: Imported) -> tuple[str, ...]:
    """`without_image`, where rows name no picture at all."""
    blind = imported.decisions["detail"].str.ends_with(NO_IMAGE).sum()
    return (f'without_image = "keep"   # {blind} of the first rows have no picture',) if blind else ()


def is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def has_few(cells: Sequence[Any]) -> bool:
    """Whether a column has some values, each in several rows."""
    plain = all(isinstance(cell, str | int | float) and len(str(cell)) <= 60 for cell in cells)
    return plain and 1 < len(set(cells)) <= min(MOST_GROUPS, len(cells) // 2)


def tried(proposal: Proposal, rows: Sequence[Row]) -> Proposal:
    """The proposal with what an import of the first rows shows: boilerplate, golds that need a map or a pattern (which
    may show only once the questions are bare), and examples."""
    proposal, imported = imported_first(proposal)
    while more := {} if "preset" in proposal.settings else mended(imported, proposal.settings):
        told = tuple(f"{key} = {to_toml(value)}, since {why}" for key, (value, why) in more.items())
        settings = proposal.settings | {key: value for key, (value, _) in more.items()}
        proposal = replace(proposal, settings=settings, told=proposal.told + told)
        imported = first_import(settings)
    columns = imported.questions.select("question", "gold", "choices").head(EXAMPLES)
    return replace(
        proposal,
        hints=(*hints_of(rows, section_of(proposal.settings)), *hints_on_pictures(imported)),
        told=proposal.told + imported.notes,
        examples=tuple(columns.to_dicts()),
        questions=len(imported.questions),
        left_out=dict(imported.decisions["reason"].value_counts(sort=True).iter_rows()),
    )


def imported_first(proposal: Proposal) -> tuple[Proposal, Imported]:
    """The proposal, with the majority's answer where rows have several, and its first rows."""
    try:
        return proposal, first_import(proposal.settings)
    except OvtError as error:
        if "accept says which count" not in str(error) or "accept" in proposal.settings:
            raise
        told = (*proposal.told, 'accept = "majority", since rows have several answers')
        proposal = replace(proposal, settings=proposal.settings | {"accept": "majority"}, told=told)
        return proposal, first_import(proposal.settings)


def first_import(settings: Mapping[str, Any]) -> Imported:
    """The first rows, imported into a home that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="ovt-init-") as scratch:
        return import_sources([section_of(settings)], Home(Path(scratch)), LOOKED)


def mended(imported: Imported, settings: Mapping[str, Any]) -> dict[str, tuple[Any, str]]:
    """Further settings that the questions call for, with why: gold_map, gold_pattern, question_strip."""
    more: dict[str, tuple[Any, str]] = {}
    found = suspects(imported.questions).unique("rule", keep="first", maintain_order=True)
    golds = found.join(imported.questions, on="question_id", maintain_order="left").select("rule", "gold")
    for rule, gold in golds.iter_rows():
        more |= {key: (value, f"{rule}: gold {gold[:60]!r}") for key, value in settings_for(rule, gold).items()}
    questions = imported.questions["question"].to_list()
    often = [
        name
        for name in boilerplate()
        if share(questions, lambda text, name=name: stripper((name,))(text) != text.strip()) >= OFTEN
    ]
    if often:
        more["question_strip"] = (often, "questions contain instructions of their own")
    return {key: value for key, value in more.items() if key not in settings}


@dataclass(frozen=True)
class Server:
    """An endpoint that was given: its URL, the models that it lists (none if it does not say), and the one taken."""

    url: str
    models: tuple[str, ...]
    model: str


def recipe_text(proposal: Proposal, name: str, captioner: Server | None, reasoner: Server | None) -> str:
    """The recipe as a commented TOML file."""
    sees = captioner is None and reasoner is not None
    lines = [f"name = {to_toml(name)}", "# target_rows = 5000   # stop asking when this many rows are kept", ""]
    lines += ["[[sources]]", *(f"{key} = {to_toml(value)}" for key, value in proposal.settings.items())]
    lines += [f"# {hint}" for hint in proposal.hints]
    lines += [] if "preset" in proposal.settings else ['# license = "…"   # of the data, for its card']
    for role, server, port in (("captioner", captioner, 8001), ("reasoner", reasoner, 8002)):
        if role == "captioner" and sees:
            continue
        fill_in = "" if server else "   # fill in"
        url, model = (server.url, server.model) if server else (f"http://127.0.0.1:{port}/v1", "MODEL")
        lines += [
            "",
            f"[endpoints.{role}]",
            f"base_url = {to_toml(url)}{fill_in}",
            f"model = {to_toml(model)}{fill_in}",
        ]
    lines += [] if sees else ["", "[caption]", 'endpoint = "captioner"']
    lines += ["", "[reason]", 'endpoint = "reasoner"']
    lines += ['see = "image"   # one model that sees the pictures; otherwise give --captioner, too'] if sees else []
    return "\n".join([*lines, "k = 4   # chains per question", ""])
