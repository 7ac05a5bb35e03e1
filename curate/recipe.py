"""Recipes: a TOML file parsed into frozen models; unknown keys are refused, every default is visible.

    recipe = load_recipe("recipes/pocket.toml", overrides=["reason.k=8"])

A recipe names environment variables, never secrets, so it goes into a version's manifest unchanged. Other
files of the same kind (the loop's) are also read by `load_tree`; core/section.py turns a tree into a section.
"""

from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveInt, SerializeAsAny, StringConstraints, Tag, field_validator, model_validator

from ovt.core.errors import RecipeError
from ovt.core.hashing import canonical_json
from ovt.core.registry import FILTERS, KINDS, SOURCES
from ovt.core.section import ONE, SEVERAL, Section, added_later, one_or_several, read_section, set_key
from ovt.core.untrusted import parse_toml, read_bytes
from ovt.curate.endpoints.section import EndpointSection
from ovt.curate.screen.decontam import DecontamSection
from ovt.curate.screen.dedup import DedupSection
from ovt.curate.sources.section import Sources
from ovt.curate.stages.caption import CaptionSection
from ovt.curate.stages.difficulty import DifficultySection
from ovt.curate.stages.filter import FilterSection
from ovt.curate.stages.judge import JudgeSection
from ovt.curate.stages.reason import ReasonSection
from ovt.curate.stages.rows import DataSection
from ovt.curate.stages.select import SelectSection
from ovt.curate.stages.verify import VerifySection
from ovt.curate.stages.vision import VisionSection

AskingSection = VisionSection | CaptionSection | ReasonSection | JudgeSection
REPLY_SHAPING = {"model", "revision", "extra_body", "image_detail", "max_pixels"}  # of an endpoint
PROMPTED = ("vision", "caption", "reason", "verify.judge", "data")  # sections whose prompt may be in a file
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Several = Annotated[list[ReasonSection], Field(min_length=1)]


class LimitsSection(Section):
    """What a build may end with and still count as complete.

    max_failed: the share of a stage's replies that may be missing; with more, the version is marked incomplete and the
    command ends with exit code 5.
    """

    max_failed: float = Field(0.05, ge=0, le=1)


class Recipe(Section):
    """A build's settings: questions from `sources`, through the stages, into versions of `name`."""

    name: Name
    sources: Sources = Field(min_length=1)
    endpoints: dict[str, EndpointSection] = Field(min_length=1)
    dedup: DedupSection | None = added_later(None)
    decontam: DecontamSection | None = added_later(None)
    vision: VisionSection | None = added_later(None)
    caption: CaptionSection | None = None
    reason: Annotated[Annotated[ReasonSection, Tag(ONE)] | Annotated[Several, Tag(SEVERAL)], one_or_several]
    verify: VerifySection = VerifySection()
    difficulty: DifficultySection = DifficultySection()
    select: SelectSection = SelectSection()
    filter: SerializeAsAny[FilterSection] = FilterSection()  # a wider type if it names plugin filters
    data: DataSection = DataSection()
    limits: LimitsSection = added_later(LimitsSection())
    target_rows: PositiveInt | None = added_later(None)  # rows of sft at which a build stops asking (enough.py)

    @property
    def reasoners(self) -> list[ReasonSection]:
        """The models asked for chains: a question's samples are numbered across all of them, in their order."""
        return self.reason if isinstance(self.reason, list) else [self.reason]

    @property
    def asking(self) -> dict[str, AskingSection]:
        """The sections of the stages that call models, by key, in order of execution; "reason.0", … for several."""
        several = isinstance(self.reason, list)
        reasoners = {f"reason.{at}" if several else "reason": section for at, section in enumerate(self.reasoners)}
        there = {"vision": self.vision, "caption": self.caption, **reasoners, "verify.judge": self.verify.judge}
        return {key: section for key, section in there.items() if section}

    @property
    def plugins(self) -> dict[str, str]:
        """The origin of the plugins that it names ("PACKAGE VERSION"), by key: filters, the kind, sources."""
        found = {f"filter.{name}": FILTERS.origin(name) for name in self.filter.plugins}
        found["verify.kind"] = KINDS.origin(self.verify.kind.removeprefix("auto+"))
        found |= {f"sources.{number}": SOURCES.origin(source.reader) for number, source in enumerate(self.sources)}
        return {key: origin for key, origin in found.items() if origin}

    @field_validator("reason", mode="before")
    @classmethod
    def _alone(cls, reason: Any) -> Any:
        """A list of one reasoner is the same recipe as that reasoner alone."""
        return reason[0] if isinstance(reason, list) and len(reason) == 1 else reason

    @model_validator(mode="after")
    def check_references(self) -> "Recipe":
        """Endpoints named by stages must exist; a reasoner that reads captions needs the caption stage."""
        for key, section in self.asking.items():
            if section.endpoint not in self.endpoints:
                raise ValueError(
                    f"{key}.endpoint is {section.endpoint!r}, which is not under [endpoints]"
                    f" ({', '.join(self.endpoints)})"
                )
        if self.caption is None and any(reasoner.see == "caption" for reasoner in self.reasoners):
            raise ValueError('reason.see is "caption" but there is no [caption]: add it, or set reason.see = "image"')
        self._check_twins()
        return self

    def _check_twins(self) -> None:
        """Two reasoners that are asked the same would give each reply twice."""
        seen: dict[Any, int] = {}
        for at, reasoner in enumerate(self.reasoners):
            endpoint = self.endpoints[reasoner.endpoint]
            served = endpoint.model_dump(include=REPLY_SHAPING) | {"embedded": endpoint.embedded}
            asked = reasoner.model_dump(exclude={"endpoint", "k", "prompt", "unset"}) | {"prompt": reasoner.template}
            first = seen.setdefault(canonical_json([served, asked]), at)
            if first != at:
                raise ValueError(
                    f"reason.{at} asks the same as reason.{first}, so its replies would be the same: raise"
                    f" reason.{first}.k instead, or give them different models, prompts or sampling"
                )


