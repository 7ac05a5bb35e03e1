"""[vision]: a build that leaves out what a model answers right without looking."""

import io
import json
import re
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

VISION = '\n[vision]\nendpoint = "server"\nk = 2\nprompt = "Unseen: {question}"\n'


@pytest.fixture
def seeing(shell, loopback):
    """The shell; the server says 0 to 5 right without looking."""
    usual = loopback.reply

    def reply(body, choice):
        if "Unseen: " not in str(body["messages"]):
            return usual(body, choice)
        number = int(re.findall(r"number (\d+)", str(body["messages"]))[0])
        return f"<answer>{number if number < 6 else number + 1}</answer>"

    loopback.reply = reply
    shell.recipe.write_text(shell.recipe.read_text() + VISION)
    return shell


def told(shell, *arguments):
    done = shell.run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def asked(loopback, what):
    return [seen.body for seen in loopback.answered if what in str(seen.body["messages"])]


def picture(body) -> Image.Image:
    import base64

    (part,) = (part for part in body["messages"][0]["content"] if part["type"] == "image_url")
    return Image.open(io.BytesIO(base64.b64decode(part["image_url"]["url"].partition(",")[2])))


def test_what_is_right_unseen_is_left_out(seeing, loopback, table):
    shell = seeing
    plan = {row["stage"]: row for row in told(shell, "curate", "build", str(shell.recipe), "--dry-run")}
    assert (plan["vision"]["wanted"], plan["caption"]["wanted"]) == (40, 20)
    built = shell.build()
    unseen = asked(loopback, "Unseen: ")
    assert {picture(body).getpixel((5, 5)) for body in unseen} == {(127, 127, 127)}
    assert {picture(body).size for body in unseen} == {(56, 56)}
    ends = table(built, "decisions")
    gone = ends.filter(ends["stage"] == "vision")
    assert len(gone) == 6
    assert set(gone["reason"]) == {"right_unseen"}
    assert len(asked(loopback, "Describe.")) == 14  # nothing more is asked about what was left out
    funnel = {row["stage"]: row for row in told(shell, "data", "funnel", "small") if row["level"] == "question"}
    assert (funnel["vision"]["rows_in"], funnel["vision"]["rows_out"]) == (20, 14)
    manifest = json.loads((shell.home / "versions" / "small" / "v1" / "manifest.json").read_text())
    (use,) = [use for use in manifest["usage"] if use["stage"] == "vision"]
    assert (use["samples"], use["failed"]) == (40, 0)
    assert [use["stage"] for use in manifest["provenance"]["models"]] == ["vision", "caption", "reason"]
    story = told(shell, "data", "why", "small", gone["id"][0])
    assert "2 of 2 replies right without the picture" in story["decision"]["detail"]
    calls = len(loopback.answered)
    assert shell.build()["ref"] == built["ref"]
    plan = {row["stage"]: row for row in told(shell, "curate", "build", str(shell.recipe), "--dry-run")}
    assert (plan["vision"]["calls"], plan["caption"]["rows"]) == (0, 14)
    settled = told(shell, "data", "what-if", "small", "--set", "select.strategy=longest_correct")
    assert settled["funnel"]["b"][1] == settled["funnel"]["a"][1]
    assert len(loopback.answered) == calls


def test_a_build_that_stops_at_the_budget_goes_on_to_the_same_bytes(seeing, loopback):
    shell = seeing
    stopped = shell.run("curate", "build", str(shell.recipe), "--max-tokens", "3000")
    assert stopped.returncode == 3
    built = shell.build()
    assert len(asked(loopback, "Unseen: ")) == 20  # nothing twice
    other = shell.build(home=shell.home.parent / "other")
    assert other["content_hash"] == built["content_hash"]


def test_or_they_are_marked(seeing):
    shell = seeing
    built = shell.build("--set", "vision.drop=false")
    rows = pl.concat([pl.read_parquet(path) for path in (Path(built["path"]) / "data").glob("*.parquet")])
    marks = dict(rows.select("answer", "right_unseen").iter_rows())
    assert marks == {number: 1.0 if int(number) < 6 else 0.0 for number in marks}
    assert {row["right_unseen"] for row in told(shell, "data", "funnel", "small", "--by", "right_unseen")}


def test_what_failed_unseen_is_listed_in_its_servers_words(seeing, loopback):
    shell = seeing
    refusal = (400, {"error": {"message": "no grey ones"}})
    loopback.status = lambda body: refusal if re.search(r"Unseen: .*number 7\b", str(body["messages"])) else None
    built = shell.build("--set", "limits.max_failed=1")
    (row,) = told(shell, "data", "failures", "small")
    assert (row["stage"], row["endpoint"], row["samples"]) == ("vision", "server", 2)
    assert row["said"] == "HTTP 400: no grey ones"
    assert row["of_stage"] == 0.05
    assert json.loads((Path(built["path"]) / "manifest.json").read_text())["usage"][-1]["stage"] == "vision"


def test_without_the_section_a_recipe_is_as_it_was():
    from ovt.curate.recipe import load_recipe

    assert "vision" not in load_recipe("pocket").model_dump(mode="json")
