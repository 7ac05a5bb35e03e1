"""The settings of a version that can be tried on its stored samples, as controls."""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from ovt.core.section import Section
from ovt.curate.reports.what_if import FREE, k_key, refuse, stored_recipe
from ovt.curate.versions.read import Version


def controls(version: Version) -> list[dict[str, Any]]:
    """key ("filter.length.max_words"), value, type ("number", "choice", "switch" or "text"), choices, may_be_empty.

    From [select], [filter], [difficulty] and [data], what a control can show; also verify.kind and reason.k.
    """
    recipe = stored_recipe(version)
    found = [one for name in FREE for one in _controls(getattr(recipe, name), name)]
    k = k_key(recipe.reason)
    found += list(_controls(recipe.reasoners[-1], k.removesuffix(".k")))
    asked = [one for one in found if not one["key"].startswith("verify.judge")]
    return [one for one in asked if one["key"] == k or not refuse(_changed(one), version)]


def _changed(one: dict[str, Any]) -> dict[str, Any]:
    return {"key": one["key"], "a": one["value"], "b": one["value"]}


def _controls(section: Section, path: str) -> Iterator[dict[str, Any]]:
    for name, field in type(section).model_fields.items():
        value, key = getattr(section, name), f"{path}.{name}"
        if isinstance(value, Section):
            yield from _controls(value, key)
        elif shape := _shape(field.annotation):
            yield {"key": key, "value": value, **shape}


def _shape(annotation: Any) -> dict[str, Any] | None:
    """What a control for a type looks like; None for lists, tables and sections."""
    kinds = [kind for kind in _members(annotation) if kind is not NoneType]
    empty = {"may_be_empty": len(kinds) < len(_members(annotation))}
    if all(get_origin(kind) is Literal for kind in kinds):
        return {"type": "choice", "choices": [value for kind in kinds for value in get_args(kind)]} | empty
    for kind, shape in ((bool, "switch"), (int, "number"), (float, "number"), (str, "text")):
        if kinds == [kind]:
            return {"type": shape, "whole": kind is int} | empty
    return None


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [member for one in get_args(annotation) for member in _members(one)]
    return [annotation]
