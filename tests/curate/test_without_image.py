"""`without_image = "keep"`: questions of text alone, beside those with pictures, through a whole build."""

import json
from pathlib import Path

import pytest
from PIL import Image

from ovt.core.errors import OvtError
from ovt.core.home import Home
from ovt.curate.build import build
from ovt.curate.export.export import export
from ovt.curate.recipe import Recipe
from ovt.curate.reports.why import story
from ovt.curate.run import Session
from ovt.curate.screen import dedup
from ovt.curate.screen.dedup import DedupSection
from ovt.curate.screen.fingerprints import pictures_in
from ovt.curate.sources.importing import import_sources
from ovt.curate.sources.section import SourceSection
from ovt.curate.versions.read import scan


def said(body: dict) -> str:
    content = body["messages"][0]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "[picture]") for part in content)


def recipe(path: Path, url: str, **sections) -> Recipe:
    tree = {
        "name": "mixed",
        "sources": [{"path": str(path), "without_image": "keep"}],
        "endpoints": {"server": {"base_url": url, "model": "test-model"}},
        "caption": {"endpoint": "server", "prompt": "Describe."},
        "reason": {"endpoint": "server", "k": 1},
    }
    return Recipe.model_validate(tree | sections)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Two questions with a picture, and two of text alone."""
    for i in range(2):
        Image.new("RGB", (56, 56), (i, 9, 90)).save(tmp_path / f"{i}.png")
    shown = [{"image": f"{i}.png", "question": f"What is number {i}?", "answer": "12"} for i in range(2)]
    told = [{"image": None, "question": f"What is 12 + {i} - {i}?", "answer": "12"} for i in range(2)]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (shown[0], told[0], told[1], shown[1])))
    return path


def test_a_question_of_text_alone_gets_no_caption_and_is_asked_without_one(rows, home, loopback, tmp_path):
    loopback.reply = lambda body, choice: "<think>Let me see.</think>It is.\n<answer>12</answer>"
    built = build(recipe(rows, loopback.url, dedup=DedupSection()), Session(home))
    asked = [said(seen.body) for seen in loopback.answered]
    assert sum(text == "[picture]Describe." for text in asked) == 2
    assert sum("What an image shows" in text for text in asked) == 2
    assert sorted(text.partition("\n")[0] for text in asked if text.startswith("What is 12")) == [
        "What is 12 + 0 - 0?",
        "What is 12 + 1 - 1?",
    ]
    data = scan(built, "sft").select("question_id", "images").collect()
    assert [len(images) for images in data["images"]] == [1, 0, 0, 1]
    told = story(built, data["question_id"][1])
    assert list(told["prompts"]) == ["reason"]
    count, _ = export(built, "llamafactory", tmp_path / "out", None, "0")
    assert count["rows"] == {"sft": 4}
    written = json.loads((tmp_path / "out" / "sft.json").read_text())
    assert [one["messages"][0]["content"].count("<image>") for one in written] == [1, 0, 0, 1]


def test_a_prompt_of_ones_own_has_an_empty_caption(rows, home, loopback):
    loopback.reply = lambda body, choice: "<think>Let me see.</think>It is.\n<answer>12</answer>"
    own = {"endpoint": "server", "k": 1, "prompt": "Seen:\n{caption}\nAsked: {question}"}
    build(recipe(rows, loopback.url, reason=own), Session(home))
    assert "Seen:\nAsked: What is 12 + 0 - 0?" in [said(seen.body) for seen in loopback.answered]


def test_rows_without_a_picture_are_dropped_unless_kept(tmp_path, home: Home):
    path = tmp_path / "rows.csv"
    path.write_text("question,answer\nWhat is 3 + 4?,7\nWhat is <image>?,7\n")
    kept = import_sources([SourceSection(path=str(path), without_image="keep")], home)
    assert kept.questions.select("question", "images").rows() == [("What is 3 + 4?", [])]
    assert kept.decisions["reason"].to_list() == ["image_tags_mismatch"]
    with pytest.raises(OvtError, match=r'no column for images.*without_image = "keep"'):
        import_sources([SourceSection(path=str(path))], home)
    assert "without_image" not in SourceSection(path="a.csv").model_dump(mode="json")


def test_two_questions_of_text_alone_may_ask_the_same(tmp_path, home: Home):
    path = tmp_path / "rows.csv"
    path.write_text("question,answer\nWhat is 3 + 4?,7\nwhat is  3 + 4 ?,7\nWhat is 2 + 4?,6\n")
    questions = import_sources([SourceSection(path=str(path), without_image="keep")], home).questions
    kept, gone, decisions = dedup.run(questions, pictures_in(questions, home), DedupSection())
    assert kept["gold"].to_list() == ["7", "6"]
    assert decisions["detail"].to_list() == [f"of {kept['question_id'][0]}: text 1.0 alike"]
    assert gone["question"].to_list() == ["what is  3 + 4 ?"]
