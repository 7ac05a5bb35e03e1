"""Length: of the whole response after edits, in words or in a tokenizer's tokens.

response_words  drop      why
612             too_long  612 words, more than 500
"""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from pydantic import Field, model_validator

from ovt.core.errors import OvtError
from ovt.core.section import Section

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class LengthSection(Section):
    """Bounds on the whole response; without bounds the filter is off. The paper tried max_words = 500.

    Words are runs without white space. Tokens are those of `tokenizer`: a folder with a tokenizer.json, such a file, or
    a Hub id; special tokens and images are not counted.
    """

    min_words: int | None = Field(None, ge=1)
    max_words: int | None = Field(None, ge=1)
    max_tokens: int | None = Field(None, ge=1)
    tokenizer: str | None = None

    @model_validator(mode="after")
    def _possible(self) -> "LengthSection":
        if self.max_tokens and not self.tokenizer:
            raise ValueError("max_tokens needs a tokenizer: give a folder, a tokenizer.json or a Hub id")
        if self.min_words and self.max_words and self.min_words > self.max_words:
            raise ValueError(
                f"min_words = {self.min_words} is above max_words = {self.max_words}; nothing would be kept"
            )
        return self


def apply(frame: pl.LazyFrame, section: LengthSection) -> pl.LazyFrame:
    """Reads `response` and `response_words`; adds drop and why."""
    counted = frame.with_columns(tokens=count_tokens(section))
    bounds = [
        ("too_short", "words, fewer than", "response_words", section.min_words, pl.Expr.lt),
        ("too_long", "words, more than", "response_words", section.max_words, pl.Expr.gt),
        ("too_long", "tokens, more than", "tokens", section.max_tokens, pl.Expr.gt),
    ]
    drop = why = pl.lit(None, pl.String)
    for reason, rule, count, bound, breaks in bounds:
        if bound is not None:
            broken = breaks(pl.col(count), bound)
            drop = pl.coalesce(drop, pl.when(broken).then(pl.lit(reason)))
            why = pl.coalesce(why, pl.when(broken).then(pl.format(f"{{}} {rule} {bound}", count)))
    return counted.with_columns(drop=drop, why=why).drop("tokens")


def count_tokens(section: LengthSection) -> pl.Expr:
    """Tokens of `response`; null unless a bound needs them."""
    if section.max_tokens is None or section.tokenizer is None:
        return pl.lit(None, pl.Int32)
    tokenizer = load_tokenizer(section.tokenizer)

    def count(texts: pl.Series) -> pl.Series:
        encoded = tokenizer.encode_batch_fast(texts.to_list(), add_special_tokens=False)
        return pl.Series(map(len, encoded), dtype=pl.Int32)

    return pl.col("response").map_batches(count, return_dtype=pl.Int32, is_elementwise=True)


@lru_cache(maxsize=2)
def load_tokenizer(name: str) -> "Tokenizer":
    """The tokenizer in the folder or file `name`, or of the Hub model `name`. Raises OvtError."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise OvtError("filter.length.max_tokens needs the package tokenizers; pip install tokenizers") from None
    path = Path(name)
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        return Tokenizer.from_file(str(file)) if file.exists() or path.is_dir() else Tokenizer.from_pretrained(name)
    except Exception as error:  # noqa: BLE001  the package raises bare exceptions
        first = str(error).split("\n")[0]
        raise OvtError(
            f"filter.length.tokenizer = {name!r} cannot be loaded ({first}); expected a folder with a tokenizer.json, "
            "such a file, or a Hub id"
        ) from None
