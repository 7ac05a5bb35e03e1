"""Length of the response, in words or in a tokenizer's tokens."""

from pydantic import Field

from ovt.curate.section import Section


class LengthSection(Section):
    """Bounds on the whole response after edits; without any bound the filter is off (the paper tried max_words = 500).

    Words are runs without white space. Tokens are those of `tokenizer`: a folder, a tokenizer.json or a Hub id.
    """

    min_words: int | None = Field(None, ge=1)
    max_words: int | None = Field(None, ge=1)
    max_tokens: int | None = Field(None, ge=1)
    tokenizer: str | None = None
