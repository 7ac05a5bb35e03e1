"""Which settings may differ from a version's own without asking a model, and why the others may not."""

from collections.abc import Iterable, Mapping
from typing import Any

from ovt.core.errors import RecipeError
from ovt.curate.recipe import Recipe, read_section, set_key
from ovt.curate.reports.diff.recipes import settings
from ovt.curate.versions.read import Version

FREE = ("verify", "difficulty", "select", "filter", "data")
DECIDING = "verify.kind, reason.k (down) and all of [select], [filter], [difficulty] and [data]"


def stored_recipe(version: Version) -> Recipe:
    """The recipe that a version was made with. RecipeError where this ovt cannot read it."""
    made = version.manifest.provenance
    where = f"the recipe in {version.ref}, written by ovt {made.ovt_version}, cannot be used by this one"
    return read_section(Recipe, made.recipe, where)


def change(version: Version, overrides: Iterable[str]) -> tuple[Recipe, list[dict[str, Any]]]:
    """(the version's recipe with `a.b=value` overrides; the settings that differ, as `diff.recipes.settings` has them).

    RecipeError, in one line, for a setting that is unknown, or that only a model can answer for.
    """
    old = stored_recipe(version)
    tree = without_nulls(version.manifest.provenance.recipe)
    for override in overrides:
        set_key(tree, override)
    new = read_section(Recipe, tree, "--set")
    changed = settings(old.model_dump(mode="json"), new.model_dump(mode="json"))
    for one in changed:
        if refusal := refuse(one, version):
            raise RecipeError(refusal)
    return new, changed


def without_nulls(tree: Any) -> Any:
    """A copy of a recipe's tree as TOML would have it: what is not set is not there."""
    if isinstance(tree, Mapping):
        return {name: without_nulls(value) for name, value in tree.items() if value is not None}
    return [without_nulls(value) for value in tree] if isinstance(tree, list) else tree


def refuse(one: Mapping[str, Any], version: Version) -> str | None:
    """Why a setting that differs needs more than the stored replies; None where it does not."""
    key, old, new = one["key"], one["a"], one["b"]
    section, _, rest = key.partition(".")
    if key == "reason.k":
        return (
            None
            if new < old
            else (
                f"reason.k = {new} needs a model: {version.ref} has {old} samples of each question; build with "
                f"--set reason.k={new}, which asks for the other {new - old} only"
            )
        )
    if key == "verify.kind" and version.manifest.provenance.recipe["verify"].get("judge"):
        return f"{key} needs a model: it may leave other answers to {version.ref}'s judge; change the recipe and build"
    if section == "verify" and rest.startswith("judge"):
        return f"{key} needs a model: the judge of {version.ref} was not asked this; change the recipe and build"
    if section in FREE:
        return None
    if key == "name":
        return f"name = {new!r} is no setting of a what-if: give the new name with --save-as"
    return (
        f"{key} needs a model or other questions, and a what-if has only the replies of {version.ref}; it can change "
        f"{DECIDING}; for the rest change the recipe and build, which asks only what is new"
    )
