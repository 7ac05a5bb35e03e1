"""`ovt data why` with several versions, and with a text in place of an id."""

import io

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

from ovt.cli import app
from ovt.commands.views.why import told
from ovt.core.errors import OvtError
from ovt.curate.reports.why import look_up, report, story

REASON = {"endpoint": "pocket", "k": 3, "see": "caption", "prompt": "Seen: {caption}\n{question}\n{choices}"}
RECIPE = {"name": "tiny", "caption": {"endpoint": "pocket", "prompt": "Describe it."}, "reason": REASON}


@pytest.fixture
def versions(home, make_build):
    return [make_build(count).write(home, recipe=RECIPE) for count in (6, 10)]


@pytest.fixture
def build(make_build):
    return make_build(10)


def printed(found) -> str:
    out = io.StringIO()
    Console(file=out, width=100, color_system=None).print(told(found))
    return out.getvalue()


def test_one_version_tells_its_story(versions, build):
    question_id = build.questions[0]["question_id"]
    found = look_up(versions[:1], question_id)
    assert found == {"stories": [story(versions[0], question_id)], "matches": [], "total": 0}


def test_a_story_shows_itself(versions, build):
    one, several = (report(look_up(some, build.questions[1]["question_id"])) for some in (versions[:1], versions))
    assert one.data["version"] == "tiny@v1"
    for shown in (str(one), one._repr_html_(), str(several), several._repr_html_()):
        assert "Describe it." in shown
        assert "verdict " in shown
    assert "0 of 3" in str(several)


def test_several_versions_tell_theirs_or_that_there_is_none(versions, build):
    new = build.questions[8]["question_id"]
    stories = look_up(versions, new)["stories"]
    assert stories == [{"version": "tiny@v1", "absent": "tiny@v1 has no such question"}, story(versions[1], new)]
    text = printed({"stories": stories, "matches": [], "total": 0})
    assert "tiny@v1 has no such question" in text


def test_equal_stories_are_told_once(versions, build):
    found = look_up(versions, build.questions[1]["question_id"])
    text = printed(found)
    assert "exactly as in tiny@v1" in text
    assert text.count("Describe it.") == 1


def test_a_question_with_a_corrected_gold_is_found_in_both(home, make_build):
    old, build = make_build(3), make_build(3)
    first = old.write(home, recipe=RECIPE)
    before = build.questions[0]["question_id"]
    for table in (build.questions, build.samples, build.verdicts, build.decisions, build.rows):
        for row in table:
            for name, value in row.items():
                if isinstance(value, str) and value.startswith(before):
                    row[name] = "c" * 16 + value.removeprefix(before)
    build.questions[0]["gold"] = "corrected"
    second = build.write(home, recipe=RECIPE)
    stories = look_up([first, second], before)["stories"]
    assert [one["question"]["gold"] for one in stories] == ["0", "corrected"]
    sample = look_up([first, second], f"{before}-reason-1")["stories"]
    assert [one["id"] for one in sample] == [f"{before}-reason-1", f"{'c' * 16}-reason-1"]


def test_a_text_in_one_question_tells_its_story(versions, build):
    found = look_up(versions, "which ONE  is number 3?")
    assert found["total"] == 1
    assert [one["id"] for one in found["stories"]] == [build.questions[3]["question_id"]] * 2


def test_a_text_in_several_lists_them(versions):
    found = look_up(versions[1:], "Which one")
    assert (found["stories"], found["total"], len(found["matches"])) == ([], 10, 10)
    assert {match["place"] for match in found["matches"]} == {"question"}
    assert "10 questions contain it" in printed(found)


def test_a_text_of_a_reply_is_found(versions):
    found = look_up(versions[:1], "<answer>green</answer>")
    assert found["total"] == 5
    assert all("-reason-" in match["place"] for match in found["matches"])


def test_a_text_that_could_be_an_id(versions, build):
    prefix = build.questions[0]["question_id"][:4]
    assert look_up(versions, prefix)["stories"]
    with pytest.raises(OvtError, match=f"has no text '{prefix}'"):
        look_up(versions, prefix, as_text=True)


@pytest.mark.parametrize("nothing", ["not there at all", " ", "(unclosed"])
def test_what_is_nowhere_is_one_line(versions, nothing):
    with pytest.raises(OvtError):
        look_up(versions, nothing, as_text=True)


def test_version_of_another_ovt_tells_all_but_its_prompts(home, make_build, build):
    recipe = {"reason": {"prompt": "{question}", "teacher": "an older key"}}
    version = make_build(3).write(home, recipe=recipe)
    path = next((version.path / "data").glob("sft-*"))
    path.chmod(0o644)
    pl.read_parquet(path).drop("mentions").write_parquet(path)
    found = look_up([version], build.questions[0]["question_id"])
    told_story = found["stories"][0]
    assert (told_story["prompts"], len(told_story["samples"]), len(told_story["rows"])) == ({}, 3, 1)
    assert "its recipe was written by another ovt (0.1.0)" in printed(found)


def test_command(home, versions, build):
    question_id = build.questions[0]["question_id"]
    options = ["--home", str(home.path)]
    for refs in (["tiny"], ["tiny@1", "tiny@2"]):
        done = CliRunner().invoke(app, ["data", "why", *refs, question_id, *options])
        assert done.exit_code == 0
        assert question_id in done.output
    assert (
        '"level": "question"'
        in CliRunner().invoke(app, ["data", "why", "tiny", question_id, "--json", *options]).output
    )
