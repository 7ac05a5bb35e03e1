"""`ovt data head`, `list`, `rm` and `clean`: what was dropped, what changed, and what can go."""

import json

import pytest
from typer.testing import CliRunner

from ovt.cli import app
from ovt.core.errors import OvtError, RecipeError
from ovt.core.files import staging, write_file
from ovt.core.text import size
from ovt.curate.reports.head import Pick, head
from ovt.curate.reports.show import listing
from ovt.curate.reports.why import look_up
from ovt.curate.sources.images import image_path
from ovt.curate.versions.read import list_versions
from ovt.curate.versions.tidy import remove, to_remove, unused


def test_dropped_rows_are_shown_with_their_questions_and_replies(make_build, home):
    version = make_build(12).write(home)
    ends = [row for row in head(version, Pick(999, dropped="any")) if row["level"] == "sample"]
    assert ends
    assert {row["stage"] for row in head(version, Pick(999, stage="verify"))} == {"verify"}
    wrong = head(version, Pick(2, dropped="wrong", stage="verify"))
    assert len(wrong) == 2
    assert all(row["reason"] == "wrong" and row["text"] and row["gold"] and row["question"] for row in wrong)
    gold = wrong[0]["gold"]
    assert {row["gold"] for row in head(version, Pick(9, dropped="wrong", where=f"gold = '{gold}'"))} == {gold}
    assert [row["stage"] for row in head(version, Pick(1, stage="import"))] == ["import"]


def test_rows_at_random_are_the_same_for_a_seed(make_build, home):
    version = make_build(30).write(home)
    drawn = [[row["question_id"] for row in head(version, Pick(4, seed=seed))] for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert {row["n_correct"] for row in head(version, Pick(99, where="n_correct = 0"))} == {0}


@pytest.mark.parametrize(
    ("pick", "said"),
    [
        (Pick(dropped="wrng"), "no row that was dropped as 'wrng'; did you mean wrong?"),
        (Pick(dropped="wrong", stage="import"), "no row that was dropped at import as 'wrong'; reasons: "),
        (Pick(stage="verfy"), "'verfy' drops nothing: choose among import, "),
        (Pick(where="pas_rate > 1"), "where names 'pas_rate'"),
        (Pick(where="EXISTS (SELECT 1)"), "only an expression"),
        (Pick(dropped="wrong", split="rl"), "are in no split"),
    ],
)
def test_mistakes_are_told(make_build, home, pick, said):
    version = make_build(12).write(home)
    with pytest.raises(OvtError) as refused:
        head(version, pick)
    assert said in str(refused.value)


def test_a_source_id_a_gold_and_a_detail_find_the_question(make_build, home):
    build = make_build(12)
    version = build.write(home)
    question = build.questions[3]
    for wanted in (question["source_id"], f"{question['source']} {question['source_id']}"):
        assert look_up([version], wanted)["stories"][0]["id"] == question["question_id"]
    dropped = next(row for row in build.decisions if row["stage"] == "import")
    found = look_up([version], dropped["detail"])
    told = [one["id"] for one in found["stories"]] + [one["question_id"] for one in found["matches"]]
    assert dropped["question_id"] in told


def test_a_list_says_when_and_what_changed(make_build, home):
    make_build(6).write(home)
    make_build(8).write(home, recipe={"reason": {"k": 8}})
    first, second = listing(list_versions(home)[0])
    assert first["differs"] is None
    assert "reason.k" in second["differs"]
    assert second["written"].startswith("2")


def test_only_what_nothing_came_from_is_removed(make_build, home):
    first, second = make_build(6).write(home), make_build(8).write(home)
    record = home.runs / "charts-sft" / "run.json"
    write_file(record, json.dumps({"data": second.ref, "data_hash": second.manifest.content_hash}))
    with pytest.raises(OvtError, match="run charts-sft came from it"):
        to_remove(second, home)
    gone = to_remove(first, home)
    assert gone.bytes > 0
    assert first.path.is_dir()  # until it is removed
    remove([gone])
    assert [one.ref for one in list_versions(home)[0]] == [second.ref]


def test_a_version_named_twice_counts_once(make_build, home):
    version = make_build(6).write(home)
    line = ["data", "rm", version.ref, version.ref.partition("@")[0], "--home", str(home.path)]
    listed, removed = (CliRunner().invoke(app, [*line, *more]) for more in ([], ["--yes", "--json"]))
    (one,) = json.loads(removed.stdout)
    assert one["removed"]
    assert f"nothing was removed; with --yes, {size(one['bytes'])} would be freed" in listed.stdout
    assert not version.path.exists()


def test_a_clean_up_takes_what_nothing_shows(make_build, home):
    version = make_build(4).write(home)
    shown = {image for row in make_build(4).questions for image in row["images"]}
    lost = image_path(home, "ab" + "0" * 62)
    write_file(lost, b"x" * 10)
    (home.imports / ("a" * 64)).mkdir(parents=True)
    found = unused(home)
    assert {(one.what, one.path.name) for one in found if one.path.name in (lost.name, "a" * 64)} == {
        ("image", lost.name),
        ("import", "a" * 64),
    }
    assert not shown & {one.path.name for one in found}
    remove(found)
    assert not unused(home)
    assert all(image_path(home, image).exists() for image in shown)
    assert version.path.is_dir()


@pytest.mark.parametrize("table", ["versions/tiny/v1/ledger/questions.parquet", "evals/e/questions.parquet"])
def test_a_clean_up_names_the_table_that_it_cannot_read(make_build, home, table):
    make_build(4).write(home)
    (home.path / table).unlink(missing_ok=True)
    write_file(home.path / table, b"junk")
    with pytest.raises(OvtError, match=r"questions\.parquet (was changed|cannot be read)"):
        unused(home)


def test_a_running_build_keeps_everything(home):
    import time

    write_file(home.live / "build-charts.json", json.dumps({"when": time.time(), "stages": []}))
    with pytest.raises(OvtError, match="build-charts is running"):
        unused(home)


def test_an_import_that_runs_keeps_everything(home):
    """Its pictures are stored before any table of questions names them."""
    with staging(home.imports / "0123abcd", "rows"), pytest.raises(OvtError, match="an import is running"):
        unused(home)
    assert unused(home) == []


def test_a_folder_is_not_removed(make_build, home):
    from dataclasses import replace

    with pytest.raises((OvtError, RecipeError), match="delete it yourself"):
        to_remove(replace(make_build(4).write(home), ordinal=None), home)


def test_what_killed_writers_left_is_found_in_every_folder(home):
    places = [home.images, home.images / "ab", home.imports, home.runs, home.evals, home.versions / "charts"]
    parts = [place / ".thing.0123456789ab.part" for place in places]
    for part in parts:
        write_file(part, "x")
    assert {one.path for one in unused(home) if one.what == "leftover"} == set(parts)
