"""Reflection: the paper's filter on cues such as "Wait" at the start of a sentence inside the thinking."""

from typing import Literal

from pydantic import Field

from ovt.curate.section import Section

CUES = ("Wait", "But wait", "Hmm", "But the question", "Hold on", "Let me check", "Let me double-check", "Actually")


class ReflectionSection(Section):
    """What to do about reflection cues at the start of a sentence inside the thinking.

    truncate: cut the thinking at the first (the paper's choice). drop: drop the response when there are more than
    `max_count`. off: leave it. Cues are matched with their capitals as written.
    """

    mode: Literal["truncate", "drop", "off"] = "truncate"
    max_count: int = Field(0, ge=0)
    cues: tuple[str, ...] = CUES
