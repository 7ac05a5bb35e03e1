"""The settings of a source of questions: its location, columns and image sizes."""

import re
from collections import Counter
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PositiveInt, field_validator, model_validator

from ovt.core.registry import SOURCES
from ovt.core.schema import KEPT_NAME, TABLE_COLUMNS
from ovt.core.section import Section, added_later
from ovt.curate.sources.patterns import check_pattern
from ovt.curate.sources.presets import with_preset
from ovt.curate.sources.strip import stripper
from ovt.curate.sources.where import check_expression

Name = str | int  # of a column: a number is a position in a row that is a list

# What a source's columns can be mapped to.
OUR_COLUMNS = ("question", "gold", "choices", "image", "images", "id")


class SourceSection(Section):
    """One `[[sources]]` entry of a recipe.

    preset        a data set by name, which stands for its settings in presets.toml (`ovt data presets`)
    name          the source's name in tables and on the card; default: from the path
    path          hf://OWNER/NAME, a file, a glob, a folder, package:PACKAGE/FILE or pocket:figures (docs/sources.md)
    split         of a Hub dataset or a folder with splits; "a+b" takes both; default: the only one, else "train"
    config        configuration of a Hub dataset
    revision      branch, tag or commit of a Hub dataset
    columns       ours -> theirs: question, gold, choices, image or images, id. A number is a position in a list row;
                  a list of columns joins texts, or gathers images. Default: well-known names
    gold_is       how a gold identifies one of the choices: by letter, by text, by index from 0, or auto
    gold_pattern  a regular expression with one group: its last match in the gold's text is the gold, e.g.
                  "<CONCLUSION>(?s:(.*?))</CONCLUSION>" or "The answer is ([^.]*)"
    gold_map      golds as they are -> as they are meant, e.g. { "0" = "No", "1" = "Yes" }; others stay
    accept        of a list of golds: "one" (all must agree), "majority" (the most frequent), "any" (each is right), or
                  "all" (the set of options that are right)
    rounds        of a conversation: "last" (the last answer is the gold, earlier rounds are in the question), "each" (a
                  question per round, by itself) or "each_in_context" (after the rounds before it); auto: "each" for
                  lists of {user, assistant}, else "last"
    where         which rows to read, as SQL over the source's own columns: "pass_rate > 0.2 AND grade <= 8"
    keep          columns of the source that the version carries: names, or {name in the version = "theirs"}
    question_strip  phrases to remove from questions, such as "Hint: *" (boilerplate.toml lists the named ones)
    limit         read at most this many rows (for pocket:figures: draw this many)
    weight        its share of the questions, relative to the other sources, where a build takes only some of them
    shuffle_seed  read the rows in a random order, fixed by the seed; default: in the source's order
    license       of the source, free text, for the card
    image_root    base folder of relative image paths, which no path may leave; default: the file's own folder
    image_pattern turns the image column's value into a path, e.g. "images/{image}.png"
    image_formats formats to read beyond PNG, JPEG, WEBP, GIF, BMP and TIFF, by Pillow's names, e.g. ["AVIF"]
    fetch_images  fetches images given by URL, from public addresses only
    without_image what happens to rows without any picture: "drop" (missing_image), or "keep": questions of text alone
    max_pixels    larger images are scaled down to this many pixels (262,144: the paper's)
    min_pixels    smaller images are scaled up to this many pixels; 0 leaves them
    seed          pocket:figures: seed of the generator
    families      pocket:figures: which families of figures; default: all
    """

    preset: str | None = Field(default=None, exclude=True)
    name: str = Field(default="", max_length=100)
    path: str = Field(min_length=1)
    split: str | None = None
    config: str | None = None
    revision: str | None = None
    columns: dict[str, str | int | tuple[str | int, ...]] = Field(default_factory=dict)
    gold_is: Literal["auto", "letter", "text", "index", "number"] = "auto"
    gold_pattern: str | None = added_later(None)
    gold_map: dict[str, str] = added_later({})
    accept: Literal["one", "majority", "any", "all"] = added_later("one")
    rounds: Literal["auto", "last", "each", "each_in_context"] = added_later("auto")
    where: str | None = added_later(None)
    keep: dict[str, str] = added_later({})
    question_strip: tuple[str, ...] = added_later(())
    limit: PositiveInt | None = None
    weight: float = added_later(1.0)
    shuffle_seed: int | None = None
    license: str = ""
    image_root: str | None = None
    image_pattern: str | None = None
    image_formats: tuple[str, ...] = added_later(())
    fetch_images: bool = added_later(False)
    without_image: Literal["drop", "keep"] = added_later("drop")
    max_pixels: PositiveInt = 262_144
    min_pixels: int = Field(default=0, ge=0)
    seed: int = 0
    families: tuple[str, ...] | None = None

    @model_validator(mode="before")
    @classmethod
    def _name_from_path(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("preset") is not None:
            data = with_preset(data)
        if isinstance(data, dict) and not data.get("name") and isinstance(data.get("path"), str):
            return {**data, "name": name_from(data["path"])}
        return data

    @field_validator("where")
    @classmethod
    def _only_an_expression(cls, where: str | None) -> str | None:
        return where if where is None else check_expression(where)

    @field_validator("keep", mode="before")
    @classmethod
    def _keep_by_name(cls, keep: Any) -> Any:
        return {version_name(name): name for name in keep} if isinstance(keep, list | tuple) else keep

    @field_validator("keep")
    @classmethod
    def _free_names(cls, keep: dict[str, str]) -> dict[str, str]:
        for name, theirs in keep.items():
            check_kept_name(name, theirs)
        return keep

    @field_validator("question_strip", mode="before")
    @classmethod
    def _one_or_several(cls, strip: Any) -> Any:
        return (strip,) if isinstance(strip, str) else strip

    @field_validator("question_strip")
    @classmethod
    def _readable_phrases(cls, strip: tuple[str, ...]) -> tuple[str, ...]:
        stripper(strip)
        return strip

    @field_validator("weight")
    @classmethod
    def _positive_weight(cls, weight: float) -> float:
        if weight <= 0:
            raise ValueError(f"weight {weight:g} is not above 0; leave the source out, or give its share, e.g. 2")
        return weight

    @field_validator("columns")
    @classmethod
    def _known_columns(cls, columns: dict) -> dict:
        unknown = [ours for ours in columns if ours not in OUR_COLUMNS]
        if unknown:
            raise ValueError(f"unknown column {unknown[0]!r}; expected one of {', '.join(OUR_COLUMNS)}")
        return columns

    @field_validator("gold_pattern")
    @classmethod
    def _pattern_has_one_group(cls, pattern: str | None) -> str | None:
        return pattern if pattern is None else check_pattern(pattern)

    @field_validator("image_pattern")
    @classmethod
    def _pattern_has_image(cls, pattern: str | None) -> str | None:
        if pattern is not None and "{image}" not in pattern:
            raise ValueError(f"image_pattern {pattern!r} has no {{image}}; expected e.g. 'images/{{image}}.png'")
        return pattern

    @field_validator("image_formats")
    @classmethod
    def _known_formats(cls, formats: tuple[str, ...]) -> tuple[str, ...]:
        for name in formats:
            if name not in readable_formats():
                raise ValueError(f"unknown image format {name!r}; use one of {', '.join(sorted(readable_formats()))}")
        return formats

    @model_validator(mode="after")
    def _one_way_to_name_images(self) -> "SourceSection":
        if "image" in self.columns and "images" in self.columns:
            raise ValueError("columns has both image and images; they mean the same, give one")
        return self

    @property
    def reader(self) -> str:
        """The name of its reader in SOURCES; "files" for a folder, whatever is in it."""
        name, colon, _ = self.path.partition(":")
        return name if colon and name in SOURCES else data_suffix(self.path) or "files"

    @model_validator(mode="after")
    def _pixels_in_order(self) -> "SourceSection":
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels {self.min_pixels} is above max_pixels {self.max_pixels}")
        return self


def name_from(path: str) -> str:
    """A source's default name: hf://a/MathVista -> MathVista, data/geo.jsonl -> geo, package:p/x.json -> p."""
    kind, _, rest = path.rpartition(":")
    parts = [part for part in PurePosixPath(rest.replace("\\", "/")).parts if not re.search(r"[*?\[/]", part)]
    if not parts:
        return "source"
    last = parts[0] if kind == "package" else parts[-1]
    suffix = data_suffix(last)
    # Builds are found again by the names of their sources, and those of .ndjson files have always kept it.
    return last.removesuffix(suffix) or "source" if suffix and suffix != ".ndjson" else last


def version_name(theirs: Any) -> str:
    """What a version calls a column that it keeps: "meta.grade" -> grade."""
    return re.sub(r"\W+", "_", str(theirs).rpartition(".")[2]).strip("_").lower()


def check_kept_name(name: str, theirs: str) -> None:
    """Raises ValueError for a name that a version's tables already have, or that cannot be a column's."""
    if not KEPT_NAME.fullmatch(name):
        raise ValueError(f"keep: {name[:40]!a} cannot name a column: use letters, digits and _, starting with a letter")
    if name in TABLE_COLUMNS:
        raise ValueError(
            f'keep: {name} is a column of every version; rename it: keep = {{ source_{name} = "{theirs}" }}'
        )


def name_apart(sources: Any) -> Any:
    """Puts folders before the names of source trees that would be the same: vqa/train.jsonl and gqa/train.jsonl become
    vqa-train and gqa-train. Names that a recipe gives stay as they are."""
    if not isinstance(sources, list | tuple):
        return sources
    unnamed = [
        one for one in sources if isinstance(one, dict) and not one.get("name") and isinstance(one.get("path"), str)
    ]
    folders = {id(one): _folders(one["path"]) for one in unnamed if "preset" not in one}
    names = {id(one): name_from(one["path"]) for one in unnamed if id(one) in folders}
    for depth in range(1, 10):
        taken = Counter(names.values())
        for key in [key for key, name in names.items() if taken[name] > 1 and len(folders[key]) >= depth]:
            names[key] = f"{folders[key][-depth]}-{names[key]}"
    return [{**one, "name": names[id(one)]} if id(one) in names else one for one in sources]


def _folders(path: str) -> list[str]:
    return [part for part in PurePosixPath(path.replace("\\", "/")).parent.parts if not re.search(r"[*?\[/:]", part)]


@cache
def readable_formats() -> frozenset[str]:
    """What Pillow reads by itself: it passes EPS to Ghostscript, another program."""
    from PIL import Image

    Image.init()
    return frozenset(Image.ID) - {"EPS"}


def data_suffixes() -> list[str]:
    """The suffixes of readable data files, ours first."""
    return [name for name in SOURCES.names() if name.startswith(".")]


def data_suffix(name: str) -> str | None:
    """The suffix that decides how a file is read, in lower case; None for any other file."""
    return next((suffix for suffix in data_suffixes() if name.lower().endswith(suffix)), None)


Sources = Annotated[list[SourceSection], BeforeValidator(name_apart)]
"""The `[[sources]]` of a recipe."""
