"""A section of a recipe: frozen, and closed to unknown keys (`recipe.py` names the nearest known one)."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """What every part of a recipe is: each stage's file declares its own, `recipe.py` puts them together."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())
