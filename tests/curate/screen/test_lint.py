"""What is wrong with questions."""

import json

import polars as pl
import pytest
from PIL import Image

from ovt.core.errors import OvtError, RecipeError
from ovt.core.schema import DECISIONS
from ovt.curate.questions import NO_CAPTIONS, Questions, read_questions
from ovt.curate.reports.lint import lint, names, says_answer
from ovt.curate.screen.dedup import DedupSection
from ovt.curate.screen.fingerprints import pictures_in
from ovt.curate.sources.images import image_path


@pytest.fixture
def found(home):
    """{rule: numbers of the questions that break it}."""

    def find(questions, captions=None, kind="auto"):
        said = NO_CAPTIONS.to_frame() if captions is None else pl.DataFrame(captions, NO_CAPTIONS, orient="row")
        asked = Questions("x", questions, DECISIONS.to_frame(), said, kind)
        rules = lint(asked, home, DedupSection(), 99)
        return {one.rule: [int(example["id"], 16) for example in one.examples] for one in rules}

    return find


def test_nothing_is_wrong_with_sound_questions(ask, found, figures):
    questions = ask(*((figure, f"What is number {at}?", str(at)) for at, figure in enumerate(figures[:4])))
    assert found(questions) == {}


def test_golds(ask, found, figures):
    questions = ask(
        (figures[0], "One?", "red", ["blue", "green"]),
        (figures[1], "Two?", "red", ["red", "Red"]),
        (figures[2], "Three?", ""),
    )
    assert found(questions) == {"gold_not_in_choices": [0], "duplicate_choices": [1], "empty_gold": [2]}


def test_golds_that_no_answer_matches(ask, found, figures):
    questions = ask(
        (figures[0], "Is it red?", "1"),
        (figures[1], "Is it blue?", "true"),
        (figures[2], "Which point is highest?", "B"),
        (figures[3], "Why?", "<SUMMARY> a </SUMMARY><CONCLUSION> b </CONCLUSION>"),
        (figures[4], "Which is it?", "B", ["red", "blue"]),
    )
    rules = {"gold_is_number": [0], "gold_is_boolean": [1], "gold_is_letter": [2], "gold_is_chain": [3]}
    assert found(questions) == rules


def test_a_kind_that_cannot_read_its_gold(ask, found, figures):
    assert found(ask((figures[0], "How many?", "a few")), kind="number") == {"unparseable_gold": [0]}


def test_questions(ask, found, figures):
    questions = ask((figures[0], " ?", "1"), (figures[1], "Which <image> and <image> match?", "no"))
    assert found(questions) == {"empty_question": [0], "image_tags_mismatch": [1]}


def test_control_tokens(ask, found, figures):
    questions = ask(
        (figures[0], "What is <|image_pad|>?", "1"),
        (figures[1], "Which?", "B", ["red", "<|im_end|>"]),
        (figures[2], "What is in <image>?", "3"),
    )
    assert found(questions) == {"control_token": [0, 1]}


def test_pictures(ask, found, figures, home):
    questions = ask(
        (figures[0], "One?", "1"),
        (Image.new("RGB", (90, 90), "red"), "Two?", "2"),
        (figures[1].resize((20, 90)), "Three?", "3"),
        (figures[2], "Four?", "4"),
        (figures[3], "Five?", "5"),
    )
    image_path(home, questions["images"][3][0]).write_bytes(b"\x89PNG broken")
    image_path(home, questions["images"][4][0]).unlink()
    assert found(questions) == {"unreadable_image": [3, 4], "blank_image": [1], "tiny_image": [2]}


def test_a_broken_image_is_named_in_one_line_that_is_always_the_same(ask, home, figures):
    questions = ask((figures[0], "One?", "1"))
    image_path(home, questions["images"][0][0]).write_bytes(b"\x89PNG broken")
    with pytest.raises(OvtError, match=r"image /\S+ is broken \(not PNG, JPEG.*\): remove it"):
        pictures_in(questions, home)


def test_the_same_picture_asked_again_and_contradicted(ask, found, figures, jpeg):
    questions = ask(
        (figures[0], "How many bars?", "3"),
        (jpeg(figures[0], 95), "how many bars", "3"),
        (jpeg(figures[0], 93), "How many bars??", "4"),
        (figures[1], "How many bars?", "5"),
    )
    assert found(questions) == {"same_picture": [1, 2], "near_duplicate": [1], "conflicting_gold": [2]}


def test_leaks(ask, found, figures):
    questions = ask(
        (figures[0], "The north-east tower is tall. Which tower is it?", "north-east tower"),
        (figures[1], "Is it red or blue?", "red"),
        (figures[2], "What is x? (The answer is 12.)", "12"),
        (figures[3], "What is 12 + 1?", "13"),
        (figures[4], "Which?", "B", ["cat", "dog"]),
    )
    captions = [(f"{3:016x}", "The sum is shown. The answer is 13."), (f"{4:016x}", "Correct answer: dog")]
    assert found(questions, captions) == {"gold_in_question": [0, 2], "gold_in_caption": [3, 4]}


@pytest.mark.parametrize(
    ("text", "gold", "says"),
    [
        ("The answer is 12", "12", True),
        ("answer: **12**.", "12", True),
        ("The correct option is (B)", "B", True),
        ("The answer to the question is twelve.", "twelve", True),
        ("The answer is 12.5", "12", False),
        ("The answer is 123", "12", False),
        ("There are 12 bars", "12", False),
    ],
)
def test_what_says_the_answer(text, gold, says):
    assert says_answer(text, gold) is says


def test_numbers_and_yes_are_in_questions_by_chance():
    assert not names("Is there a yes on sign 12?", "yes")
    assert not names("Is there a yes on sign 12?", "12")


@pytest.mark.timeout(20)
def test_long_hostile_texts_take_no_time(ask, found, figures):
    text = "answer to " * 20_000 + "answer" + " " * 50_000
    assert found(ask((figures[0], text, "12"))) == {}


def test_a_source_tells_what_the_import_refuses(home, figures, tmp_path):
    figures[0].save(tmp_path / "0.png")
    rows = [
        {"image": "0.png", "question": "How many?", "answer": "3"},
        {"image": "no.png", "question": "?", "answer": "1"},
    ]
    (tmp_path / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    asked = read_questions(str(tmp_path / "questions.jsonl"), home)
    assert [one.rule for one in lint(asked, home, DedupSection(), 1)] == ["empty_question", "missing_image"][1:]


def test_overrides_reach_a_source_and_not_a_version(home, figures, tmp_path):
    figures[0].save(tmp_path / "0.png")
    row = {"scan": "0.png", "query": "How many?", "label": "3"}
    (tmp_path / "questions.jsonl").write_text(json.dumps(row) + "\n")
    asked = read_questions(str(tmp_path / "questions.jsonl"), home, ["columns.image=scan"])
    assert len(asked.table) == 1
    with pytest.raises(RecipeError, match="give its recipe instead"):
        read_questions("charts@v1", home, ["a=1"])


@pytest.mark.parametrize("what", ["nowhere.toml", "nowhere.jsonl", "no-such-version"])
def test_no_such_thing_is_one_line(home, what):
    with pytest.raises(OvtError) as error:
        read_questions(what, home)
    assert "\n" not in str(error.value)
