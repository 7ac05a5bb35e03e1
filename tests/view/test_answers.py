"""The answers over HTTP: the numbers are those of the commands, and the filters count what they say."""

import json
import shutil
import time
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from ovt import api
from ovt.core.errors import OvtError
from ovt.core.files import locked, write_json
from ovt.core.home import Home
from ovt.core.progress import Progress, stage_lines
from ovt.curate.reports import funnel, why
from ovt.curate.reports.diff.diff import compare
from ovt.curate.versions.profile import profile
from ovt.curate.versions.read import list_versions, open_version, scan
from ovt.evaluation.compare import compare as compare_evaluations
from ovt.evaluation.results import open_evaluation
from ovt.train.runs import list_runs
from ovt.view.answers import ANSWERS, View, get
from ovt.view.catalog import contents
from ovt.view.filters import _bins
from ovt.view.rows import RANGES, _rounded


def plainly(value):
    return json.loads(json.dumps(value))


@pytest.fixture
def version(old_home):
    return open_version("small", old_home)


def test_the_numbers_are_those_of_the_commands(site, version, old_home):
    for by, count in {"stage": funnel.by_stage, "source": funnel.by_column, "reason": funnel.by_reason}.items():
        assert site.get("funnel", version="small", by=by) == plainly(count(version))
    assert site.get("stats", version="small") == plainly(profile(version))
    refs = [one.ref for one in list_versions(old_home)[0]]
    a, b = refs[0], refs[-1]
    assert site.get("diff", a=a, b=b) == plainly(compare(open_version(a, old_home), open_version(b, old_home)).about)
    id_ = scan(version, "questions").select("question_id").head(1).collect().item()
    assert site.get("question", version="small", id=id_) == plainly(why.story(version, id_))


def test_every_number_of_the_funnel_leads_to_as_many_rows(site, version):
    for row in funnel.by_stage(version):
        for end in row["dropped"] + row["kept_as"]:
            asked = {"level": row["level"], "stage": row["stage"], "reason": end["reason"], "limit": 500}
            page = site.get("rows", version="small", **asked)
            assert page["total"] == len(page["rows"]) == end["rows"]
            assert {(one["stage"], one["reason"]) for one in page["rows"]} == {(row["stage"], end["reason"])}


def test_bars_and_histograms_count_the_rows_behind_them(site):
    page = site.get("rows", version="small", outcome="wrong", limit=0)
    assert len(page["values"]["outcome"]) > 1  # a filter's own bars stay, so that one can choose among them
    for name in ("stage", "judged", "kind", "source", "model", "difficulty", "behaviour"):
        for one in page["values"][name]:
            under = site.get("rows", version="small", outcome="wrong", limit=0, **{name: one["value"]})
            assert under["total"] == one["rows"], (name, one)
    for name in RANGES:
        for one in page["ranges"][name]:
            span = f"{one['from']}..{one['to']}"
            assert site.get("rows", version="small", outcome="wrong", limit=0, **{name: span})["total"] == one["rows"]


def test_a_chosen_value_is_counted_however_rare(site, monkeypatch):
    every = site.get("rows", version="small", limit=0)["values"]["reason"]
    monkeypatch.setattr("ovt.view.filters.MOST_VALUES", 1)
    last = every[-1]
    shown = site.get("rows", version="small", limit=0, reason=last["value"])["values"]["reason"]
    assert (len(every) > 2, shown) == (True, [every[0], last])


def test_values_of_one_filter_add_up_and_filters_narrow(site):
    wrong, either = (
        site.get("rows", version="small", outcome=one, limit=0)["total"] for one in ("wrong", ["wrong", "correct"])
    )
    right = site.get("rows", version="small", outcome="correct", limit=0)["total"]
    assert either == wrong + right
    assert site.get("rows", version="small", outcome="wrong", stage="version", limit=0)["total"] < wrong


