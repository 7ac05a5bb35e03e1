"""Tables on terminals of every width: names and numbers stay whole, and no text does harm."""

import io
import re
import time

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from ovt.commands.views.curate import lint_table
from ovt.commands.views.tables import Screen, Table, bars, facts, names, numbers, texts
from ovt.commands.views.train import status_tree

LONG = "charts-and-tables-openvlthinker-7b-iteration-3@v12"


def lines(view, width: int = 80) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(view)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def versions(*rows: tuple) -> Table:
    return Table([*names("version", "hash", "parent"), *numbers("sft", "rl", "prompt tokens"), *texts("why")], rows)


def test_a_table_with_room_has_a_line_per_row():
    assert lines(versions(("a@v1", "7b2e", None, 1_234_567, 0, 3, "wrong 12"))) == [
        "version  hash  parent        sft  rl  prompt tokens  why",
        "a@v1     7b2e          1,234,567   0              3  wrong 12",
    ]


def test_titles_wrap_before_texts_do():
    shown = lines(versions(("a@v1", "7b2e", None, 1_234_567, 0, 3, "wrong 12, abstained 3, too long 4")), 68)
    assert shown[0].split() == ["prompt"]
    assert shown[1].split() == ["version", "hash", "parent", "sft", "rl", "tokens", "why"]
    assert all(cell_len(line) <= 68 for line in shown)
    assert "1,234,567" in "\n".join(shown)


def test_what_does_not_fit_becomes_blocks_with_whole_names():
    assert lines(versions((LONG, "7b2ecf50fe0d", LONG, 1_234_567, 1_045_331, 98_765_432, "wrong 12"))) == [
        LONG,
        f"  hash 7b2ecf50fe0d  parent {LONG}",
        "  sft 1,234,567  rl 1,045,331  prompt tokens 98,765,432  why wrong 12",
    ]


def test_a_name_longer_than_a_line_loses_its_middle():
    first = lines(versions(("a" * 50 + "b" * 50, "", "", 1, 2, 3, "")), 40)[0]
    assert re.fullmatch("a+…b+", first)
    assert len(first) == 40


def test_bars_take_the_room_that_is_left():
    table = Table([*names("reason"), *numbers("rows"), *bars("")], [("wrong", 12, 1.0), ("x" * 30, 3, 0.25)])
    assert lines(table)[1].endswith("█" * 24)
    assert "█" not in "".join(lines(table, 37))
    assert lines(table, 37)[2].split() == ["x" * 30, "3"]


def test_texts_are_harmless_in_every_cell_and_markup_is_not_obeyed():
    table = Table([*names("name"), *texts("text")], [("[red]a\x1b[2J", Text("b\x1b[2J", "bold"))])
    shown = "\n".join(lines(table))
    assert "\x1b[2J" not in shown
    assert "[red]a�[2J" in shown


def test_no_view_passes_a_control_character_on():
    """Not even one that forgets to look: all output goes through a screen."""
    out = io.StringIO()
    screen = Screen(file=out, width=80, force_terminal=True, color_system=None)
    screen.print(status_tree({"loop": "l", "base": "a\x1b]0;b", "running": False, "steps": []}))
    screen.print(lint_table("c\x1b[2J", 3, []), Text("d", "bold"))
    assert "l  base a\ufffd]0;b" in out.getvalue()
    assert "c\ufffd[2J: 3 questions, nothing found d" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_long_names_are_cut_at_once():
    began = time.process_time()
    shown = lines(Table(names("a", "b"), [("é" * 3_999, "c")] * 40), 40)
    assert time.process_time() - began < 1
    assert shown == ["é" * 20 + "…" + "é" * 19, "  b c"] * 40


def test_true_is_no_number():
    assert lines(Table(numbers("n"), [(True,)], header=False)) == ["True"]


def test_facts_without_a_value_are_left_out():
    assert lines(facts({"version": "a@v1", "parent": None, "rows": 0, "note": ""})) == ["version  a@v1", "rows     0"]


words = st.text("abcdefgh漢_-@", min_size=1, max_size=30)
row = st.tuples(words, words, st.integers(0, 10**9), st.integers(0, 10**9), st.lists(words, max_size=8).map(" ".join))


@settings(max_examples=150)
@given(st.lists(row, min_size=1, max_size=4), st.integers(50, 130))
def test_names_and_numbers_are_never_broken_at_any_width(rows, width):
    shown = lines(Table([*names("name", "model"), *numbers("rows", "tokens asked"), *texts("why")], rows), width)
    assert all(cell_len(line) <= width for line in shown)
    found = "\n".join(shown)
    for name, model, count, tokens, _ in rows:
        held = [name, model] if max(map(cell_len, (name, model))) <= width - 10 else []
        assert all(cell in found for cell in [*held, f"{count:,}", f"{tokens:,}"])
