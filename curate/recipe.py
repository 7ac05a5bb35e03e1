"""Recipes: a TOML file, read into frozen models, with every unknown key refused and every default in sight.

    recipe = load_recipe("recipes/pocket.toml", overrides=["reason.k=8"])

A recipe holds names of environment variables, never a secret, so it goes into a version's manifest as it is. Other
files of the same kind (the loop's) are read by the same functions, `load_tree` and `read_section`.
"""

import difflib
import tomllib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, Field, StringConstraints, ValidationError, model_validator

from ovt.core.errors import RecipeError
from ovt.core.section import Section
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.screen.decontam import DecontamSection
from ovt.curate.screen.dedup import DedupSection
from ovt.curate.sources.section import SourceSection
from ovt.curate.stages.caption import CaptionSection
from ovt.curate.stages.difficulty import DifficultySection
from ovt.curate.stages.filter import FilterSection
from ovt.curate.stages.judge import JudgeSection
from ovt.curate.stages.reason import ReasonSection
from ovt.curate.stages.rows import DataSection
from ovt.curate.stages.select import SelectSection
from ovt.curate.stages.verify import VerifySection

Kind = TypeVar("Kind", bound=Section)
AskingSection = CaptionSection | ReasonSection | JudgeSection
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


def is_left_out(section: Section | None) -> bool:
    """Sections that came later are not written down where a recipe lacks them: its hash stays what it was."""
    return section is None


class Recipe(Section):
    """What a build does: questions from `sources`, through the stages, into versions of `name`."""

    name: Name
    sources: list[SourceSection] = Field(min_length=1)
    endpoints: dict[str, EndpointSection] = Field(min_length=1)
    dedup: DedupSection | None = Field(default=None, exclude_if=is_left_out)
    decontam: DecontamSection | None = Field(default=None, exclude_if=is_left_out)
    caption: CaptionSection | None = None
    reason: ReasonSection
    verify: VerifySection = VerifySection()
    difficulty: DifficultySection = DifficultySection()
    select: SelectSection = SelectSection()
    filter: FilterSection = FilterSection()
    data: DataSection = DataSection()

    @property
    def asking(self) -> dict[str, AskingSection]:
        """The sections of the stages that ask models, by their key, in the order of the work."""
        there = {"caption": self.caption, "reason": self.reason, "verify.judge": self.verify.judge}
        return {key: section for key, section in there.items() if section}

    @model_validator(mode="after")
    def check_references(self) -> "Recipe":
        """Endpoints that stages name must exist; a reasoner that reads captions needs the caption stage."""
        for key, section in self.asking.items():
            if section.endpoint not in self.endpoints:
                raise ValueError(
                    f"{key}.endpoint is {section.endpoint!r}, which is not under [endpoints]"
                    f" ({', '.join(self.endpoints)})"
                )
        if self.reason.see == "caption" and self.caption is None:
            raise ValueError('reason.see is "caption" but there is no [caption]: add it, or set reason.see = "image"')
        return self


