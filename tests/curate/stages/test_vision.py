"""What is answered right without the picture is found by its replies alone."""

import polars as pl
import pytest

from ovt.core.errors import RecipeError
from ovt.core.schema import QUESTIONS, VERDICTS
from ovt.core.section import read_section
from ovt.curate.stages import vision
from ovt.curate.stages.samples import pictured
from ovt.curate.stages.vision import VisionSection


def questions(*images: list[str]) -> pl.DataFrame:
    rows = [(f"q{n}", ids, f"What is {n}? <image>", str(n), None, "s", str(n)) for n, ids in enumerate(images)]
    return pl.DataFrame(rows, QUESTIONS, orient="row")


def verdicts(*outcomes: tuple[str, str]) -> pl.DataFrame:
    rows = [
        {"sample_id": f"{question}-vision-{n}", "question_id": question, "outcome": outcome, "extracted": "12"}
        for n, (question, outcome) in enumerate(outcomes)
    ]
    return pl.DataFrame([dict.fromkeys(VERDICTS) | row for row in rows], VERDICTS)


def test_a_question_that_is_right_too_often_is_dropped():
    told = verdicts(("q0", "correct"), ("q0", "wrong"), ("q1", "correct"), ("q1", "correct"), ("q2", "abstain"))
    asked = questions(["a"], ["b"], ["c"], ["d"])
    for least, ids in ((1, ["q0", "q1"]), (2, ["q1"])):
        rest, ends = vision.run(vision.count(asked, told), VisionSection(endpoint="e", k=2, least=least))
        assert ends["id"].to_list() == ids
        assert rest.columns == asked.columns
        assert set(rest["question_id"]) == {"q0", "q1", "q2", "q3"} - set(ids)
        assert set(ends.select("level", "stage", "decision", "reason").rows()) == {
            ("question", "vision", "dropped", "right_unseen")
        }
    assert ends["detail"].to_list() == ["2 of 2 replies right without the picture: 12"]


def test_or_it_is_marked():
    told = verdicts(("q0", "correct"), ("q0", "wrong"), ("q2", "wrong"))
    asked = questions(["a"], ["b"], ["c"])
    rest, ends = vision.run(vision.count(asked, told), VisionSection(endpoint="e", k=2, drop=False))
    assert ends.is_empty()
    assert rest["right_unseen"].to_list() == [0.5, None, 0.0]
    assert rest.drop("right_unseen").equals(asked)


def test_grey_pictures_stand_where_the_pictures_would():
    asked = pictured(questions(["a", "b"], [], ["c"]))
    section = VisionSection(endpoint="e", k=3)
    first, second = vision.requests(asked, {"a": "A", "b": "B", "c": "C"}, section)
    content = first.messages[0]["content"]
    assert [part.get("image") for part in content] == ["B", None, "A", None]
    assert first.n == 3
    assert "What is 2?" in str(second.messages)


def test_settings_that_cannot_be():
    with pytest.raises(RecipeError, match="least = 3 of k = 2 replies cannot be right"):
        read_section(VisionSection, {"endpoint": "e", "k": 2, "least": 3}, "x")
    with pytest.raises(RecipeError, match="is missing, so the model would not see the question"):
        read_section(VisionSection, {"endpoint": "e", "prompt": "Look."}, "x")
