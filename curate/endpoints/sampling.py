"""`[STAGE.sampling]`: a stage's sampling parameters, and those that its model refuses."""

import re
from typing import Any

from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from ovt.core.section import Section, added_later, nearest_key


class SamplingSection(Section):
    """`[STAGE.sampling]`: names and meanings are OpenAI's and vLLM's; unset parameters are not sent.

    `max_tokens` bounds one reply. With `seed`, sample number i is requested with seed + i.
    """

    temperature: NonNegativeFloat | None = None
    top_p: float | None = Field(None, gt=0, le=1)
    top_k: int | None = Field(None, ge=-1)
    min_p: float | None = Field(None, ge=0, le=1)
    max_tokens: PositiveInt | None = None
    max_completion_tokens: PositiveInt | None = None
    min_tokens: NonNegativeInt | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    repetition_penalty: PositiveFloat | None = None

    def asked(self) -> dict[str, Any]:
        """The parameters that are set, by name, as they go into a `ChatRequest`."""
        return self.model_dump(exclude_none=True)


class AskingBase(Section):
    """The base of stages that ask a model. unset: keys of its sampling that are not sent, whatever their default, for
    models that refuse them (`unset = ["temperature", "top_p"]`)."""

    unset: tuple[str, ...] = added_later(())

    @model_validator(mode="before")
    @classmethod
    def leave_out(cls, data: Any) -> Any:
        """Keys in `unset` get no value. What has another type is left to the fields' own checks."""
        if not isinstance(data, dict) or not (unset := names_in(data.get("unset"))):
            return data
        given = data.get("sampling") or {}
        if not isinstance(given, dict | SamplingSection):
            return data
        sampling = given.model_dump() if isinstance(given, SamplingSection) else dict(given)
        for name in unset:
            if name not in SamplingSection.model_fields:
                raise ValueError(
                    f"unset: {name!r} is not a sampling key; {nearest_key(name, SamplingSection.known_keys())}"
                )
            if sampling.get(name) is not None and not isinstance(given, SamplingSection):
                raise ValueError(f"{name} is in unset and has a value in sampling: leave one of them out")
            sampling[name] = None
        return {**data, "sampling": sampling}


def names_in(unset: Any) -> list[str]:
    """The names in a list; empty for anything else."""
    listed = list(unset) if isinstance(unset, list | tuple) else []
    return listed if all(isinstance(name, str) for name in listed) else []


def unset_line(refusal: str) -> str:
    """The line of a recipe that leaves out what a server's refusal names: `unset = ["temperature"]`; "" for others."""
    named = [name for name in SamplingSection.model_fields if re.search(rf"\b{name}\b", refusal)]
    keys = ", ".join(f'"{name}"' for name in named if not name.startswith("max_"))
    return f"unset = [{keys}]" if keys and refusal.startswith(("HTTP 400", "HTTP 422")) else ""
