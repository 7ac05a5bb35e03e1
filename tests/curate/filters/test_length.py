from pathlib import Path

import pytest
from pydantic import ValidationError

from ovt.core.errors import OvtError
from ovt.curate.filters.length import LengthSection


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory) -> Path:
    """A folder with a tokenizer that makes a token of every word and every punctuation mark."""
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"?": 0}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    folder = tmp_path_factory.mktemp("tokenizer")
    made.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize(
    ("bounds", "reason"),
    [
        ({}, None),
        ({"max_words": 3}, None),
        ({"max_words": 2}, "too_long"),
        ({"min_words": 3}, None),
        ({"min_words": 4}, "too_short"),
        ({"min_words": 4, "max_words": 5}, "too_short"),
    ],
)
def test_bounds_in_words(bounds, reason, filtered):
    assert filtered("one\ntwo  three. ", length=bounds) == ((None, reason) if reason else ("one\ntwo  three. ", None))


def test_bounds_in_tokens(tokenizer, filtered):
    for name in (tokenizer, tokenizer / "tokenizer.json"):
        assert filtered("one two three.", length={"max_tokens": 4, "tokenizer": str(name)})[1] is None
        assert filtered("one two three.", length={"max_tokens": 3, "tokenizer": str(name)})[1] == "too_long"


def test_the_length_is_that_of_the_edited_text(filtered, response_of):
    text = response_of("A bar. Wait, no, and so on and on.")
    edited = {"format": {"mode": "rewrite"}, "reflection": {"mode": "truncate"}, "length": {"max_words": 8}}
    assert filtered(text, **edited)[0] == response_of("A bar.")


def test_a_tokenizer_that_is_not_there_is_a_clear_error(tmp_path, filtered):
    with pytest.raises(OvtError, match="cannot be loaded") as caught:
        filtered("x", length={"max_tokens": 3, "tokenizer": str(tmp_path)})
    assert "\n" not in str(caught.value)


def test_impossible_bounds_are_refused():
    with pytest.raises(ValidationError, match="max_tokens needs a tokenizer"):
        LengthSection(max_tokens=5)
    with pytest.raises(ValidationError, match="nothing would be kept"):
        LengthSection(min_words=5, max_words=4)