def test_one_walks_through_every_question_and_back(site, version):
    page = site.get("rows", version="small", each="question", limit=500)
    order = [one["question_id"] for one in page["rows"]]
    assert len(set(order)) == len(order) == page["total"]
    seen = [order[0]]
    while found := site.get("rows", version="small", each="question", after=seen[-1], limit=1)["rows"]:
        seen.append(found[0]["question_id"])
    assert seen == order
    while found := site.get("rows", version="small", each="question", before=seen[-1], limit=1)["rows"]:
        seen.append(found[0]["question_id"])
    assert seen[len(order) :] == order[-2::-1]


def test_search_finds_what_is_asked_and_what_is_said(site, version):
    said = scan(version, "samples").filter(pl.col("stage") == "reason").select("sample_id", "text").collect()
    asked = scan(version, "questions").select("question_id", "question").collect()
    for text in ("COLOUR  is", "think", "(.*", "$\\frac", "nothing holds this"):
        wanted = " ".join(text.lower().split())
        has = {id_ for id_, one in said.iter_rows() if one and wanted in " ".join(one.lower().split())}
        about = {id_ for id_, one in asked.iter_rows() if wanted in " ".join(one.lower().split())}
        page = site.get("rows", version="small", text=text, limit=500)
        expected = has | {id_ for id_, _ in said.iter_rows() if id_.split("-")[0] in about}
        assert {one["id"] for one in page["rows"]} == expected
        assert {one["id"] for one in page["rows"] if one["found"]} == has


def test_rows_are_sorted_by_length(site):
    tokens = [one["tokens"] for one in site.get("rows", version="small", sort="-tokens")["rows"]]
    known = [one for one in tokens if one is not None]
    assert known == sorted(known, reverse=True)
    assert tokens[: len(known)] == known


def test_a_what_if_reads_no_file(site, old_home, tmp_path):
    """A setting that names a file would say whether it is there; a pipe would hold a thread for ever."""
    view = View(old_home)
    for change in (f'filter.labels.file="{tmp_path}"', f'filter = {{ labels = {{ file = "{tmp_path}" }} }}'):
        with pytest.raises(OvtError, match="has no control here"):
            get(view, "what-if", {"version": ["small"], "set": [change]})
    assert site.get("what-if", version="small", set="filter.length.max_words=8")["settings"]


def test_a_question_is_found_elsewhere(site, old_home):
    (first, *_) = site.get("rows", version="small", level="question")["rows"]
    places = {one["ref"]: one for one in site.get("life", version="small", id=first["question_id"])}
    assert {one.ref for one in list_versions(old_home, "small")[0]} <= places.keys()
    assert all(0 <= one["right"] <= one["judged"] for one in places.values())


def test_an_evaluation_and_rollouts_are_rows_too(site, old_home):
    done = site.get("evaluation", name="done-test")
    page = site.get("rows", version="eval:done-test", limit=500)
    assert page["total"] == done["scores"]["answers"]
    right = {one["value"]: one["rows"] for one in page["values"]["outcome"]}.get("correct", 0)
    assert right == done["scores"]["outcomes"].get("correct", 0)
    story = site.get("question", version="eval:done-test", id=page["rows"][0]["question_id"])
    assert story["samples"][0]["verdict"]["outcome"] == page["rows"][0]["outcome"]
    learned = [run for run in list_runs(old_home) if list(run.rollouts.glob("*.parquet"))]
    ref = f"run:{learned[0].name}"
    steps = pl.read_parquet(learned[0].rollouts / "*.parquet")["step"].value_counts().rows()
    for step, count in steps:
        assert site.get("rows", version=ref, limit=0, **{"own.step": f"{step}..{step}"})["total"] == count
    assert sum(one["rows"] for one in site.get("rows", version=ref)["ranges"]["own.reward"]) == sum(
        dict(steps).values()
    )


METADATA = {
    "camera": ["left", "right", None],
    "indoors": [True, False, True],
    "lux": [-300, 17, 90_000],
    "blur": [0.25, 1.5, float("nan")],
    "<b>__proto__": ["x", "x", "y"],
    "source.1": ["a", "b", "c"],
}  # of questions, in turn


