"""The last stage for a selected response: edit it, mark it, or drop it with a reason.

    sample_id                  response                          response_words  edit                           mentions
    1f0c2d3e4a5b6c7d-reason-3  <think>\\nThe bar …\\n</think> …  38              reflection cut after 31 words  false

Order: format, reflection, mentions, repetition, then the plugins that the recipe names, in its order, and length last.
So text cut by the reflection filter cannot cause a drop, and the length is that of the final training
text. The raw sample stays unchanged in the samples table. CONTRIBUTING.md has the contract of a filter.
"""

import inspect
from collections.abc import Callable, Set
from functools import lru_cache
from typing import Any, get_type_hints

import polars as pl
from pydantic import ModelWrapValidatorHandler, create_model, model_validator

from ovt.core.decisions import dropped
from ovt.core.errors import OvtError
from ovt.core.registry import FILTERS
from ovt.core.section import Section
from ovt.core.text import count_words
from ovt.curate.filters.format import FormatSection
from ovt.curate.filters.length import LengthSection
from ovt.curate.filters.mentions import MentionsSection
from ovt.curate.filters.reflection import ReflectionSection
from ovt.curate.filters.repetition import RepetitionSection

EDITS = ("format", "reflection")  # of the parts of a response; all others see the whole
CHECKS = ("mentions", "repetition")
NOTES = ("format_edit", "reflection_edit", "mentions_edit")
ADDED = ("drop", "why")


class FilterSection(Section):
    """One section per filter; ours can be turned off. A plugin filter is enabled by naming its section."""

    format: FormatSection = FormatSection()
    reflection: ReflectionSection = ReflectionSection()
    mentions: MentionsSection = MentionsSection()
    repetition: RepetitionSection = RepetitionSection()
    length: LengthSection = LengthSection()

    @property
    def plugins(self) -> list[str]:
        """The filters that are not ours, in the recipe's order."""
        return [name for name in type(self).model_fields if name not in FilterSection.model_fields]

    @model_validator(mode="wrap")
    @classmethod
    def _widen(cls, data: Any, handler: ModelWrapValidatorHandler["FilterSection"]) -> "FilterSection":
        """Adds a field for each plugin filter that the recipe names; the other plugins are not even imported."""
        further = [name for name in data if name not in cls.model_fields] if isinstance(data, dict) else []
        known = tuple((name, settings_of(name)) for name in further if name in FILTERS)
        return widened(known).model_validate(data) if known else handler(data)

    @classmethod
    def known_keys(cls) -> Set[str]:
        return {*cls.model_fields, *FILTERS.names()}

    @classmethod
    def type_of(cls, key: str) -> Any:
        return super().type_of(key) or (settings_of(key) if key in FILTERS else None)


@lru_cache
def widened(further: tuple[tuple[str, type[Section]], ...]) -> type[FilterSection]:
    """The section class with a field for each plugin filter."""
    fields: dict[str, Any] = {name: (settings, ...) for name, settings in further}
    return create_model("FilterSection", __base__=FilterSection, **fields)


def settings_of(name: str) -> type[Section]:
    """A filter's settings class: its attribute `section`, or the type of its second parameter.

    The empty `Section` if it takes only the frame. OvtError if neither is declared.
    """
    apply = FILTERS.get(name)
    parameters = list(inspect.signature(apply).parameters)
    kind = Section if len(parameters) < 2 else getattr(apply, "section", None)
    try:
        kind = kind or get_type_hints(apply).get(parameters[1])
    except NameError:  # from a type that only type checkers import
        kind = None
    if not (isinstance(kind, type) and issubclass(kind, Section)):
        raise OvtError(
            f"filter {name!r} does not declare its settings: annotate its second parameter with a Section, or "
            "set the function's attribute `section` to one"
        )
    return kind


def run(samples: pl.DataFrame, section: FilterSection) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Selected samples -> (those kept, with response, response_words, edit, mentions; decisions on the others).

    `edit` describes the edits of a kept response; null if there were none. The order is kept.
    """
    frame, fallen = samples.with_row_index("row"), []
    for name in EDITS:
        frame = part(apply(frame, name, section), fallen)
    frame = frame.lazy().with_columns(response=compose()).with_columns(response_words=count_words("response")).collect()
    for name in CHECKS:
        frame = part(apply(frame, name, section), fallen)
    for name in section.plugins:
        frame = part(apply_plugin(frame, name, section), fallen)
    frame = part(apply(frame, "length", section), fallen)
    gone = pl.concat(fallen).sort("row")
    note = pl.concat_str([*NOTES, *map(note_of, section.plugins)], separator="; ", ignore_nulls=True)
    kept = frame.with_columns(edit=pl.when(note != "").then(note))
    columns = [*samples.columns, "response", "response_words", "edit", "mentions"]
    return kept.select(columns), dropped(gone, "sample", "filter", pl.col("drop"), pl.col("why"))


def apply(frame: pl.DataFrame, name: str, section: FilterSection) -> pl.DataFrame:
    """A filter's result for `frame`: edited, with drop and why."""
    judge: Callable[..., pl.LazyFrame] = FILTERS.get(name)
    settings = () if len(inspect.signature(judge).parameters) < 2 else (getattr(section, name),)
    return judge(frame.lazy(), *settings).collect()


def apply_plugin(frame: pl.DataFrame, name: str, section: FilterSection) -> pl.DataFrame:
    """Like `apply`, for a plugin filter: takes over only drop, why, the response and the note."""
    judged = apply(frame, name, section)
    wanted = ("row", "response", *ADDED)
    if lacking := [column for column in wanted if column not in judged.columns]:
        raise OvtError(
            f"filter {name!r} returned a table without the column {lacking[0]!r}: fix it (CONTRIBUTING.md has the "
            "contract), or remove it from [filter]"
        )
    if not judged["row"].equals(frame["row"]):
        raise OvtError(
            f"filter {name!r} removed or reordered rows: it must return every row in place, with a reason in the "
            "column `drop` of rows to drop"
        )
    response = judged["response"].cast(pl.String)
    edited = pl.when(response.ne_missing(frame["response"])).then(pl.lit(f"{name} edited it"))
    note = judged[note_of(name)].cast(pl.String) if note_of(name) in judged.columns else edited
    told = judged.select(pl.col(ADDED).cast(pl.String))
    return (
        frame.with_columns(note.alias(note_of(name)), response=response)
        .with_columns(response_words=count_words("response"))
        .hstack(told)
    )


def note_of(name: str) -> str:
    """The column in which a filter describes its edit of a kept response."""
    return f"{name}_edit"


def part(judged: pl.DataFrame, fallen: list[pl.DataFrame]) -> pl.DataFrame:
    """The rows a filter keeps; those it drops are added to `fallen`."""
    fallen.append(judged.filter(pl.col("drop").is_not_null()).select("row", "sample_id", "question_id", *ADDED))
    return judged.filter(pl.col("drop").is_null()).drop(ADDED)


def compose() -> pl.Expr:
    """The response reassembled from its parts; the original text if it was not taken apart."""
    return pl.coalesce(pl.concat_str("head", "thinking", "tail"), "text")
