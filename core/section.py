"""A section of a recipe: frozen, and closed to unknown keys (`recipe.py` names the nearest known one)."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """What every part of a recipe is: each stage's file declares its own, `recipe.py` puts them together.

    Numbers are finite (TOML knows inf and nan): neither requests nor manifests have a word for others.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)