def load_recipe(path: str | Path, overrides: Iterable[str] = ()) -> Recipe:
    """The recipe in the TOML file at `path` (or shipped under that name), with `a.b=value` overrides applied.

    Raises RecipeError, in one line, for a missing file, bad TOML, an unknown key (with the nearest known one) or a bad
    value.
    """
    where, tree = load_tree(path, overrides)
    if {"base", "curate", "iterations"} & tree.keys():
        raise RecipeError(f"{where} is a loop's recipe, with data for each iteration: run it with `ovt loop run`")
    return read_section(Recipe, tree, where)


def load_tree(path: str | Path, overrides: Iterable[str] = ()) -> tuple[str, dict[str, Any]]:
    """(where, TOML tree) of the file at `path`, or shipped under that name, with `a.b=value` overrides applied."""
    where, text = read_recipe(path)
    try:
        tree = parse_toml(text)
    except ValueError as error:
        raise RecipeError(f"{where} is not valid TOML: {error}") from None
    for override in overrides:
        set_key(tree, override)
    read_prompts(tree, Path(path).absolute().parent, where)
    return where, tree


def read_prompts(tree: dict[str, Any], folder: Path, where: str) -> None:
    """Puts the texts of `prompt_file`s in their place; only files in the recipe's folder, since they are sent away."""
    for key in PROMPTED:
        section: Any = tree
        for name in key.split("."):
            section = section.get(name) if isinstance(section, dict) else None
        for one in section if isinstance(section, list) else [section]:
            if isinstance(one, dict) and "prompt_file" in one:
                one["prompt"] = read_prompt(one, folder, f"{where}: {key}.prompt_file")


def read_prompt(section: dict[str, Any], folder: Path, at: str) -> str:
    """The text that takes the place of a section's `prompt_file`."""
    file = section.pop("prompt_file")
    if not isinstance(file, str) or "prompt" in section:
        raise RecipeError(f"{at}: expected the name of a file, and no prompt beside it")
    if not (folder / file).resolve().is_relative_to(folder.resolve()):
        raise RecipeError(f"{at}: {file} is not in the recipe's folder; copy it there")
    return read_text(folder / file, at)


def read_text(file: Path, at: str) -> str:
    """A prompt's text, without its final newline."""
    try:
        return file.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise RecipeError(f"{at}: cannot read {file} ({reason})") from None


def read_recipe(path: str | Path) -> tuple[str, str]:
    """(where, text) of a recipe file, or of a shipped recipe when `path` is a name such as `pocket`."""
    file, shipped = Path(path), dict(shipped_recipes())
    if str(path) in shipped and not file.is_file():
        return f"recipe {path}", shipped[str(path)]
    try:
        return str(file), read_bytes(file).decode()
    except FileNotFoundError:
        names = ", ".join(sorted(shipped))
        raise RecipeError(f"no recipe at {path}; give a TOML file, or a shipped recipe: {names}") from None
    except UnicodeDecodeError:
        raise RecipeError(f"{path} is not UTF-8 text; give a TOML file") from None
    except OSError as error:
        raise RecipeError(f"cannot read the recipe {path} ({error.strerror}); give a TOML file") from None


def shipped_recipes() -> Iterator[tuple[str, str]]:
    """(name, text) of each shipped recipe; those in a folder are named FOLDER/NAME."""
    for entry in files("ovt").joinpath("recipes").iterdir():
        inside = entry.iterdir() if entry.is_dir() else (entry,)
        folder = f"{entry.name}/" if entry.is_dir() else ""
        for file in inside:
            if file.name.endswith(".toml"):
                yield folder + file.name.removesuffix(".toml"), file.read_text(encoding="utf-8")