@pytest.fixture(scope="module")
def own(old_home, served, tmp_path_factory):
    """A home whose questions and kept rows have columns of their own."""
    home = Home(Path(shutil.copytree(old_home.path, tmp_path_factory.mktemp("own") / "home")))
    folder = home.versions / "small" / "v2"
    questions = pl.read_parquet(folder / "ledger" / "questions.parquet")
    further: dict[str, list] = {
        name: [values[at % 3] for at in range(len(questions))] for name, values in METADATA.items()
    }
    further["tags"] = [["list"]] * len(questions)
    write_over(folder / "ledger" / "questions.parquet", questions.with_columns(pl.DataFrame(further)))
    for path in (folder / "data").glob("*.parquet"):
        rows = pl.read_parquet(path)
        write_over(path, rows.with_columns(score=pl.int_range(len(rows)) * 10, camera=pl.lit("of the row")))
    with served(View(home)) as site:
        yield site


def write_over(path, table):
    path.chmod(0o644)
    table.write_parquet(path)


def test_own_metadata_are_filters(own):
    page = own.get("rows", version="small@v2", level="question", limit=500)
    bars = {name: {one["value"]: one["rows"] for one in page["values"].get(f"own.{name}", [])} for name in METADATA}
    assert bars["camera"].keys() == {"left", "right", "–"}
    assert bars["indoors"].keys() == {"true", "false", "–"}  # what was dropped at import has none
    assert bars["<b>__proto__"].keys() == {"x", "y", "–"}
    assert {"own.lux", "own.blur", "own.score"} < page["ranges"].keys()
    assert "own.tags" not in page["values"]
    known = [row["own.lux"] for row in page["rows"] if row["own.lux"] is not None]
    assert sum(one["rows"] for one in page["ranges"]["own.lux"]) == len(known) > 0
    for name in (*page["values"], *page["ranges"]):
        for one in page["values"].get(name, page["ranges"].get(name)):
            wanted = {name: one["value"] if "value" in one else f"{one['from']}..{one['to']}"}
            found = own.get("rows", version="small@v2", level="question", limit=0, **wanted)
            assert found["total"] == one["rows"], (name, one)
    lux = [row["own.lux"] for row in own.get("rows", version="small@v2", level="question", sort="own.lux")["rows"]]
    assert lux[: len(known)] == sorted(known)
    assert own.get("rows", version="small@v2", limit=0, **{"own.camera": "left"})["total"] > 0  # samples have it, too
    line = own.get("rows", version="small@v2", **{"own.lens": "x"})["error"]
    assert line == "'own.lens' is not a filter; did you mean own.lux?"


def test_own_metadata_are_part_of_the_story(own):
    (kept, *_) = own.get("rows", version="small@v2", stage="version", level="sample", sort="-own.score")["rows"]
    told = own.get("question", version="small@v2", id=kept["question_id"])
    assert told["own"]["score"] == kept["own.score"]
    assert set(METADATA) - {"camera"} < told["own"].keys()
    assert told["rows"][0]["camera"] == "of the row"
    assert told["own"]["camera"] == kept["own.camera"]  # the question's own


@pytest.mark.parametrize(
    ("numbers", "bars"),
    [
        (pl.Series([2**63 + 5, 1], dtype=pl.UInt64), None),
        (pl.Series([-(2**62), 2**62]), None),
        (pl.Series([1e20, 3.0]), None),
        (pl.Series([1e308, -1e308]), None),
        (pl.Series([1_700_000_000_000, 1_800_000_000_000]), 2),  # milliseconds since 1970
        (pl.Series([1e7, 1e7 + 1e-8]), 2),
        (pl.Series([2.0**53, 1.5]), 2),
        (pl.Series([0.0, 5e-324]), 1),
        (pl.Series([float("inf"), 0.25]), 1),
    ],
)
def test_own_numbers_of_any_size_are_a_filter_or_none(numbers, bars):
    table = _rounded(pl.DataFrame({"own.x": numbers}))
    assert ("own.x" in table.columns) == (bars is not None)
    if bars:
        rows: Any = SimpleNamespace(table=table)
        every = pl.Series([True] * 2)
        found = _bins(rows, every, every, "own.x")
        assert sum(one["rows"] > 0 for one in found) == bars
        for one in found:
            assert table["own.x"].is_between(one["from"], one["to"]).sum() == one["rows"]


