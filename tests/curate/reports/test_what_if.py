"""A version under other settings is what a build with these settings makes of the same replies."""

import json
import shutil

import polars as pl
import pytest
from datasets import load_dataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ovt.core.errors import OvtError, RecipeError
from ovt.core.home import Home
from ovt.curate.reports.chunks import KEPT_ROWS, by_kept, sum_kept
from ovt.curate.reports.diff.diff import compare, open_side
from ovt.curate.reports.funnel import by_stage
from ovt.curate.reports.what_if import Saving, _values, by_column, report, what_if
from ovt.curate.versions.profile import NEEDED, summarise
from ovt.curate.versions.read import open_version, scan_rows, verify_files


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return Home(tmp_path_factory.mktemp("whatif"))


@pytest.fixture(scope="module")
def replies(home, make_replies):
    return make_replies(home, 40)


@pytest.fixture(scope="module")
def version(home, replies, recipe_with):
    """One version for all tests that only read it, or save others beside it."""
    return replies.write(home, recipe_with())


few = settings(max_examples=8, suppress_health_check=list(HealthCheck))
changes = st.fixed_dictionaries(
    {},
    optional={
        "reason.k": st.integers(1, 4),
        "select.strategy": st.sampled_from(["longest_correct", "median_correct", "random_correct", "all_correct"]),
        "filter.length.max_words": st.integers(5, 40),
        "filter.reflection.mode": st.sampled_from(["off", "drop"]),
        "filter.mentions.mode": st.sampled_from(["drop", "off"]),
        "difficulty.easy": st.sampled_from([0.5, 1.0]),
        "data.prompt": st.just("{question}"),
        "verify.kind": st.just("number"),
    },
)


def files(version):
    return {name: entry.sha256 for name, entry in version.manifest.files.items() if name != "README.md"}


def test_without_a_change_nothing_changes(version, home):
    about = what_if(version, [], saving=Saving("same", home, "-"))
    assert about["settings"] == []
    assert about["funnel"]["a"] == about["funnel"]["b"] == by_stage(version)
    assert about["stats"]["a"] == about["stats"]["b"] == summarise(scan_rows(version.path, NEEDED))
    assert {name: about["rows"][name] for name in ("changed", "removed", "added")} == dict.fromkeys(
        ("changed", "removed", "added"), 0
    )
    saved = open_version(about["saved"], home)
    assert saved.manifest.content_hash == version.manifest.content_hash
    assert files(saved) == files(version)


@few
@given(changed=changes)
def test_it_is_the_build_with_these_settings(changed, version, replies, home, recipe_with):
    overrides = [f"{key}={json.dumps(value)}" for key, value in changed.items()]
    about = what_if(version, overrides, saving=Saving("if", home, "-"))
    saved = open_version(about["saved"], home)
    tree = recipe_with(name="built").model_dump(mode="json", exclude_none=True)
    for key, value in changed.items():
        section, *inner, last = key.split(".")
        node = tree[section]
        for name in inner:
            node = node[name]
        node[last] = value
    built = replies.write(home, type(recipe_with()).model_validate(tree))
    assert files(saved) == files(built)
    assert saved.manifest.funnel == built.manifest.funnel
    assert about["funnel"]["b"] == by_stage(built)
    assert about["stats"]["b"] == summarise(scan_rows(built.path, NEEDED))


@few
@given(changed=changes)
def test_the_rows_that_change_are_those_of_a_diff(changed, version, home):
    overrides = [f"{key}={json.dumps(value)}" for key, value in changed.items()]
    about = what_if(version, overrides, saving=Saving("if", home, "-"))
    found = compare(open_side(version.ref, home), open_side(about["saved"], home)).about
    statuses = ("same", "changed", "removed", "added")
    assert {name: about["rows"][name] for name in statuses} == {name: found["rows"][name] for name in statuses}
    for name in ("removed", "added", "changed"):
        assert about[name] == found[name]


