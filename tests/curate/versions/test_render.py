"""What the data commands print, and that text of models and data sets can do nothing to a terminal."""

import io
import json
import re

import pytest
from rich.console import Console

from ovt.commands.views import data as render
from ovt.commands.views import why as stories
from ovt.commands.views.tables import view
from ovt.curate.reports.funnel import stage_table
from ovt.curate.reports.head import Pick, head
from ovt.curate.reports.show import describe, listing
from ovt.curate.reports.why import story
from ovt.curate.versions.ledger import funnel
from ovt.curate.versions.profile import outline
from ovt.curate.versions.read import list_versions, scan

HOSTILE = "[bold red]x[/bold red] [link=http://e]y[/link] \x1b[2J\x1b]0;title\x07 \x9b31m \r\b over\u202eright [/]"


def printed(renderable, width=100):
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None, legacy_windows=False).print(renderable)
    return out.getvalue()


def everything(version, home, question_id):
    """All that can be printed about a version, by command."""
    return {
        "list": render.version_list(listing(list_versions(home)[0])),
        "show": render.description(describe(version)),
        "head": render.rows_head(head(version, Pick())),
        "why": stories.story_told(story(version, question_id)),
        "why sample": stories.story_told(story(version, f"{question_id}-reason-1")),
        "funnel": view(stage_table(funnel(scan(version, "decisions")).to_dicts())),
    }


RECIPE = {"caption": {"endpoint": "pocket", "prompt": HOSTILE}, "reason": {"endpoint": "pocket"}}


def test_what_people_see(home, make_build):
    build = make_build(10)
    version = build.write(home, recipe=RECIPE)
    question_id = build.questions[0]["question_id"]
    text = {command: printed(shown) for command, shown in everything(version, home, question_id).items()}
    assert re.search(rf"tiny@v1 +{version.manifest.content_hash[:12]} +[\d-]+ [\d:]+ +4 +2 +10 .* 0\.03", text["list"])
    assert "rows        sft 4, rl 2" in text["show"]
    assert re.search(r"questions +import +11 +1 +10 +gold_empty 1", text["funnel"])
    assert "pass rate  2 of 3 samples correct (medium)" in text["head"]
    assert f"{question_id}-reason-1: dropped at select, not_selected" in text["why"]
    assert "verdict wrong: different ('green' against '0')" in text["why"]
    assert "in the data, split sft" in text["why"]
    assert f"{question_id}-reason-0" not in text["why sample"]


def test_what_machines_see_is_json(home, make_build):
    version = make_build(10).write(home, recipe=RECIPE)
    question_id = make_build(10).questions[0]["question_id"]
    for report in (outline(version), describe(version), head(version, Pick()), story(version, question_id)):
        assert json.loads(json.dumps(report)) == report


@pytest.mark.parametrize("width", [20, 100])
def test_hostile_text_is_only_text(home, make_build, width):
    build = make_build(5, text=HOSTILE)
    for row in build.questions + build.rows:
        row["source"] = HOSTILE
    version = build.write(home, recipe=RECIPE, parent=HOSTILE, rebuild=HOSTILE)
    for shown in everything(version, home, build.questions[0]["question_id"]).values():
        text = printed(shown, width)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", text)


def test_markup_of_models_is_printed_as_it_stands(home, make_build):
    build = make_build(5, text=HOSTILE)
    version = build.write(home, recipe=RECIPE)
    told = printed(stories.story_told(story(version, build.questions[0]["question_id"])))
    assert "[bold red]x[/bold red] [link=http://e]y[/link]" in told


def test_huge_text_is_cut(home, make_build):
    build = make_build(5, text="word " * 20_000)
    version = build.write(home, recipe=RECIPE)
    for shown in everything(version, home, build.questions[0]["question_id"]).values():
        assert len(printed(shown)) < 60_000


def test_version_without_rows(home, make_build):
    version = make_build(0).write(home)
    assert printed(render.rows_head(head(version, Pick()))) == "no such rows\n"
    assert "sft 0, rl 0" in printed(render.description(describe(version)))


def test_head_of_a_split(home, make_build):
    build = make_build(10)
    version = build.write(home)
    assert [row["split"] for row in head(version, Pick(9, split="rl"))] == ["rl", "rl"]
    first = head(version, Pick(1))[0]
    assert first["images"] == build.rows[0]["images"]
    assert (first["prompt"], first["completion"]) == (build.rows[0]["prompt"], build.rows[0]["completion"])
