"""`import ovt`: what it hands out, how fast it is there, and that the command line's results come from Python, too."""

import ast
import asyncio
import doctest
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ovt
from ovt import api
from ovt.core.home import Home
from ovt.core.section import toml_value

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> ovt.Version:
    """Twenty of pocket's questions, by the embedded model."""
    return ovt.build("pocket", limit=20, home=tmp_path_factory.mktemp("home"))


def test_importing_loads_nothing_heavy():
    heavy = {"torch", "transformers", "polars", "datasets", "openai", "pydantic", "pyarrow", "rich", "typer", "numpy"}
    code = f"import sys, ovt; print(sorted({heavy!r} & set(sys.modules)), len(dir(ovt)) > len(ovt.__all__))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[] True\n"
    )


def test_every_name_is_there_and_typed():
    """What type checkers see is what there is when it is used."""
    tree = ast.parse((ROOT / "__init__.py").read_text())
    typed = next(node for node in tree.body if isinstance(node, ast.If))
    names = {
        alias.asname or alias.name for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert names == set(ovt.__all__)
    assert all(getattr(ovt, name).__doc__ for name in ovt.__all__)
    with pytest.raises(AttributeError, match="no attribute 'biuld'"):
        _ = ovt.biuld


def test_the_examples_in_docstrings(built):
    names = {"ovt": ovt, "home": built.home}
    results = [
        doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(example)
        for example in doctest.DocTestFinder(exclude_empty=True).find(api, "api", globs=names)
    ]
    assert sum(result.attempted for result in results) >= 8
    assert sum(result.failed for result in results) == 0


def test_the_same_version_from_a_recipe_as_dicts_from_settings_and_from_an_object(built):
    tree = tomllib.loads((ROOT / "recipes" / "pocket.toml").read_text())
    assert ovt.build(tree, limit=20, home=built.home) == built
    assert ovt.build(built.manifest.provenance.recipe, limit=20, home=built.home) == built
    other = tree | {"name": "other"}
    settings = {"name": "pocket", "reason.sampling": tree["reason"]["sampling"]}
    assert ovt.build(other, set=settings, limit=20, home=str(built.home.path)) == built


def test_inside_a_running_event_loop(built):
    async def cell() -> tuple[ovt.Version, ovt.Version]:
        return ovt.build("pocket", limit=20, home=built.home), await ovt.abuild("pocket", limit=20, home=built.home)

    assert asyncio.run(cell()) == (built, built)


def test_a_version_gives_its_rows_and_tables(built):
    rows = built.data("sft")
    assert len(rows) == built.manifest.rows["sft"] == len(built.table("sft"))
    assert rows[0]["images"][0].size == (112, 112)
    assert len(built.table("questions")) == 20
    assert built.scan("samples").collect().equals(built.table("samples"))
    assert (
        len(ovt.build("pocket", set={"name": "none", "filter.length.max_words": 1}, limit=2, home=built.home).data())
        == 0
    )


def test_reports_show_themselves(built):
    question = built.table("questions")["question_id"][0]
    loose = ovt.build("pocket", set={"name": "loose", "filter.mentions.mode": "mark"}, limit=20, home=built.home)
    reports = [
        *(built.funnel(by) for by in ("stage", "source", "reason")),
        built.stats(),
        built.why(question),
        ovt.diff(built, loose, built.home),
        ovt.diff("pocket", "loose", built.home),
        ovt.what_if("pocket", {"filter.mentions.mode": "mark"}, built.home),
        ovt.plan("pocket", limit=5, home=built.home),
    ]
    for report in reports:
        html = report._repr_html_()
        assert html.startswith("<div>")
        assert "<table" in html
        assert str(report)
    assert built._repr_html_() == built.funnel()._repr_html_()


def test_what_data_says_is_escaped(built, home):
    nasty = "<script>alert(1)</script>\x1b[31m"
    told = built.why(built.table("questions")["question_id"][0]).data
    from ovt.curate.reports.why import report

    html = report({"stories": [told | {"question": told["question"] | {"question": nasty}}]})._repr_html_()
    assert "<script" not in html
    assert "\x1b" not in html


def test_a_plan_asks_nothing(home):
    plan = ovt.plan("pocket", limit=3, set={"reason.k": 2}, home=home)
    assert [(row["stage"], row["wanted"], row["calls"]) for row in plan.data] == [("caption", 3, 3), ("reason", 6, 3)]
    assert ovt.versions(home=home) == []


def test_a_plan_counts_what_is_asked_again(built, monkeypatch):
    def calls(**named) -> int:
        return sum(row["calls"] for row in ovt.plan("pocket", limit=20, home=built.home, **named).data)

    monkeypatch.setattr("ovt.curate.endpoints.jobs.kind_of", lambda reply: "truncated")
    assert calls(retry=["empty"]) == 0
    assert calls(retry=["truncated"]) > 20
    assert calls() == 0  # a plan forgets no reply


def test_settings_from_an_iterator_are_in_the_recipe_and_in_how_to_rebuild(home):
    settings = iter(["reason.k=3"])
    chosen, session = api.agreed_build("pocket", settings, api.open_session(home, 5))
    assert chosen.reasoners[0].k == 3
    assert session.rebuild == "ovt curate build pocket --set reason.k=3 --limit 5"


def test_an_evaluation(built):
    done = ovt.evaluate("pocket", "pocket", limit=3, home=built.home)
    assert done == ovt.evaluate("pocket", "pocket", limit=3, home=built.home)
    assert [one.name for one in ovt.evaluations(built.home)] == [done.name] == ["pocket-pocket"]
    assert asyncio.run(ovt.aevaluate("pocket", "pocket", limit=3, home=built.home)) == done


def test_mistakes_are_one_line(home):
    with pytest.raises(ovt.RecipeError, match=r"did you mean k\?"):
        ovt.build("pocket", set={"reason.kk": 8}, home=home)
    with pytest.raises(ovt.OvtError, match="no versions under"):
        ovt.load("charts", home)
    with pytest.raises(ovt.RecipeError, match="give text, a number"):
        ovt.build("pocket", set={"reason.k": None}, home=home)
    with pytest.raises(ovt.RecipeError, match="nothing to compare: give the names of two evaluations"):
        ovt.compare(home=home)
    with pytest.raises(ovt.RecipeError, match="the recipe: "):
        ovt.build({"name": "x"}, home=home)


values = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a.b c-é0", max_size=4), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@given(values)
def test_settings_are_the_same_as_on_the_command_line(value):
    (override,) = api.overrides({"a.b": value})
    key, _, text = override.partition("=")
    assert (key, toml_value(text)) == ("a.b", value)


def test_the_home_is_found_as_on_the_command_line(monkeypatch, tmp_path):
    monkeypatch.setenv("OVT_HOME", str(tmp_path / "there"))
    assert api.place(None) == Home(tmp_path / "there")
    assert api.place("elsewhere") == Home(Path("elsewhere").absolute())
