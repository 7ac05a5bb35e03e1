"""Which question of another version is the same one, though it was edited and so has another id."""

from typing import Any

import polars as pl

from ovt.curate.versions.read import Version, scan


def normalised(text: pl.Expr) -> pl.Expr:
    """A question's text without what does not change its meaning: letter case, white space, Unicode forms."""
    return text.str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()


def find_same(version: Version, question: dict[str, Any]) -> str | None:
    """The id of the first question of `version` with the images and the text of `question` (a row of QUESTIONS)."""
    images = pl.col("images").list.join(" ") == " ".join(question["images"])
    text = normalised(pl.col("question")) == normalised(pl.lit(question["question"]))
    found = scan(version, "questions").filter(images, text).select("question_id").head(1).collect()
    return found["question_id"].item() if len(found) else None
