"""The page: nothing in a text becomes part of it, and it asks for nothing from anywhere."""

import re
from html.parser import HTMLParser

import pytest

from ovt.core.errors import OvtError
from ovt.curate.reports.diff.examples import examples
from ovt.curate.reports.diff.page import data_uri, diff_page, write_page
from ovt.curate.reports.diff.summary import report

HOSTILE = "</pre><script>alert(1)</script><img src=http://x.test/a onerror=alert(1)>{{ 7 * 7777 }}\u202e\x1b[2J\"'"


class Reader(HTMLParser):
    """All tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    return reader


@pytest.fixture
def hostile(write, ask, diff):
    a = write([ask(1, wording=HOSTILE + "{}", salt=HOSTILE, source="s<b>"), ask(2), ask(3, salt=HOSTILE), ask(4)])
    b = write(
        [ask(2, edit=True), ask(3), ask(4, too_long=True), ask(5, salt=HOSTILE)],
        recipe={"name": HOSTILE, "reason": {"prompt": HOSTILE}},
        models=({"stage": HOSTILE, "endpoint": "e", "model": HOSTILE, "prompt": HOSTILE},),
    )
    return diff(a, b)


def test_hostile_texts_stay_texts(hostile):
    page = read(diff_page(hostile.about, examples(hostile, 9, images=True)))
    assert "script" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("href", "srcset", "action")]
    assert all(str(value).startswith("data:image/webp;base64,") for name, value in page.attributes if name == "src")
    assert page.tags.count("img") == 5
    assert HOSTILE[:30] in page.text
    assert "{{ 7 * 7777 }}" in page.text
    assert "54439" not in page.text
    assert not re.search("[\u202e\x1b]", page.text)


def test_page_stands_alone(hostile):
    page = diff_page(hostile.about, examples(hostile, 9, images=True))
    assert "Content-Security-Policy\" content=\"default-src 'none'" in page
    assert not re.search(r"<(link|script|iframe|object|embed)\b|@import|url\((?!#)", page)
    assert "prefers-color-scheme: dark" in page


def test_page_of_versions_that_kept_nothing(write, ask, diff):
    none = write([ask(1, too_long=True)])
    found = diff(none, none)
    assert "nothing" in diff_page(found.about, examples(found, 3, images=True)).lower()


def test_writing(hostile, tmp_path):
    write_page(hostile, tmp_path / "diff.html", 2)
    assert (tmp_path / "diff.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    with pytest.raises(OvtError, match="cannot write"):
        write_page(hostile, tmp_path / "diff.html" / "diff.html", 2)


@pytest.mark.parametrize(
    "content", [b"", b"<svg onload=alert(1)>", b"\x89PNG\r\n\x1a\n nothing", b"%!PS-Adobe-3.0 EPSF-3.0"]
)
def test_what_is_no_image_is_not_shown(content):
    assert data_uri(content) is None


def test_a_diff_shows_itself_in_a_notebook_and_in_print(hostile):
    html, text = hostile._repr_html_(), str(hostile)
    assert {"script", "img"} & set(read(html).tags) == set()
    assert not re.search("[\u202e\x1b]", html + text)
    assert "not_in_sources" in text
    assert "difficulty a ↓ b →" in text
    shown = str(report(hostile.about, examples(hostile, 9)))
    assert "{{ 7 * 7777 }}" in shown
    assert "not in b: import not_in_sources" in shown
