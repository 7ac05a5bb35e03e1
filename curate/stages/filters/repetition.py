"""Repetition: a response that goes round in circles."""

from typing import Literal

from pydantic import Field

from ovt.curate.section import Section


class RepetitionSection(Section):
    """drop: drop a response that says one sentence more than `max_repeats` times, or whose share of characters in
    sentences already said is over `max_share` (0 to 1). off: do not look."""

    mode: Literal["drop", "off"] = "drop"
    max_repeats: int = Field(8, ge=1)
    max_share: float = Field(0.5, gt=0, le=1)