def test_examples_say_what_became_of_rows_and_why(version, home):
    about = what_if(version, ["filter.length.max_words=12"], examples=2)
    removed = [one for one in about["examples"] if one["status"] == "removed"]
    assert len(removed) == 2
    assert {one["stage"] for one in removed} == {"filter"}
    assert all("more than 12" in one["detail"] for one in removed)
    assert all(one["a"]["completion"].startswith("<think>") and one["b"] is None for one in removed)
    about = what_if(version, ["filter.reflection.mode=off", "select.strategy=longest_correct"], examples=9)
    edited = next(one for one in about["examples"] if "sample" in one["kinds"])
    assert edited["a"]["sample_id"] != edited["b"]["sample_id"]
    assert "".join(text for what, text in edited["pieces"] if what != "removed") == edited["b"]["completion"]
    assert json.loads(json.dumps(about))["rows"] == about["rows"]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("reason.k=8", "asks only for the other 4"),
        ("reason.prompt=\"{question} {caption}\"", "reason.prompt needs a model or other questions"),
        ("reason.sampling.temperature=0.1", "reason.sampling.temperature needs a model"),
        ("caption.prompt=x", "caption.prompt needs a model"),
        ("sources.0.path=b.csv", "sources.0.path needs a model or other questions"),
        ("endpoints.server.model=x", "endpoints.server.model needs a model"),
        ("verify.judge.endpoint=server", "verify.judge"),
        ("name=other", "--save-as"),
        ("filter.lenght.max_words=3", "did you mean length?"),
        ("filter.length.max_words=few", "filter.length.max_words is 'few'"),
        ("filter.length.max_words", "has no value"),
    ],
)  # fmt: skip
def test_what_only_a_model_can_answer_is_refused_in_one_line(version, home, override, said):
    with pytest.raises(RecipeError) as refused:
        what_if(version, [override])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_setting_that_is_as_it_was_is_no_change(version, home):
    assert what_if(version, ["reason.k=4", "caption.endpoint=server"])["settings"] == []


def test_a_saved_version_names_its_parent_and_how_to_make_it_again(version, home):
    about = what_if(
        version,
        ["select.strategy=longest_correct"],
        saving=Saving("kin", home, "ovt data what-if …", git_commit="c0ffee"),
    )
    saved = open_version(about["saved"], home)
    made = saved.manifest.provenance
    assert (made.parent, made.rebuild, made.git_commit) == (version.manifest.hash_ref, "ovt data what-if …", "c0ffee")
    assert (made.recipe["name"], made.recipe["select"]["strategy"]) == ("kin", "longest_correct")
    assert made.inputs == version.manifest.provenance.inputs
    assert f"Made from version {version.manifest.hash_ref}" in (saved.path / "README.md").read_text()
    verify_files(saved)


def test_many_chunks_and_verdicts_are_read_not_given_anew(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)
    replies = make_replies(home, 4_100, images=1)

    def judge(answered, questions):
        right = pl.col("index") % 2 == 0
        verdict = answered.select(
            "sample_id",
            "question_id",
            pl.when(right).then(pl.lit("correct")).otherwise(pl.lit("wrong")).alias("outcome"),
        )
        names = ("kind", "reason", "extracted", "normalized_prediction", "normalized_gold", "explanation")
        return verdict.with_columns(pl.lit("made up").alias(name) for name in names)

    version = replies.write(home, recipe_with(), judge)
    about = what_if(version, [], saving=Saving("same", home, "-"))
    assert open_version(about["saved"], home).manifest.content_hash == version.manifest.content_hash
    assert about["rows"]["same"] == sum(version.manifest.rows[split] for split in ("sft", "rl"))


def test_verdicts_are_given_anew_where_asked(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)

    def strict(answered, questions):
        names = ("kind", "reason", "extracted", "normalized_prediction", "normalized_gold", "explanation")
        verdict = answered.select("sample_id", "question_id", outcome=pl.lit("wrong"))
        return verdict.with_columns(pl.lit("strict").alias(name) for name in names)

    version = make_replies(home, 10).write(home, recipe_with(), strict)
    assert version.manifest.rows["sft"] == 0
    assert what_if(version, [])["rows"]["b"]["sft"] == 0
    again = what_if(version, [], judge_again=True)
    assert again["rows"]["b"]["sft"] > 0
    assert {"kind": "split", "rows": again["rows"]["b"]["sft"]} in again["changed"]


