"""JSON of bounded depth."""

import pytest

from ovt.core.untrusted import DEEPEST, parse_json

DEEP = ["[" * 101 + "]" * 101, '{"a":' * 101 + "1" + "}" * 101, "[" * 10**6 + "]" * 10**6, "[", ""]


@pytest.mark.parametrize("depth", [1, 50, DEEPEST])
def test_what_is_not_too_deep_is_read(depth: int) -> None:
    text = "[" * depth + "]" * depth
    assert parse_json(text) == parse_json(text.encode()) is not None


@pytest.mark.parametrize("text", DEEP)
def test_what_is_too_deep_or_no_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"nested|Expecting"):
        parse_json(text)


def test_many_brackets_are_not_depth() -> None:
    assert len(parse_json("[" + ",".join(["[[]]"] * 1000) + "]")) == 1000
    assert parse_json('"' + "[" * 1000 + '"') == "[" * 1000
