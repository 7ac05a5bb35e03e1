"""The paper's response format: `<think> … </think>`, a short solution, `<answer> … </answer>`."""

from typing import Literal

from ovt.curate.section import Section


class FormatSection(Section):
    """What to do about the format of a correct response.

    rewrite: put its thinking, solution and answer into the format, whatever tags it came with.
    require: drop it where a tag is missing (no_think, no_answer_tag). off: leave it as it is.
    """

    mode: Literal["rewrite", "require", "off"] = "rewrite"
