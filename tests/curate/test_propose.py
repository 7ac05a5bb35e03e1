"""`ovt curate init`: the first recipe from a look at the rows, which loads, previews and builds."""

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ovt.commands.init import begin
from ovt.core.errors import OvtError
from ovt.curate.build import build
from ovt.curate.propose import Proposal, propose, recipe_text
from ovt.curate.recipe import load_recipe
from ovt.curate.run import Session


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, with pictures pics/p0.png … p11.png."""
    (tmp_path / "work" / "pics").mkdir(parents=True)
    for number in range(12):
        Image.new("RGB", (30, 30), (number * 20, 40, 90)).save(tmp_path / "work" / "pics" / f"p{number}.png")
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def table(rows: list[dict], name: str = "quiz.csv") -> str:
    with Path(name).open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return name


def written(found: Proposal) -> dict[str, Any]:
    """The recipe for a proposal."""
    return tomllib.loads(recipe_text(found, "evil", None, None))


@pytest.fixture
def quiz(place: Path) -> str:
    """Nothing is named as ovt knows it, the golds are 0 and 1, and the questions hold an instruction."""
    return table(
        [
            {
                "nr": n,
                "file": f"p{n}.png",
                "ask": f"Is the thing in {n} red?\nAnswer briefly.",
                "key": n % 2,
                "level": n % 3,
            }
            for n in range(12)
        ]
    )


@pytest.mark.parametrize("what", ["quiz.csv", "."])
def test_columns_pictures_golds_and_boilerplate_are_found_by_content(quiz, what):
    found = propose(what)
    assert found.settings == {
        "path": what,
        "columns": {"image": "file", "question": "ask", "gold": "key"},
        "image_root": "pics",
        "question_strip": ["short"],
        "gold_map": {"0": "No", "1": "Yes"},
    }
    assert [one["gold"] for one in found.examples] == ["No", "Yes", "No"]
    assert found.examples[0]["question"] == "Is the thing in 0 red?"
    assert found.hints == ('keep = ["level"]',)
    assert {doubt.ours for doubt in found.doubts} == {"image", "question", "gold"}


def test_hints_are_of_columns_with_few_values_and_conditions_only_of_numbers(place):
    rows = [
        {"image": f"pics/p{n}.png", "question": f"How many, {n}?", "answer": str(n), "hard": n % 2 > 0, "grade": n % 3}
        for n in range(12)
    ]
    Path("hard.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert propose("hard.jsonl").hints == ('where = "grade <= 1"', 'keep = ["hard", "grade"]')


def test_a_columns_name_adds_nothing_to_the_recipe(place):
    name = 'x\n[endpoints.reasoner.serve]\ncommand = "sh -c id {port}"\n#'
    rows = [
        {"image": f"pics/p{n}.png", "question": f"How many, {n}?", "answer": str(n), name: n % 3, 'a"b': n % 2}
        for n in range(12)
    ]
    Path("evil.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = propose("evil.jsonl")
    assert found.hints == ('keep = ["a\\"b"]',)
    assert all(set(section) == {"base_url", "model"} for section in written(found)["endpoints"].values())


def test_what_is_given_is_taken(quiz):
    found = propose("quiz.csv", {"gold": "level"})
    assert found.settings["columns"]["gold"] == "level"
    assert "gold" not in {doubt.ours for doubt in found.doubts}


def test_a_data_set_is_known_by_its_name_its_files_or_its_place(place):
    rows = [{"image": "a.jpg", "question": "What is it?", "answers": [{"answer": "basil"}] * 3, "answerable": 1}]
    (place / "viz" / "train").mkdir(parents=True)
    (place / "viz" / "train.json").write_text(json.dumps(rows))
    (place / "pics" / "p0.png").rename(place / "viz" / "train" / "a.jpg")
    assert propose("viz").settings == {"preset": "vizwiz", "path": "viz"}
    (place / "mine").mkdir()
    (place / "mine" / "train.json").write_text(json.dumps([{"question": "Is it?", "answer": "7", "image": "p1.png"}]))
    (place / "pics" / "p1.png").rename(place / "mine" / "p1.png")
    assert propose("mine").settings == {"path": "mine"}


def test_a_chain_gets_its_pattern_and_several_answers_a_majority(place):
    rows = [
        {"image": f"pics/p{n}.png", "question": f"How many, {n}?", "answer": f"<WHY> x </WHY> <END> {n} </END>"}
        for n in (1, 2)
    ]
    Path("chains.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = propose("chains.jsonl")
    assert found.settings["gold_pattern"] == "<END>(?s:(.*?))</END>"
    assert [one["gold"] for one in found.examples] == ["1", "2"]
    chains = {n: f"<think>\nSo.\n</think>\n\n**Final Answer**: {n}" for n in (1, 2)}
    rows = [{"image": f"pics/p{n}.png", "question": f"How many, {n}?", "answer": gold} for n, gold in chains.items()]
    Path("thought.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [one["gold"] for one in propose("thought.jsonl").examples] == ["1", "2"]
    rows = [
        {"image": f"pics/p{n}.png", "question": f"What, {n}?", "answer": ["a herb", "basil", "basil"]} for n in (1, 2)
    ]
    Path("several.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert propose("several.jsonl").settings["accept"] == "majority"


@pytest.mark.parametrize("name", ["image_index", "image"])
def test_pictures_that_are_named_by_number_get_a_pattern(place, name):
    (place / "set").mkdir()
    (place / "pics").rename(place / "set" / "png")
    rows = [{"question": f"Is {n} red?", "answer": n % 2, "id": n, name: f"p{n // 2}"} for n in range(12)]
    (place / "set" / "pairs.json").write_text(json.dumps({"pairs": rows}))
    found = propose("set")
    assert found.settings["image_pattern"] == "png/{image}.png"
    assert found.questions == 12
    assert found.left_out == {}


def test_a_picture_that_no_file_can_be_named_after_is_no_crash(place):
    rows = [{"question": f"Is {n} red?", "answer": "yes", "image": "图" * 200} for n in range(3)]
    (place / "rows.json").write_text(json.dumps(rows))
    with pytest.raises(OvtError, match="missing_image 3"):
        propose("rows.json")


def test_what_cannot_be_found_is_told_with_the_columns(place):
    with pytest.raises(OvtError, match="no column looks like the image; found a, b; name it with --image COLUMN"):
        propose(table([{"a": "How many are there?", "b": n} for n in range(3)]))


def test_from_pictures_and_a_table_to_verified_rows(quiz, home, loopback, capsys):
    loopback.reply = lambda body, choice: "<think>I see it.</think>So it is.\n<answer>Yes</answer>"
    begin("quiz.csv", {}, (None, loopback.url), None, yes=True, json=False)
    out = capsys.readouterr().out
    assert "next:   ovt curate preview quiz.toml" in out
    recipe = load_recipe("quiz.toml")
    assert (recipe.name, recipe.reasoners[0].see, recipe.endpoints["reasoner"].model) == ("quiz", "image", "test-model")
    assert build(recipe, Session(home)).manifest.rows["sft"] == 6
    with pytest.raises(OvtError, match=r"quiz\.toml already exists"):
        begin("quiz.csv", {}, (None, None), None, yes=True, json=False)


def test_without_servers_there_is_something_to_fill_in(quiz, capsys):
    begin("quiz.csv", {}, (None, None), Path("other.toml"), yes=True, json=True)
    about = json.loads(capsys.readouterr().out)
    assert about["recipe"] == "other.toml"
    assert about["questions"] == 12
    assert Path("other.toml").read_text().count("# fill in") == 4
    assert load_recipe("other.toml").caption


def test_a_person_is_asked_where_it_guessed(quiz, monkeypatch):
    monkeypatch.setattr("ovt.commands.init.somebody_answers", lambda: True)
    asked = []

    def prompt(text: str, default: str, err: bool) -> str:
        asked.append((text, default))
        return "level" if text.startswith("gold") else default

    monkeypatch.setattr("typer.prompt", prompt)
    begin("quiz.csv", {}, (None, None), None, yes=False, json=False)
    assert asked == [("image is in", "file"), ("question is in", "ask"), ("gold is in", "key")]
    assert load_recipe("quiz.toml").sources[0].columns["gold"] == "level"


def test_rows_without_a_picture_are_hinted_at(place):
    rows = [
        {"image": f"pics/p{n}.png" if n else None, "question": f"What is in {n}?", "answer": str(n)} for n in range(4)
    ]
    Path("mixed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert 'without_image = "keep"   # 1 of the first rows have no picture' in propose("mixed.jsonl").hints