def load_recipe(path: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe in the TOML file at `path` (or shipped under that name), with `a.b=value` overrides applied.

    Raises RecipeError, in one line, for a missing file, bad TOML, an unknown key (with the nearest known one) or a bad
    value.
    """
    where, tree = load_tree(path, overrides)
    if {"base", "curate", "iterations"} & tree.keys():
        raise RecipeError(f"{where} is a loop's recipe, with data for each iteration: give it to `ovt loop run`")
    return read_section(Recipe, tree, where)


def load_tree(path: str | Path, overrides: Iterable[str] = ()) -> tuple[str, dict[str, Any]]:
    """(where, TOML tree) of the file at `path`, or shipped under that name, with `a.b=value` overrides applied."""
    where, text = read_recipe(path)
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where} is not valid TOML: {error}") from None
    for override in overrides:
        set_key(tree, override)
    return where, tree


def read_section(kind: type[Kind], tree: dict[str, Any], where: str) -> Kind:
    """The section that a tree is; RecipeError, in one line, for what cannot be one."""
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(f"{where}: {explain(error, kind)}") from None


def read_recipe(path: str | Path) -> tuple[str, str]:
    """(where, text) of a recipe file, or of a shipped recipe when `path` is a name such as `pocket`."""
    file, shipped = Path(path), dict(shipped_recipes())
    if str(path) in shipped and not file.is_file():
        return f"recipe {path}", shipped[str(path)]
    try:
        return str(file), file.read_text(encoding="utf-8")
    except FileNotFoundError:
        names = ", ".join(sorted(shipped))
        raise RecipeError(f"no recipe at {path}; give a TOML file, or one of ours: {names}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path} is not text in UTF-8; give a TOML file") from None
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path} ({error.strerror}); give a TOML file") from None


def shipped_recipes() -> Iterator[tuple[str, str]]:
    """(name, text) of each shipped recipe; those in a folder are named FOLDER/NAME."""
    for entry in files("ovt.recipes").iterdir():
        inside = entry.iterdir() if entry.is_dir() else (entry,)
        folder = f"{entry.name}/" if entry.is_dir() else ""
        for file in inside:
            if file.name.endswith(".toml"):
                yield folder + file.name.removesuffix(".toml"), file.read_text(encoding="utf-8")


def set_key(tree: dict[str, Any], override: str) -> None:
    """Apply `a.b.c=value` to a TOML tree; the value is read as TOML, or else taken as a string."""
    key, equals, value = override.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"--set {override} has no value; write it as --set section.key=value")
    *parents, last = key.strip().split(".")
    node: Any = tree
    for parent in parents:
        node = child(node, parent, override)
    if isinstance(node, list):
        node[position(node, last, override)] = toml_value(value)
    elif isinstance(node, dict):
        node[last] = toml_value(value)
    else:
        raise RecipeError(f"--set {override}: {'.'.join(parents)} is a value, not a section")


def child(node: Any, key: str, override: str) -> Any:
    """One step down the tree; sections that are not there yet are made."""
    if isinstance(node, list):
        return node[position(node, key, override)]
    if isinstance(node, dict):
        return node.setdefault(key, {})
    raise RecipeError(f"--set {override}: nothing can be set below {key}, which holds a value")


def position(items: list[Any], key: str, override: str) -> int:
    if not key.isdigit() or int(key) >= len(items):
        raise RecipeError(f"--set {override}: {key} should be a number from 0 to {len(items) - 1}")
    return int(key)


def toml_value(text: str) -> Any:
    """`4`, `0.5`, `true`, `["a"]` and `"quoted"` as TOML reads them; anything else is a string as it stands."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def explain(error: ValidationError, kind: type[Section]) -> str:
    """The first error in one line, and how many more there are."""
    first, *others = error.errors(include_url=False)
    location = tuple(first["loc"])
    dotted = ".".join(str(part) for part in location)
    if first["type"] == "extra_forbidden":
        line = unknown_key(location, dotted, kind)
    elif first["type"] == "missing":
        line = f"{dotted} is missing"
    elif first["type"] == "value_error" and isinstance(first["input"], dict):
        line = (f"{dotted}: " if location else "") + str(first["ctx"]["error"])
    else:
        line = f"{dotted} is {first['input']!r:.80}: {first['msg'].removeprefix('Value error, ')}"
    return line + (f" (and {len(others)} more)" if others else "")


def unknown_key(location: tuple[int | str, ...], dotted: str, kind: type[Section]) -> str:
    return f"{dotted} is not a known key; {nearest_key(str(location[-1]), known_keys(location[:-1], kind))}"


def nearest_key(key: str, known: Iterable[str]) -> str:
    """The known key that was meant, or all there are."""
    nearest = difflib.get_close_matches(key, sorted(known), n=1, cutoff=0.5)
    return f"did you mean {nearest[0]}?" if nearest else f"known keys: {', '.join(sorted(known))}"


def known_keys(location: tuple[int | str, ...], kind: type[Section]) -> set[str]:
    """The keys that the section at `location` inside one of `kind` takes."""
    kinds: list[Any] = [kind]
    for part in location:
        kinds = [inner for kind in kinds for inner in step(kind, part)]
    return {name for kind in kinds for name in getattr(kind, "model_fields", {})}


def step(kind: Any, part: int | str) -> list[Any]:
    """The section types that `part` leads to from `kind`: a field of a section, an item of a list or dict."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return sections(kind.model_fields[str(part)].annotation) if str(part) in kind.model_fields else []
    if get_origin(kind) in (list, tuple, dict):
        return sections(get_args(kind)[-1])
    return []


def sections(annotation: Any) -> list[Any]:
    """The members of a union, or the type itself."""
    return list(get_args(annotation)) if get_origin(annotation) in (Union, UnionType) else [annotation]
