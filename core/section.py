"""A section of a recipe or of other settings: frozen, closed to unknown keys, and read from a TOML tree or
refused with a one-line error.

    tree = parse_toml(text)
    set_key(tree, "reason.k=8")                            # what `--set` does
    recipe = read_section(Recipe, tree, "charts.toml")     # RecipeError: charts.toml: reason.n is not a known key; …
"""

import json
import re
from collections.abc import Iterable, Mapping, Set
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Discriminator, Field, ValidationError

from ovt.core.errors import RecipeError
from ovt.core.text import did_you_mean, without_secrets
from ovt.core.untrusted import parse_toml


class Section(BaseModel):
    """The base of every part of a recipe: each stage's file declares its own section, `recipe.py` assembles them.

    Numbers are finite (TOML has inf and nan): requests and manifests cannot express others. Errors do not show the
    input, which may be a URL with a password.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False, hide_input_in_errors=True
    )

    @classmethod
    def known_keys(cls) -> Set[str]:
        """The section's keys."""
        return cls.model_fields.keys()

    @classmethod
    def type_of(cls, key: str) -> Any:
        """The type of a key's value; None for an unknown key."""
        return cls.model_fields[key].annotation if key in cls.model_fields else None


def added_later(default: Any) -> Any:
    """A key that older recipes do not have: omitted from output while it has its default.

    So a recipe that does not use it is written as before, and keeps its hash and finished builds.
    """
    return Field(default=default, exclude_if=lambda value: value == default)


# For a key that holds a section, `[name]`, or a list of them, `[[name]]`: the tags of the two in a union, which
# messages leave out, and what tells them apart.
ONE, SEVERAL = "{}", "[]"
one_or_several = Discriminator(lambda value: SEVERAL if isinstance(value, list | tuple) else ONE)

Kind = TypeVar("Kind", bound=Section)


def read_section(kind: type[Kind], tree: dict[str, Any], where: str) -> Kind:
    """Parses a tree into a section; a one-line RecipeError if it is invalid."""
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        raise RecipeError(f"{where}: {explain(error, kind)}") from None


def with_defaults(kind: type[Section], stored: Any) -> Any:
    """Stored settings, with the defaults of newer keys; unchanged if `kind` refuses them."""
    try:
        return kind.model_validate(stored).model_dump(mode="json")
    except ValidationError:
        return stored


def set_key(tree: dict[str, Any], override: str) -> None:
    """Applies `a.b.c=value` to a TOML tree; the value is parsed as TOML, else taken as a string."""
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
    """One step down the tree; missing sections are created."""
    if isinstance(node, list):
        return node[position(node, key, override)]
    if isinstance(node, dict):
        return node.setdefault(key, {})
    raise RecipeError(f"--set {override}: {key} holds a value, so no key can be set below it")


def position(items: list[Any], key: str, override: str) -> int:
    found = range(len(items))
    if re.fullmatch("[0-9]{1,9}", key) and int(key) in found:
        return int(key)
    raise RecipeError(
        f"--set {override}: {key} should be a number from 0 to {found[-1]}"
        if found
        else f"--set {override}: {key} is not in the list, which is empty"
    )


def toml_value(text: str) -> Any:
    """`4`, `0.5`, `true`, `["a"]` and `"quoted"` as TOML; anything else is a string."""
    try:
        tree = parse_toml(f"value = {text}")
    except ValueError:
        return text
    return tree["value"] if len(tree) == 1 else text  # of several lines, the others would be lost


def to_toml(value: Any) -> str:
    """A value as one line of TOML. RecipeError for values that TOML cannot express."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_toml_key(str(key))} = {to_toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(to_toml, value)) + "]"
    if isinstance(value, Path):
        return to_toml(str(value))
    if isinstance(value, str | int | float):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # JSON leaves it, TOML does not
    found = f"{str(value)[:40]!r} cannot be a setting"
    raise RecipeError(f"set: {found}; give text, a number, True, False, a list or a dict")


def _toml_key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else to_toml(key)


def explain(error: ValidationError, kind: type[Section]) -> str:
    """The first error in one line, and the number of others; a misspelt key first, since it explains a missing one."""
    first, *others = sorted(error.errors(include_url=False), key=lambda one: one["type"] != "extra_forbidden")
    location = tuple(part for part in first["loc"] if part not in (ONE, SEVERAL))
    dotted = ".".join(str(part) for part in location)
    if first["type"] == "extra_forbidden":
        line = unknown_key(location, dotted, kind)
    elif first["type"] == "missing":
        line = f"{dotted} is missing"
    elif first["type"] == "value_error" and isinstance(first["input"], dict):
        line = (f"{dotted}: " if location else "") + str(first["ctx"]["error"])
    else:
        line = f"{dotted} is {quoted(first['input']):.80}: {first['msg'].removeprefix('Value error, ')}"
    return line + (f" (and {len(others)} more)" if others else "")


def quoted(value: Any) -> str:
    return repr(without_secrets(value)) if isinstance(value, str) else without_secrets(repr(value))


def unknown_key(location: tuple[int | str, ...], dotted: str, kind: type[Section]) -> str:
    return f"{dotted} is not a known key; {nearest_key(str(location[-1]), known_keys(location[:-1], kind))}"


def nearest_key(key: str, known: Iterable[str]) -> str:
    """The nearest known key, or all of them."""
    return did_you_mean(key, sorted(known), f"known keys: {', '.join(sorted(known))}")


def known_keys(location: tuple[int | str, ...], kind: type[Section]) -> set[str]:
    """The keys of the section at `location` inside one of `kind`."""
    kinds: list[Any] = [kind]
    for part in location:
        kinds = [inner for kind in kinds for inner in step(kind, part)]
    return {name for kind in kinds if is_section(kind) for name in kind.known_keys()}


def step(kind: Any, part: int | str) -> list[Any]:
    """The section types that `part` leads to from `kind`: a section's field, an item of a list or dict."""
    if is_section(kind):
        return sections(kind.type_of(str(part)))
    if get_origin(kind) in (list, tuple, dict):
        return sections(get_args(kind)[-1])
    return []


def is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def sections(annotation: Any) -> list[Any]:
    """The members of a union, or the type itself."""
    if get_origin(annotation) is Annotated:
        return sections(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [inner for member in get_args(annotation) for inner in sections(member)]
    return [annotation]
