"""What `ovt data stats` prints and draws, and that names of data sets and models can do nothing to either."""

import io
import re
from xml.etree import ElementTree

import pytest
from PIL import Image
from rich.console import Console

from ovt.commands.views.data import one_version
from ovt.commands.views.tables import bar, told, view
from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.core.report import cell_text
from ovt.curate.reports import figures, funnel
from ovt.curate.reports.plots import with_labels, write_plot
from ovt.curate.versions.profile import profile

HOSTILE = "$\\frac$ <script>x</script> [bold]b[/bold] \x1b[2J\u202e 图 {{x}}"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return Home(tmp_path_factory.mktemp("stats"))


@pytest.fixture(scope="module")
def profiles(home, make_replies, recipe_with):
    """A version, one from a source with a hostile name, and one that kept nothing."""
    plain = make_replies(home, 20).write(home, recipe_with())
    hostile = make_replies(home, 10, source=HOSTILE).write(home, recipe_with(name="hostile"))
    nothing = make_replies(home, 2).write(home, recipe_with(name="nothing", filter={"length": {"min_words": 9999}}))
    return {version.manifest.name: profile(version) for version in (plain, hostile, nothing)}


def printed(renderable, width=120):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None, legacy_windows=False).print(renderable)
    return out.getvalue()


def test_one_version_is_told_in_bars(profiles):
    text = printed(one_version(profiles["small"]))
    for said in ("words of a response", "pass rate, rows  █ sft  ▒ rl", "behaviours, cues per 1,000 words", "two bars"):
        assert said in text
    assert re.search(r"reason +\d+ +0 +\d+", text)


def test_several_versions_are_columns(profiles):
    text = printed(told(figures.report(list(profiles.values()))))
    assert re.search(r"small@v1 +hostile@v1 +nothing@v1", text)
    assert re.search(r"behaviours +visual, per 1,000 words +[\d.]+ +[\d.]+ +–", text)


@pytest.mark.parametrize("width", [30, 120])
def test_hostile_names_are_only_text(profiles, home, width):
    from ovt.curate.versions.read import open_version

    version = open_version("hostile", home)
    tables = [told(funnel.report(version, by)) for by in ("stage", "source", "reason")]
    for shown in (one_version(profiles["hostile"]), told(figures.report([profiles["hostile"]] * 2)), *tables):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", printed(shown, width))


@pytest.mark.parametrize("names", [("small",), ("hostile",), ("nothing",), ("small", "hostile", "nothing")])
def test_plots_are_drawn_of_any_version_and_always_the_same(profiles, names, tmp_path):
    some = [profiles[name] for name in names]
    for again in "ab" if len(names) > 1 else "a":
        for kind in ("png", "svg", "html"):
            write_plot(some, tmp_path / again / f"plot.{kind}")
            assert (tmp_path / again / f"plot.{kind}").read_bytes() == (tmp_path / "a" / f"plot.{kind}").read_bytes()
    with Image.open(tmp_path / "a" / "plot.png") as picture:
        assert picture.width > 1500
    ElementTree.parse(tmp_path / "a" / "plot.svg")
    page = (tmp_path / "a" / "plot.html").read_text()
    assert "<script" not in page
    assert "http://" not in re.sub(r'(xmlns|xmlns:\w+)="[^"]*"|<metadata>.*?</metadata>', "", page, flags=re.DOTALL)
    assert "\x1b" not in page


def test_a_plot_that_cannot_be_drawn_is_one_line(profiles, tmp_path):
    with pytest.raises(OvtError, match=r"give a file that ends in \.png, \.svg or \.html"):
        write_plot([profiles["small"]], tmp_path / "plot.pdf")
    with pytest.raises(OvtError, match="9 versions are too many"):
        write_plot([profiles["small"]] * 9, tmp_path / "plot.png")


def test_bars_are_as_long_as_their_share():
    assert [bar(share, 4) for share in (0, 1 / 32, 0.5, 1)] == ["", "▏", "██", "████"]


def test_in_a_narrow_terminal_bars_still_tell_shares_apart_and_no_text_is_cut():
    ends = [("sft", 84, 0.84), ("a_reason_with_a_long_name", 16, 0.16), ("used", 100, 1.0)]
    row = {"level": "question", "stage": "version", "decision": "kept"}
    lines = printed(
        view(
            funnel.reason_table(
                [row | {"reason": name, "rows": n, "of_stage": share, "of_all": share} for name, n, share in ends]
            )
        ),
        width=80,
    )
    assert "…" not in lines
    some, few, all_ = (line.count("█") for line in lines.splitlines() if "%" in line)
    assert few < some < all_


LONG = "charts-and-tables-of-every-kind-openvlthinker-7b"


def grown(value):
    """Plain data with counts of millions, and with long names."""
    if isinstance(value, dict):
        return {name: grown(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [grown(one) for one in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return value + 1_234_567
    return LONG if value in ("bars", "two bars", "small@v1") else value


@pytest.mark.parametrize("by", ["stage", "source", "reason"])
def test_a_funnel_of_millions_breaks_no_number_and_no_name_at_80_columns(home, profiles, by):
    from ovt.curate.versions.read import open_version

    found = funnel.report(open_version("small", home), by)
    tables = {
        "stage": lambda rows: [funnel.stage_table(rows)],
        "source": lambda rows: funnel.part_tables(rows, "source"),
        "reason": lambda rows: [funnel.reason_table(rows)],
    }[by]
    rows = found.data if by == "reason" else grown(found.data)
    for table in tables(rows):
        text = printed(view(table), 80)
        assert all(len(line.rstrip()) <= 80 for line in text.splitlines())
        for cell in (cell for row in table.rows for cell in row[:-1] if cell):
            assert cell_text(cell) in text


def test_stats_of_millions_break_no_number_and_no_name_at_80_columns(profiles):
    one = grown(profiles["small"])
    several = [one, grown(profiles["small"]) | {"ref": f"{LONG}@v12"}]
    text = printed(one_version(one), 80)
    assert LONG in text
    assert f"{one['usage'][0]['samples']:,}" in text
    text = printed(told(figures.report(several)), 80)
    assert f"{LONG}@v12" in text
    assert f"{one['sft']:,}" in text


def test_every_version_has_a_label_of_its_own(profiles):
    refs = [f"{LONG}@v{number}" for number in (1, 2, 12)] + ["a", "a"]
    labels = [one["label"] for one in with_labels([profiles["small"] | {"ref": ref} for ref in refs])]
    assert len(set(labels)) == len(refs)
    assert labels[2].endswith("7b@v12")
    assert max(map(len, labels)) <= 22


def test_reports_show_themselves(profiles, home):
    from ovt.curate.versions.read import open_version

    shown = [figures.report([profiles["hostile"]]), funnel.report(open_version("hostile", home), "source")]
    for found in shown:
        assert "<script" not in found._repr_html_()
        assert "&lt;script&gt;x" in found._repr_html_()
        assert "\x1b" not in str(found) + found._repr_html_()