def test_images_come_from_the_version_where_the_home_has_lost_them(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)
    version = make_replies(home, 10).write(home, recipe_with())
    shutil.rmtree(home.images)
    about = what_if(version, ["data.prompt={question}"], saving=Saving("again", home, "-"))
    assert about["changed"] == [{"kind": "prompt", "rows": version.manifest.rows["sft"] + version.manifest.rows["rl"]}]
    assert shown_images(open_version("again", home)) == shown_images(version)


def shown_images(version):
    """What `load_dataset` gives: the pixels of each row's images, by question."""
    rows = load_dataset(str(version.path), split="sft+rl", cache_dir=str(version.path.parents[2] / "cache"))
    return {row["question_id"]: [image.tobytes() for image in row["images"]] for row in rows}


def test_an_image_that_is_nowhere_is_named(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)
    replies = make_replies(home, 10)
    version = replies.write(home, recipe_with(filter={"length": {"max_words": 12}}))
    shutil.rmtree(home.images)
    with pytest.raises(OvtError, match=r"image .* is not in"):
        what_if(version, ["filter.length.max_words=400"], saving=Saving("again", home, "-"))


def test_an_edited_version_is_named_and_not_saved_from(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)
    version = make_replies(home, 10).write(home, recipe_with())
    card = version.path / "README.md"
    card.chmod(0o644)
    card.write_text("mine")
    with pytest.raises(OvtError, match=r"README\.md was changed"):
        what_if(version, [], saving=Saving("again", home, "-"))


def test_a_version_with_a_table_gone_is_named_without_saving_too(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)
    version = make_replies(home, 10).write(home, recipe_with())
    (version.path / "ledger" / "samples.parquet").unlink()
    with pytest.raises(OvtError, match=r"samples\.parquet is missing"):
        what_if(version, [])


def test_a_version_without_any_kept_row(tmp_path, make_replies, recipe_with):
    home = Home(tmp_path)
    nothing = {"length": {"min_words": 10_000}}
    replies = make_replies(home, 2)
    version = replies.write(home, recipe_with(filter=nothing))
    assert version.manifest.rows["sft"] == 0
    about = what_if(version, ["filter.length.min_words=1"], saving=Saving("again", home, "-"))
    assert open_version(about["saved"], home).manifest.rows["rl"] == about["rows"]["b"]["rl"]


def test_a_recipe_of_another_ovt_is_refused_in_one_line(tmp_path, home, version, make_replies, recipe_with):
    other = Home(tmp_path)
    older = make_replies(other, 5).write(other, recipe_with())
    made = older.manifest.provenance
    manifest = older.manifest.model_copy(
        update={"provenance": made.model_copy(update={"recipe": made.recipe | {"magic": 1}})}
    )
    with pytest.raises(RecipeError, match=r"written by ovt 0\.0\.9, cannot be used by this one: magic is not"):
        what_if(type(older)(older.path, 1, manifest), [])


def test_it_shows_itself(version):
    found = report(what_if(version, ["filter.length.max_words=12"], examples=2))
    assert found.title.startswith("small@v1 with filter.length.max_words = 12 (now ")
    text, html = str(found), found._repr_html_()
    for part in ("now: dropped", "too_long", "difficulty", "removed"):
        assert part in text
        assert part in html


def test_rows_by_what_sources_keep():
    questions = pl.DataFrame({"question_id": ["a", "b", "c"], "grade": [3, 4, None]})
    rows = [pl.DataFrame({"question_id": ids}) for ids in (["a", "a", "b", "c"], ["a", "b"])]
    counted = by_column(sum_kept([by_kept(questions, *rows)] * 2))
    told = {one["value"]: (one["a"], one["b"]) for one in counted["kept"]["grade"]}
    assert told == {"3": (4, 2), "4": (2, 2), None: (2, 0)}
    assert by_column(KEPT_ROWS.to_frame()) == {}
    many = [{"value": str(n), "a": 20 - n, "b": 1} for n in range(14)]
    assert _values(counted["kept"]["grade"]) == "3 4 → 2, none 2 → 0, 4 2"
    assert _values(many).endswith("11 9 → 1 and 2 more")