def test_a_benchmarks_accuracy_is_that_of_its_commands(tmp_path):
    """Both count an answer inside thinking that never ends, which the strict verdicts of the rows do not."""
    home, path = Home(tmp_path / "home"), tmp_path / "out.jsonl"
    for name, said in (("a", "6"), ("b", "<think>so the answer is 5")):
        rows = [
            {"pid": str(n), "question": f"q{n}", "answer": "5", "answer_type": "integer", "response": said}
            for n in range(3)
        ]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        api.score(path, "mathvista", name=name, home=home)
    view = View(home)
    told = {one["name"]: one for one in get(view, "home", {})["evaluations"]}
    assert (told["a"]["accuracy"], told["b"]["accuracy"]) == (0.0, 1.0)
    assert get(view, "evaluation", {"name": ["b"]})["headline"]["accuracy"] == 1.0
    found = get(view, "compare", {"a": ["eval:a"], "b": ["eval:b"]})
    assert found["gain"] == plainly(compare_evaluations(["a", "b"], home).data[1]["against_first"])
    assert (found["better"], found["worse"], [one["right_b"] for one in found["flips"]]) == (3, 0, [1, 1, 1])


def test_one_damaged_place_hides_no_other(old_home, tmp_path):
    home = Home(Path(shutil.copytree(old_home.path, tmp_path / "home")))
    view = View(home)
    (first, *_) = get(view, "rows", {"version": ["small@v2"], "level": ["question"]})["rows"]
    asked = {"version": ["small@v2"], "id": [first["question_id"]]}
    before = [one["ref"] for one in get(view, "life", asked)]
    (home.versions / "rolled" / "v1" / "ledger" / "verdicts.parquet").unlink()
    (home.evals / "done-test" / "samples.parquet").write_bytes(b"PAR1")
    assert "rolled@v1" in before
    assert [one["ref"] for one in get(view, "life", asked)] == [ref for ref in before if ref != "rolled@v1"]
    shutil.rmtree(home.versions / "small" / "v1")  # which run:reinforced was trained on
    left = [one["ref"] for one in get(view, "life", asked)]
    assert left == [ref for ref in before if ref not in ("rolled@v1", "small@v1", "run:reinforced")]
    with pytest.raises(OvtError, match=r"the rows of eval:done-test cannot be read \(.*\): restore its files"):
        get(view, "rows", {"version": ["eval:done-test"]})


def test_half_of_a_surrogate_pair_is_no_text(old_home):
    for name, params in (("rows", {"text": "\ud800"}), ("rows", {"own.\udcff": "x"}), ("question", {"id": "\udcff"})):
        asked = {"version": ["small"]} | {key: [value] for key, value in params.items()}
        with pytest.raises(OvtError, match="is not a text: it holds half of a surrogate pair"):
            get(View(old_home), name, asked)


def test_a_versions_folder_is_shown_if_it_was_opened(old_home, tmp_path):
    folder = shutil.copytree(old_home.versions / "small" / "v2", tmp_path / "v2")
    view = View(Home(tmp_path / "home"), folders=(str(folder),))
    assert get(view, "version", {"version": [str(folder)]})["ref"] == str(folder)
    assert get(view, "rows", {"version": [str(folder)]})["total"] > 0


def test_home_tells_what_was_made_from_what(site, old_home):
    found = site.get("home")
    assert [one["ref"] for one in found["versions"]] == [one.ref for one in list_versions(old_home)[0]]
    refs = {one["ref"] for one in found["versions"]} | {f"run:{one['name']}" for one in found["runs"]}
    refs |= {f"eval:{one['name']}" for one in found["evaluations"]}
    assert found["made"]
    assert {ref for pair in found["made"] for ref in pair} <= refs
    assert [loop["loop"] for loop in found["loops"]] == ["tiny"]


