"""Numbers as people read them, and text that may be shown."""

import pytest

from ovt.core.text import duration, size, without_secrets


@pytest.mark.parametrize(("count", "told"), [(0, "0 B"), (999, "999 B"), (3_200_000, "3.2 MB"), (1e15, "1,000.0 TB")])
def test_sizes(count, told):
    assert size(count) == told


@pytest.mark.parametrize(("seconds", "told"), [(None, ""), (0.2, ""), (65, "1:05"), (3723, "1:02:03")])
def test_durations(seconds, told):
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://h:8000/v1", "http://h:8000/v1"),
        ("http://me:pw@h/v1", "http://…"),
        ("http://me:p/w?@h b/v1", "http://…"),
        ("https://h/v1?api_key=pw", "https://…"),
        ("q@http://pw@h/v1", "q@http://…"),
        ("me:pw@h/v1", "me:…"),
        ("charts@v3", "charts@v3"),
        ("Which is right: a?", "Which is right: a?"),
    ],
)
def test_what_may_be_a_password_is_not_shown(text, told):
    assert without_secrets(text) == told
