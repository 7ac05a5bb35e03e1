"""`target_rows`: a build asks until it has kept that many rows, and kept columns travel into the version."""

import json
from typing import Any

import polars as pl
import pytest
from PIL import Image

import ovt
from ovt.core.errors import OvtError, RecipeError
from ovt.curate.build import build
from ovt.curate.enough import by_weight, how_many
from ovt.curate.recipe import Recipe
from ovt.curate.reports.diff.diff import compare
from ovt.curate.reports.funnel import by_column
from ovt.curate.reports.funnel import report as funnel_report
from ovt.curate.reports.what_if import Saving, what_if
from ovt.curate.run import Session
from ovt.curate.sources.section import SourceSection
from ovt.curate.versions.guests import check_tables
from ovt.curate.versions.profile import profile
from ovt.curate.versions.read import kept_in, open_version, scan, verify_files


@pytest.fixture
def make_recipe(tmp_path, loopback):
    """make_recipe(**keys): 80 questions in two sources; every second one is answered right."""
    sources = []
    for name in ("a", "b"):
        rows = []
        for i in range(40):
            number = i + 40 * (name == "b")
            Image.new("RGB", (30, 30), (number, 9, 90)).save(tmp_path / f"{number}.png")
            rows.append({"image": f"{number}.png", "question": f"What is number {number}?", "answer": "12",
                         "grade": i % 3, "subject": "odd" if i % 2 else "even", "id": f"row {i}"})  # fmt: skip
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        sources.append({"path": str(tmp_path / f"{name}.jsonl")})
    loopback.reply = answer

    def make(source: dict[str, Any] | None = None, **keys: Any) -> Recipe:
        tree = {
            "name": "small",
            "sources": [{**one, **(source or {})} for one in sources],
            "endpoints": {"server": {"base_url": loopback.url, "model": "test-model"}},
            "reason": {"endpoint": "server", "k": 1, "see": "image"},
            **keys,
        }
        return Recipe.model_validate(tree)

    return make


def answer(body: Any, choice: int) -> str:
    number = int(str(body["messages"]).partition("What is number ")[2].partition("?")[0])
    return f"<think>I see it.</think>It is.\n<answer>{12 + number % 2}</answer>"


def test_a_build_goes_on_until_it_has_kept_enough(make_recipe, home, loopback):
    session = Session(home)
    version = build(make_recipe(target_rows=20), session)
    assert version.manifest.rows["sft"] == 20
    assert len(loopback.answered) == version.manifest.rows["questions"] == 40
    assert scan(version, "questions").collect()["source"].to_list() == ["a", "b"] * 20
    assert session.progress.notes[-1] == "target_rows 20: 20 rows of 40 questions; the other 40 were not asked"
    assert build(make_recipe(target_rows=20), Session(home)).path == version.path
    assert len(loopback.answered) == 40


def test_it_says_why_it_has_too_few(make_recipe, home, loopback):
    session = Session(home)
    version = build(make_recipe(target_rows=60), session)
    assert (version.manifest.rows["sft"], version.manifest.rows["questions"]) == (40, 80)
    assert "only 40 rows, though all 80 questions were asked" in session.progress.notes[-1]
    loopback.status = lambda body: (500, {}) if True else None
    assert build(make_recipe(target_rows=10), Session(home)).manifest.rows["sft"] >= 10  # from stored replies alone


def test_a_plan_says_that_it_may_ask_less(make_recipe, home):
    told = str(ovt.plan(make_recipe(target_rows=20), home=home))
    assert "It stops asking at target_rows = 20; these figures are for all questions." in told
    assert "target_rows" not in str(ovt.plan(make_recipe(), home=home))


def test_without_a_target_nothing_changes(make_recipe):
    assert "target_rows" not in make_recipe().model_dump(mode="json")


def test_how_many_are_asked_next():
    assert how_many(5000, 0, 0) == 1250
    assert how_many(4600, 400, 1250) == 14375
    assert how_many(100, 0, 1250) == 5000  # none kept: more, but not everything at once
    assert how_many(1, 50, 100) == 16


def test_sources_are_mixed_by_weight():
    questions = pl.DataFrame({"source": ["a"] * 3 + ["b"] * 6, "n": range(9)})
    sources = [SourceSection(path="x", name="a"), SourceSection(path="x", name="b", weight=2)]
    assert by_weight(questions, sources)["source"].to_list() == [*"babbabbab"]
    assert by_weight(questions, sources).filter(source="b")["n"].is_sorted()


def test_kept_columns_are_in_the_version_and_its_reports(make_recipe, home, tmp_path):
    version = build(make_recipe({"keep": ["grade", "subject"]}), Session(home))
    verify_files(version)
    check_tables(version.path, version.manifest)
    assert kept_in(version) == pl.Schema({"grade": pl.Int64, "subject": pl.String})
    rows = scan(version, "sft").select("grade", "subject", "source").collect()
    assert (rows["grade"].unique().sort().to_list(), rows["subject"].unique().to_list()) == ([0, 1, 2], ["even"])
    counted = {row["subject"]: row["rows_out"] for row in by_column(version, "subject") if row["stage"] == "verify"}
    assert counted == {"even": 40, "odd": 0}
    told = {one["source"]: one["sft"] for one in profile(version, "grade")["by_source"]}
    assert told == dict(rows["grade"].cast(pl.String).value_counts().iter_rows())
    again = what_if(version, ["filter.length.max_words=1"], saving=Saving("other", home, "again"))
    assert kept_in(open_version(again["saved"], home)) == kept_in(version)
    drift = compare(version, version).about["drift"]
    assert {one["name"] for one in drift if one["group"] == "grade"} == {"0", "1", "2"}
    assert "dtype: int64" in (version.path / "README.md").read_text()
    for count in (lambda: profile(version, "answer"), lambda: funnel_report(version, "no")):
        with pytest.raises(RecipeError, match=r"to count by: choose .*grade, subject"):
            count()


def test_a_version_from_elsewhere_has_no_other_columns(make_recipe, home):
    version = build(make_recipe({"keep": ["grade"]}), Session(home))
    table = version.path / "ledger" / "decisions.parquet"
    table.chmod(0o644)
    pl.read_parquet(table).with_columns(grade=1).write_parquet(table)
    with pytest.raises(OvtError, match="does not have the columns of a version"):
        check_tables(version.path, version.manifest)
