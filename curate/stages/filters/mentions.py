"""Mentions: chains that speak of "the caption" make no sense to a model that sees the image."""

from typing import Literal

from ovt.curate.section import Section

PHRASES = ("the caption", "the description", "the image description")


class MentionsSection(Section):
    """What to do about a response that holds one of `phrases` (letter case ignored).

    mark: keep it, with a true `mentions` column. drop: drop it (mentions_caption). off: do not look.
    """

    mode: Literal["mark", "drop", "off"] = "mark"
    phrases: tuple[str, ...] = PHRASES
