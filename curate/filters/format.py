"""Format: `<think> … </think>`, a short solution, `<answer> … </answer>` (paper).

    text      The bar …</think>So it is \\boxed{12}.
    response  <think>\\nThe bar …\\n</think>\\n\\nSo it is \\boxed{12}.\\n<answer>12</answer>

In every mode a response is cut into head + thinking + tail, so that later filters only edit the thinking:
the verified solution and answer stay unchanged, character for character.
"""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple

import polars as pl

from ovt.core.section import Section
from ovt.verifiers import split_response

# Each has one way to read a run of white space: two would take time in the square of its length.
THINK = re.compile(r"<\s*(?:(/)\s*)?think(?:ing)?\s*>", re.IGNORECASE)
ANSWER = re.compile(r"<\s*(?:(/)\s*)?answer\s*>", re.IGNORECASE)


class FormatSection(Section):
    """How to handle the format of a correct response.

    rewrite: put its thinking, solution and answer into the format, whatever tags it had; without thinking or an
    answer it is dropped (no_think, no_answer). require: drop it if a tag is missing (no_think, no_answer_tag).
    off: leave it unchanged.
    """

    mode: Literal["rewrite", "require", "off"] = "rewrite"


class Cut(NamedTuple):
    """The three parts of a response; all null if it does not have exactly one thinking (then nothing is edited).

    drop: a reason, or null. format_edit: a description of the edit, or null.
    """

    head: str | None = None
    thinking: str | None = None
    tail: str | None = None
    drop: str | None = None
    format_edit: str | None = None


def apply(frame: pl.LazyFrame, section: FormatSection) -> pl.LazyFrame:
    """Cuts `text` into head, thinking and tail; adds drop, why and format_edit."""
    of_mode: dict[str, Callable[[str], Cut]] = {"rewrite": rewrite, "require": require, "off": leave}
    schema = pl.Schema(dict.fromkeys(Cut._fields, pl.String))

    def cut(texts: pl.Series) -> pl.Series:
        return pl.DataFrame([of_mode[section.mode](text) for text in texts], schema, orient="row").to_struct("cut")

    parts = pl.col("text").map_batches(cut, return_dtype=pl.Struct(schema), is_elementwise=True)
    return frame.with_columns(cut=parts, why=pl.lit(None, pl.String)).unnest("cut")


def rewrite(text: str) -> Cut:
    """The response in the paper's format, from its parts as the verifier reads them."""
    parts = split_response(text)
    if not parts.thinking:
        return Cut(drop="no_think")
    said = "" if parts.found_by == "text" else parts.solution  # a bare text is the answer: do not say it twice
    solution = said + "\n" if said else ""
    head, tail = "<think>\n", f"\n</think>\n\n{solution}<answer>{parts.answer}</answer>"
    rewritten = head + parts.thinking + tail
    if rewritten == text.strip():
        return Cut(head, parts.thinking, tail)
    again = split_response(rewritten)  # hostile text could hold tags that only now become whole
    if not parts.answer or (again.thinking, again.answer) != (parts.thinking, parts.answer):
        return Cut(drop="no_answer")
    return Cut(head, parts.thinking, tail, format_edit="put into the format")


def leave(text: str) -> Cut:
    """The response unchanged, cut around its single thinking; the opening tag may be part of the chat template."""
    tags = list(THINK.finditer(text))
    closing = [bool(tag[1]) for tag in tags]
    if closing not in ([True], [False, True]):
        return Cut()
    start = 0 if closing[0] else tags[0].end()
    inside = text[start : tags[-1].start()]
    start += len(inside) - len(inside.lstrip())
    end = start + len(inside.strip())
    return Cut(text[:start], text[start:end], text[end:])


def require(text: str) -> Cut:
    """Like `leave`, but drops it unless it has exactly one tagged thinking followed by a tagged answer."""
    parts = leave(text)
    if not (parts.head or "").strip():
        return Cut(drop="no_think")
    closing = [bool(tag[1]) for tag in ANSWER.finditer(parts.tail or "")]
    answered = False in closing and True in closing[closing.index(False) :]
    return parts if answered else Cut(drop="no_answer_tag")
