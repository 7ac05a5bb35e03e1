"""`ovt data diff` as people run it: one screen, rows, JSON, the page."""

import io
import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from ovt.cli import app
from ovt.commands.views.diff import rows_shown, summary, wording
from ovt.core.errors import OvtError


@pytest.fixture
def versions(write, ask):
    recipe = {"name": "made", "filter": {"length": {"max_words": 45, "min_words": 3}}, "reason": {"prompt": "p"}}
    sources = [f"source-{number % 5}" for number in range(40)]
    write([ask(number, source=source, right=(number % 4 > 0, True)) for number, source in enumerate(sources)])
    write(
        [
            ask(number, source=source, edit=number % 3 == 0, too_long=number % 9 == 0)
            for number, source in enumerate(sources[5:], start=5)
        ],
        recipe=recipe,
        ovt_version="0.2.0",
    )


@pytest.fixture
def run(home, versions):
    def invoke(*options):
        done = CliRunner().invoke(app, ["data", "diff", *options, "--home", str(home.path)])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.output

    return invoke


def test_json_holds_it_all(run):
    about = json.loads(run("made@1", "made@2", "--json"))
    assert about["rows"]["removed"] == sum(one["rows"] for one in about["removed"]) > 0
    assert "examples" not in about
    assert len(json.loads(run("made@1", "made@2", "--json", "--rows", "-n", "2"))["examples"]) == 4


def test_piped_summary_has_every_telling_figure(run):
    text = run("made@1", "made@2")
    assert "made@v1 → made@v2" in text
    assert "filter too_long" in text
    assert "sources: source-4" in text
    assert "more figures" not in text


def test_rows_show_what_changed_in_marks(run):
    text = run("made@1", "made@2", "--rows", "-n", "3")
    assert "[-First, -]" in text
    assert "not in b: import not_in_sources" in text


def test_page_is_written(run, tmp_path):
    run("made@1", "made@2", "--html", str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").stat().st_size > 5_000


def test_folders_and_names_mix(run, home):
    assert "0 removed" in run("made@1", str(home.versions / "made" / "v1"))


def test_unknown_version_is_one_line(run):
    with pytest.raises(OvtError, match="has no v7"):
        run("made@1", "made@v7")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (100, 30), (120, 40), (140, 40)])
def test_summary_fits_the_screen(run, width, height):
    about = json.loads(run("made@1", "made@2", "--json"))
    out = io.StringIO()
    screen = Console(file=out, width=width, height=height, force_terminal=True, color_system=None)
    screen.print(summary(about, screen))
    lines = out.getvalue().rstrip("\n").split("\n")
    assert len(lines) < height
    assert max(map(len, lines)) <= width


def test_colours_or_marks():
    pieces = [("same", "a " * 300), ("removed", "b\x1b[2J"), ("added", "[red]c"), ("same", " d")]
    marked = wording(pieces, colours=False).plain
    assert "[-b\ufffd[2J-]{+[red]c+} d" in marked
    assert len(marked) < 200
    assert "b\ufffd[2J[red]c d" in wording(pieces, colours=True).plain


def test_no_rows_to_show():
    assert "no row" in str(rows_shown([], colours=False))
