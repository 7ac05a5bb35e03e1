"""Format: `<think> … </think>`, a short solution, `<answer> … </answer>` (paper).

    text      The bar …</think>So it is \\boxed{12}.
    response  <think>\\nThe bar …\\n</think>\\n\\nSo it is \\boxed{12}.\\n<answer>12</answer>

Every mode cuts a response into head + thinking + tail, so that later filters edit the thinking and nothing else: the
solution and the answer that were verified stay as they are, character for character.
"""

from typing import Literal

import polars as pl

from ovt.curate.section import Section
from ovt.verifiers import split_response

TAGS = r"(?i)<\s*/?\s*(?:think(?:ing)?|answer)\s*>"
WHOLE = r"(?s)\A\s*(?:<think>)?(?<thinking>.*)</think>(?<solution>.*)<answer>(?<answer>.*)</answer>\s*\z"
ONE_THINKING = r"(?is)\A(?<head>.*<\s*think(?:ing)?\s*>|)(?<thinking>.*)(?<tail><\s*/\s*think(?:ing)?\s*>.*)\z"
PARTS = pl.Struct({"thinking": pl.String, "solution": pl.String, "answer": pl.String})


class FormatSection(Section):
    """What to do about the format of a correct response.

    rewrite: put its thinking, solution and answer into the format, whatever tags it came with; without a thinking or an
    answer it is dropped (no_think, no_answer). require: drop it where a tag is missing (no_think, no_answer_tag).
    off: leave it as it is.
    """

    mode: Literal["rewrite", "require", "off"] = "rewrite"


def apply(frame: pl.LazyFrame, section: FormatSection) -> pl.LazyFrame:
    """Cuts `text` into head, thinking and tail, and adds drop (a reason or null), why and format_edit.

    Unless it is rewritten, a text that has not exactly one thinking keeps null parts, and no filter edits it.
    """
    tags = pl.col("text").str.extract_all(TAGS).list.join("").str.replace_all(r"\s", "").str.to_lowercase()
    tagged = frame.with_columns(tags=tags.str.replace_all("thinking", "think", literal=True))
    if section.mode == "rewrite":
        return rewrite(tagged).drop("tags")
    drop = missing_tag(pl.col("tags")) if section.mode == "require" else pl.lit(None, pl.String)
    return (
        cut(tagged)
        .with_columns(drop=drop, why=pl.lit(None, pl.String), format_edit=pl.lit(None, pl.String))
        .drop("tags")
    )


def rewrite(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The parts in the paper's format: of plain texts by one expression, of all others as the verifier reads them."""
    plain = pl.col("tags").is_in(["<think></think><answer></answer>", "</think><answer></answer>"])
    quick = pl.when(plain).then(pl.col("text")).str.extract_groups(WHOLE)
    odd = pl.when(pl.col("quick").struct.field("answer").is_null()).then(pl.col("text"))
    slow = odd.map_elements(take_apart, return_dtype=PARTS, skip_nulls=True)
    thinking, solution, answer = (
        pl.coalesce(pl.col("quick").struct.field(name), pl.col("slow").struct.field(name)).str.strip_chars()
        for name in ("thinking", "solution", "answer")
    )
    gap = pl.when(solution != "").then(pl.lit("\n")).otherwise(pl.lit(""))
    edited = pl.col("slow").struct.field("answer").is_not_null() | ~pl.col("tags").str.starts_with("<think>")
    drop = pl.when(thinking == "").then(pl.lit("no_think")).when(answer == "").then(pl.lit("no_answer"))
    return (
        frame.with_columns(quick=quick)
        .with_columns(slow=slow)
        .with_columns(
            head=pl.lit("<think>\n"),
            thinking=thinking,
            tail=pl.concat_str(
                pl.lit("\n</think>\n\n"), solution, gap, pl.lit("<answer>"), answer, pl.lit("</answer>")
            ),
            drop=drop,
            why=pl.lit(None, pl.String),
            format_edit=pl.when(edited).then(pl.lit("put into the format")),
        )
        .drop("quick", "slow")
    )


def take_apart(text: str) -> dict[str, str]:
    """The PARTS of any response; answer is "" where the verifier would read another one off the rewritten text."""
    parts = split_response(text)
    solution = "" if parts.found_by == "text" else parts.solution  # the text is the answer: do not say it twice
    rewritten = f"<think>\n{parts.thinking}\n</think>\n\n{solution}\n<answer>{parts.answer}</answer>"
    again = split_response(rewritten)
    same = (again.thinking, again.answer) == (parts.thinking, parts.answer)
    return {"thinking": parts.thinking, "solution": solution, "answer": parts.answer if same else ""}


def cut(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Head, thinking and tail of the text as it stands, where it has exactly one thinking."""
    once = pl.col("tags").str.replace_all(r"</?answer>", "").is_in(["<think></think>", "</think>"])
    parts = pl.when(once).then(pl.col("text")).str.extract_groups(ONE_THINKING)
    return frame.with_columns(parts=parts).with_columns(pl.col("parts").struct.unnest()).drop("parts")


def missing_tag(tags: pl.Expr) -> pl.Expr:
    """The reason to drop a response, from its tags in order; null where it has all of them."""
    thinks = tags.str.replace_all(r"</?answer>", "").str.contains("<think></think>", literal=True)
    after = tags.str.split("</think>").list.last()
    answers = after.str.contains("<answer></answer>", literal=True)
    return pl.when(~thinks).then(pl.lit("no_think")).when(~answers).then(pl.lit("no_answer_tag"))
