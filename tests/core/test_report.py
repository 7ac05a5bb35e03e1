"""Reports show themselves: as lines of text, and as HTML into which no text gets as anything but text."""

from html.parser import HTMLParser

import pytest

from ovt.core.report import Report, Styled, Table, bars, facts, names, numbers, texts

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(1)> {{ 7 * 7 }} \x1b[2J\u202e\"'&"


class Tags(HTMLParser):
    """The tags, attributes and text of some HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags, self.names, self.text = set(), set(), ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.names.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


def test_lines_are_aligned_and_nothing_is_cut():
    table = Table(
        [*names("version"), *numbers("rows"), *texts("why"), *bars("")],
        [("a" * 90, 1_234_567, "wrong\n12", 0.5), (), ("b", 0, None, 0.0)],
    )
    assert str(table).splitlines() == [
        f"{'version':<90}       rows  why",
        f"{'a' * 90}  1,234,567  wrong 12",
        "",
        f"{'b':<90}          0",
    ]


def test_a_report_prints_its_title_tables_and_texts():
    told = str(Report("charts@v1", {}, (facts({"rows": "3 sft", "parent": None}), "and a line")))
    assert told.splitlines() == ["charts@v1", "rows  3 sft", "and a line"]


def test_hostile_texts_stay_texts_in_a_notebook():
    table = Table([*names(HOSTILE), *numbers("n"), *bars("")], [(HOSTILE, Styled(HOSTILE, "red"), 0.5), ()])
    page = Tags(Report(HOSTILE, None, (table, HOSTILE))._repr_html_())
    assert page.tags == {"div", "b", "table", "tr", "th", "td", "p"}
    assert page.names == {"style"}
    assert page.text.count("{{ 7 * 7 }}") == 5
    assert not {"\x1b", "\u202e"} & set(page.text)


def test_true_is_no_number():
    assert str(Table(numbers("n"), [(True,), (1_000,)], header=False)).split() == ["True", "1,000"]


def test_long_texts_are_cut():
    assert len(str(Report("a", None, ("word " * 20_000,)))) < 5_000


def test_a_row_of_another_length_is_a_mistake():
    with pytest.raises(ValueError, match="zip"):
        Table(names("a", "b"), [("only one",)])._repr_html_()
