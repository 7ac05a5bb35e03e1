"""The style that all plots share."""

import sys

import pytest

from ovt.core.errors import OvtError
from ovt.core.plots import bars, draw, histogram, label, name_axes, save

BINS = [{"from": 10 * place, "to": 10 * place + 9, "rows": rows} for place, rows in enumerate([3, 9, 4])]


def drawn(name: str = "a", kind: str = "svg") -> bytes:
    def one(ax):
        histogram(ax, {name: BINS})
        name_axes(ax, name, "words", "rows")

    def two(ax):
        histogram(ax, {name: BINS, "b": [{"from": 0, "to": 4, "rows": 2}]})

    def three(ax):
        bars(ax, [name, "c"], {name: [1.5, 2], "b": [0, 4]}, digits=1)

    return draw([one, two, three], kind, title=name)[0]


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_same_data_gives_the_same_bytes(kind):
    assert drawn(kind=kind) == drawn(kind=kind)


def test_a_style_of_the_users_own_changes_nothing():
    import matplotlib as mpl

    before = drawn()
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red"}):
        assert drawn() == before


@pytest.mark.parametrize(
    "name", ["$x^2$", "$", "\\frac{1}{2}$", "<b>&", "图\N{PILE OF POO}", "a\x00b\x1b[2J", "", None, "x" * 500]
)
def test_a_name_is_never_read_as_anything_else(name, recwarn):
    svg = drawn(label(name)).decode()
    assert not recwarn.list
    if name and name.startswith("$x"):
        assert "$x^2$" in svg
    assert "<b>" not in svg
    assert len(label(name)) <= 22


def test_figures_are_saved_by_their_suffix(tmp_path):
    def panel(ax):
        name_axes(ax, "a", "words", "rows")

    save([panel], tmp_path / "new" / "a.png", tmp_path / "a.svg")
    with pytest.raises(OvtError, match=r"ends in \.png or \.svg"):
        save([panel], tmp_path / "a.jpg")
    assert (tmp_path / "new" / "a.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "a.svg").read_bytes()


def test_without_matplotlib_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(OvtError, match=r"^drawing needs matplotlib, which .*; pip install 'ovt\[plots\]'$"):
        save([lambda ax: None], tmp_path / "a.png")