def test_what_runs_is_live(site, old_home):
    assert site.get("home")["running"] == []
    progress = Progress()
    progress.begin("caption", 8).done = 2
    told = {"when": time.time() + 3_600, "stages": [asdict(line) for line in stage_lines(progress)]}
    write_json(old_home.live / "build-charts.json", told)
    (found,) = site.get("home")["running"]
    assert (found["name"], found["stages"][0]["cells"]["done"]) == ("build-charts", "2/8")
    write_json(old_home.live / "build-charts.json", told | {"when": 1.0})  # of a process that was killed
    assert site.get("home")["running"] == []


def test_a_run_that_goes_on_tells_its_loss_and_reward(old_home, tmp_path):
    home = Home(Path(shutil.copytree(old_home.path, tmp_path / "home")))
    (run,) = [one for one in list_runs(home) if one.name == "reinforced"]
    (run.path / "result.json").unlink(missing_ok=True)
    record = json.loads((run.path / "run.json").read_text())
    write_json(run.path / "run.json", record | {"status": "running"})
    with locked(run.path):
        told = {one["name"]: one for one in contents(home)["runs"]}
    assert told["reinforced"]["status"] == "running"
    assert told["reinforced"]["now"].keys() == {"step", "loss", "reward"}
    assert told["done"]["now"] == {}


def test_an_evaluation_is_told_as_by_its_command(site, old_home):
    report = open_evaluation("done-test", old_home).report()
    told = site.get("evaluation", name="done-test")["report"]
    assert [part["text"] for part in told if "text" in part] == [part for part in report.parts if isinstance(part, str)]
    (table,) = (part for part in told if "rows" in part)
    assert table["rows"][-1][0] == "all"


def test_a_run_has_its_curves(site, old_home):
    name = next(run.name for run in list_runs(old_home) if len(run.log) > 1)
    run = site.get("run", name=name)
    assert run["status"] == "done"
    assert all(len(points) > 1 and len(points[0]) == 2 for points in run["curves"].values())


@pytest.mark.parametrize(
    ("name", "params", "line"),
    [
        ("rows", {"version": "smal"}, "no version is named 'smal' under"),
        ("rows", {"version": "small", "outcom": "wrong"}, "'outcom' is not a filter; did you mean outcome?"),
        (
            "rows",
            {"version": "small", "tokens": "many"},
            "tokens is 'many': expected two numbers, such as tokens=100..200",
        ),
        ("rows", {"version": "small", "sort": "id"}, "rows cannot be sorted by 'id'"),
        ("rows", {"version": "small", "offset": "-1"}, "offset is '-1': expected a whole number"),
        ("rows", {"version": "small", "text": "a" * 501}, "a text of 501 characters cannot be searched for"),
        ("rows", {"version": "eval:../../x"}, "cannot name an evaluation"),
        ("evaluation", {"name": "../evals/done-test"}, "cannot name an evaluation"),
        ("version", {"version": str(Path(__file__).parent)}, "is not on view: open a version's folder with"),
        ("version", {"version": "/" + "a" * 5_000}, "is not on view"),
        ("diff", {"a": "small", "b": ".."}, "'..' is not on view"),
        ("rows", {"version": "run:nobody"}, "no run is named 'nobody'"),
        ("question", {"version": "small"}, "the parameter id is missing"),
        ("question", {"version": "eval:done-test", "id": "feed"}, "eval:done-test has no question 'feed'"),
        ("funnel", {"version": "small", "by": "gold"}, "by is 'gold': choose one of stage, source, reason, model"),
        ("row", {}, "'row' is not a known answer; did you mean rows?"),
    ],
)
def test_mistakes_are_told_in_a_line(site, name, params, line):
    assert line in site.get(name, **params)["error"]
    assert "\n" not in site.get(name, **params)["error"]


def test_every_answer_is_documented():
    page = (Path(__file__).parents[2] / "docs" / "view.md").read_text()
    assert [name for name in ANSWERS if f"`/api/{name}" not in page] == []
